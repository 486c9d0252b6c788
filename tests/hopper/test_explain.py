"""flexc explain --kernel: what it counts in machine code is what tools/sass_gates.py counts; without nvdisasm or NVRTC it says what is missing.

test_explain.py FLEXC [--all]. Exit 77 (skipped) where there is no NVRTC or nvdisasm.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tools"))
import sass_gates  # noqa: E402

SKIPPED = 77
FEW = [("causal", "bf16", 128), ("alibi", "bf16", 64), ("document", "f16", 256), ("mla_rope", "bf16", 64), ("softcap", "bf16", 128), ("t5_bias", "bf16", 64)]
ALL = [(path.stem, "bf16", dim) for path in sorted((ROOT / "dsl" / "gallery").glob("*.flex")) for dim in (64, 128, 256)]


def run(flexc, *arguments, **environment):
    return subprocess.run([flexc, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def counted(nvdisasm, cubin):
    """What explain says of a kernel, by the other counter."""
    kernels = sass_gates.read_elf(cubin)
    (name, items), = sass_gates.parse(sass_gates.disassemble(nvdisasm, cubin)).items()
    loop = sass_gates.judge(kernels[name], items, argparse.Namespace(tile=None, log=None, smem=None))["loop"]
    _, n, d, dv = loop["tile"]
    return {"keys": n, "slots": loop["slots"], "has_loop": loop["paths"]["full"]["has_loop"], "products": loop["hgmma"],
            "clocks": {"tensor": d // 16 * n // 2 + n // 16 * dv // 2, "mufu": 8 * loop["mufu"], "issue": loop["slots"]}}


def differences(explained, other):
    return [f"{key}: explain {explained[key]}, sass_gates {other[key]}" for key in other if explained[key] != other[key]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    try:
        nvdisasm = sass_gates.find_nvdisasm(None)
    except sass_gates.InputError as error:
        print(f"skipped: {error}")
        return SKIPPED
    faults, kernels = [], ALL if options.all else FEW
    for variant, dtype, dim in kernels:
        name = f"{variant} {dtype} {dim}"
        with tempfile.TemporaryDirectory() as folder:
            shared = {"FLEXC_CACHE_DIR": folder, "FLEXC_NVDISASM": nvdisasm}
            cubin = os.path.join(folder, "kernel.cubin")
            emitted = run(options.flexc, "emit", variant, "--stage", "cubin", "--dtype", dtype, "--head-dim", dim, "-o", cubin, "--json", **shared)
            if emitted.returncode == 3:
                print(f"skipped: {emitted.stderr.strip()}")
                return SKIPPED
            explained = run(options.flexc, "explain", variant, "--shape", "1,1,256,256", "--kernel", "--dtype", dtype, "--head-dim", dim, "--json", **shared)
            if emitted.returncode or explained.returncode:
                faults.append(f"{name}: {emitted.stderr}{explained.stderr}")
                continue
            kernel, other = json.loads(explained.stdout)["kernel"], counted(nvdisasm, cubin)
            faults += [f"{name}: {each}" for each in differences(kernel["main_loop"], other)]
            facts = json.loads(emitted.stdout)
            faults += [f"{name}: {field}" for field in ("registers", "spill_bytes", "smem_bytes") if kernel[field] != facts[field]]
            clocks = other["clocks"]
            bound = {"tensor": "tensor", "mufu": "MUFU", "issue": "issue"}[max(clocks, key=clocks.get)]
            said = kernel["static_prediction"]
            if said["bound"] != bound or abs(said["share_of_peak"] - clocks["tensor"] / max(clocks.values())) > 1e-9 or said["measured"]:
                faults.append(f"{name}: prediction {said}, clocks {clocks}")
            if not differences(kernel["main_loop"], {**other, "slots": other["slots"] + 1}):
                faults.append("a false count is not noticed")
            if (variant, dim) == ("causal", 128):
                text = run(options.flexc, "explain", variant, "--kernel", "--head-dim", dim, **shared).stdout
                faults += [f"{name}: no '{words}' in\n{text}" for words in ("registers", "a score of a tile that needs no mask", "static prediction, nothing measured") if words not in text]
                blind = run(options.flexc, "explain", variant, "--kernel", "--head-dim", dim, **{**shared, "FLEXC_NVDISASM": "/nowhere/nvdisasm"})
                if blind.returncode or "not counted: nvdisasm" not in blind.stdout or "registers" not in blind.stdout:
                    faults.append(f"without nvdisasm: {blind.stdout}{blind.stderr}")
                none = run(options.flexc, "explain", variant, "--kernel", "--head-dim", 64, **{**shared, "FLEXC_NVRTC": "/nowhere/libnvrtc.so"})
                if none.returncode or "not compiled: " not in none.stdout:
                    faults.append(f"without NVRTC: {none.stdout}{none.stderr}")
    # Dense rows that TMA cannot step over are copied, but not for the plain kernel, which asks no TMA.
    for dtype, kernel, is_copied in (("bf16", "hopper", True), ("f32", "simt", False)):
        explained = run(options.flexc, "explain", "causal", "--shape", "1,1,256,256", "--kernel", "--dtype", dtype, "--head-dim", 100, "--json")
        if explained.returncode or [json.loads(explained.stdout)["kernel"][key] for key in ("kernel", "repacks_dense")] != [kernel, is_copied]:
            faults.append(f"{dtype}, head dim 100: {explained.stdout}{explained.stderr}")
    for fault in faults:
        print(fault)
    print(f"explain and sass_gates agree on {len(kernels)} kernels" if not faults else f"{len(faults)} faults in {len(kernels)} kernels")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
