"""Whole kernels through `flexc emit --stage cubin`: variants × dtypes × head dims compile, and neither spill nor use a stack.

test_matrix.py FLEXC [--all | --negative] [--simt] [--times N]

--simt asks for the plain kernel (sm_80), in f32 too: a few kernels, or with --all every gallery entry in each dtype with value dims of 64, 128, 256 and 512.
The fast set is five kernels; --all is every gallery entry at D = DV = 64, 128 and 256 in both dtypes, and at head dims that are padded or differ in bf16. --times N prints the paper's seven at D 64 and
128, median and least of N fresh processes, and judges nothing. --negative asks for a compiler that is not there, and for a kernel that no
template makes: both must be exit 3 and say why. Exit 77 (skipped) without NVRTC.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SKIPPED = 77
PAPER = ["noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document"]
FAST = [("alibi_causal", "bf16", 64, 64), ("document", "f16", 128, 128), ("softcap", "bf16", 128, 128), ("causal", "bf16", 96, 40), ("document", "bf16", 192, 128)]
FAST_SIMT = [("alibi_causal", "f32", 64, 64), ("document", "bf16", 128, 128), ("softcap", "f16", 96, 256), ("causal", "f32", 576, 512)]
PADDED = [(96, 96), (192, 192), (192, 128)]


def emit(flexc, *options, environment=None):
    command = [flexc, "emit", *options]
    with tempfile.TemporaryDirectory() as cache:  # empty: what is compiled here is compiled
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "FLEXC_CACHE_DIR": cache, **(environment or {})})


def compiled(flexc, variant, dtype, head_dim, value_dim, kernel="hopper"):
    """The report of one kernel, or a fault."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = pathlib.Path(folder, "kernel.cubin")
        result = emit(flexc, variant, "--stage", "cubin", "--dtype", dtype, "--head-dim", str(head_dim), "--value-dim", str(value_dim), "--kernel", kernel, "-o", str(cubin), "--json")
        if result.returncode != 0:
            return None, f"exit {result.returncode}: {result.stderr[-600:]}"
        report = json.loads(result.stdout)
        if not cubin.read_bytes().startswith(b"\x7fELF"):
            return report, "the file is no ELF file"
    missing = {"cache", "compile_s", "registers", "spill_bytes", "smem_bytes"} - report.keys()
    if missing:
        return report, f"the report lacks {sorted(missing)}"
    if report["cache"] != "compiled" or report["spill_bytes"] != 0 or not 0 < report["registers"] <= 255 or not 0 < report["smem_bytes"] <= 227 * 1024:
        return report, f"a report that should not be: {report}"
    return report, None


def negative(flexc, has_nvrtc):
    for options, environment, words in (
            (["causal", "--stage", "cubin"], {"FLEXC_NVRTC": "/nowhere/libnvrtc.so"}, "FLEXC_NVRTC"),
            (["causal", "--stage", "sass"], {"FLEXC_NVDISASM": "/nowhere/nvdisasm"}, "nvdisasm" if has_nvrtc else "NVRTC"),
            (["causal", "--stage", "cuda", "--head-dim", "264", "--kernel", "hopper"], {}, "head dim 264"),
            (["causal", "--stage", "cuda", "--value-dim", "513"], {}, "value dim 513"),
            (["causal", "--stage", "cuda", "--dtype", "f32", "--kernel", "hopper"], {}, "dtype f32")):
        result = emit(flexc, *options, environment=environment)
        if result.returncode != 3 or words not in result.stderr:
            sys.exit(f"{options}: exit {result.returncode}, expected 3 and '{words}':\n{result.stderr}")
    print("what is missing is named")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--negative", action="store_true")
    parser.add_argument("--simt", action="store_true")
    parser.add_argument("--times", type=int, default=0)
    options = parser.parse_args()
    probe = emit(options.flexc, "noop", "--stage", "ptx")
    if options.negative:
        return negative(options.flexc, probe.returncode != 3)
    if probe.returncode == 3:
        print(f"skipped: {probe.stderr.strip()}")
        sys.exit(SKIPPED)
    if options.times:
        for variant in PAPER:
            for head_dim in (64, 128):
                times = [compiled(options.flexc, variant, "bf16", head_dim, head_dim)[0]["compile_s"] for _ in range(options.times)]
                print(f"{variant:16} D {head_dim:3}: median {1000 * statistics.median(times):5.0f} ms, least {1000 * min(times):5.0f} ms")
        return None
    cases = FAST_SIMT if options.simt else FAST
    if options.all and options.simt:
        names = sorted(path.stem for path in pathlib.Path(os.environ["FLEXC_ROOT"], "dsl", "gallery").glob("*.flex"))
        cases = [(name, dtype, dim, dim) for name in names for dim in (64, 128, 256, 512) for dtype in ("f32", "bf16", "f16")]
    elif options.all:
        names = sorted(path.stem for path in pathlib.Path(os.environ["FLEXC_ROOT"], "dsl", "gallery").glob("*.flex"))
        cases = [(name, dtype, head_dim, head_dim) for name in names for head_dim in (64, 128, 256) for dtype in ("bf16", "f16")]
        cases += [(name, "bf16", *dims) for name in names for dims in PADDED]
    faults = []
    for variant, dtype, head_dim, value_dim in cases:
        report, fault = compiled(options.flexc, variant, dtype, head_dim, value_dim, "simt" if options.simt else "hopper")
        if fault:
            faults.append(f"{variant} {dtype} D {head_dim} DV {value_dim}: {fault}")
        else:
            print(f"{variant} {dtype} D {head_dim} DV {value_dim}: {report['registers']} registers, {report['smem_bytes']} bytes of shared memory")
    print("\n".join(faults) or f"{len(cases)} kernels")
    return sys.exit(1 if faults else 0)


main()
