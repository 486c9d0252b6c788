"""The Hopper kernel, compiled with NVRTC for a matrix of tiles and approved mods, passes the static gates (tools/sass_gates.py).

test_static_gates.py PRINT_PRODUCTS --set fast|nightly|slots|negative. The set "slots" also holds issue slots a score element of a full tile, with the
mask branch compiled in, against limits, where NVRTC is of the pinned version (tools/cuda_versions.txt). The negative set compiles kernels with a planted fault (no pin; a tile that cannot fit
into the registers), which must be rejected. Exit 77 (skipped) without NVRTC or nvdisasm.
"""
import argparse
import ctypes
import ctypes.util
import glob
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
spec = importlib.util.spec_from_file_location("sass_gates", ROOT / "tools" / "sass_gates.py")
sass_gates = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sass_gates)

SKIPPED = 77
OPTIONS = ["--gpu-architecture=sm_90a", "--std=c++17", "--fmad=false", "--no-cache", "--ptxas-options=-v"]
# (variant, element, M, N, D, pin); mods are the approved ones of tests/goldens/cuda, and `causal_band`, causal as a band, below.
SETS = {
    "fast": [("noop", "bf16", 192, 128, 64, "kStore"), ("causal_band", "bf16", 128, 128, 128, "kStore"), ("alibi", "f16", 128, 128, 128, "kSleep"),
             ("document", "bf16", 128, 128, 128, "kSleep")],
    "nightly": [(v, e, m, n, d, "kStore") for v in ("noop", "causal_band") for e in ("bf16", "f16")
                for m, n, d in ((192, 128, 64), (128, 128, 128), (128, 176, 128), (128, 64, 256), (128, 80, 256))] +
               [(v, "bf16", 128, 128, 128, p) for v in ("alibi", "softcap") for p in ("kStore", "kSleep")] +
               [(v, e, m, n, d, "kSleep") for v, e in (("document", "bf16"), ("document_causal", "f16"), ("natten", "bf16"), ("sliding_tile_3d", "f16"))
                for m, n, d in ((128, 128, 64), (128, 128, 128), (128, 64, 256))],
    "slots": [("causal_band", "bf16", 192, 128, 64, "kStore"), ("causal_band", "bf16", 128, 128, 128, "kStore"),
              ("causal_band", "bf16", 128, 176, 128, "kStore"), ("causal_band", "bf16", 128, 64, 256, "kStore"),
              # These read block masks, a word a tile.
              ("natten", "bf16", 128, 128, 64, "kStore"), ("document", "bf16", 128, 128, 128, "kStore")],
    "negative": [("noop", "bf16", 128, 128, 128, "kNone"), ("noop", "bf16", 192, 192, 64, "kStore")],
}
SLOT_LIMITS = {(192, 128, 64): 6.4, (128, 128, 64): 6.5, (128, 128, 128): 6.5, (128, 176, 128): 6.1, (128, 64, 256): 9.0}
CAUSAL_BAND = """
#include "templates/hooks.cuh"
namespace flexc::mods {
struct Hooks {
  static constexpr int kInterface = kHooksInterface;
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = false, kHasBand = true, kHasGradient = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0, kBandIntervals = 1;
  using Position = int;
  struct Params { Problem problem; float scale_log2e, scale; };
  struct Head { int b, h; };
  struct Row { Head head; Position q; };
  FLEXC_HOOK static Head head(const Params&, int batch, int query_head) { return {batch, query_head}; }
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) { return {head, q}; }
  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) { return {Position(-0x7fffffff - 1), row.q + 1, 0, 0}; }
};
}  // namespace flexc::mods
"""


def find_nvrtc():
    paths = [os.environ.get("FLEXC_NVRTC", "")] + sorted(glob.glob("/usr/local/cuda*/lib64/libnvrtc.so.1[0-9]")) + ["libnvrtc.so.13", "libnvrtc.so.12"]
    for path in filter(None, paths):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def source_of(tool, variant, element, m, n, d, pin):
    mods = CAUSAL_BAND if variant == "causal_band" else (ROOT / "tests" / "goldens" / "cuda" / f"{variant}.cuh").read_text()
    words = re.search(r"kColumnWords = (\d+)", mods).group(1)
    products = subprocess.run([tool, element, str(m), str(n), str(d), str(d)], capture_output=True, text=True, check=True).stdout
    kind = {"bf16": "kBf16", "f16": "kF16"}[element]
    return f"""#include "templates/hopper/primitives.cuh"
{products}
{mods}
#include "templates/hopper/forward.cuh"
namespace flexc::device {{
struct Config : Tile<Element::{kind}, {m}, {n}, {d}, {d}, {words}> {{
  static constexpr ForwardOptions kOptions{{Pin::{pin}, true}};
}};
}}  // namespace flexc::device
FLEXC_KERNEL(flexc::device::Config::kThreads)
flexc_forward(FLEXC_ARGUMENT flexc_hopper_arguments arguments, FLEXC_ARGUMENT flexc::mods::Hooks::Params params) {{
  flexc::device::forward<flexc::device::Config, flexc::mods::Hooks>(arguments, params);
}}
"""


def compile_kernel(nvrtc, source):
    """(cubin or None, log)"""
    headers = {f"templates/{p.relative_to(ROOT / 'templates')}": p.read_text()
               for folder in ("", "hopper") for p in (ROOT / "templates" / folder).glob("*") if p.suffix in (".cuh", ".h")}
    names = (ctypes.c_char_p * len(headers))(*[name.encode() for name in headers])
    texts = (ctypes.c_char_p * len(headers))(*[text.encode() for text in headers.values()])
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", len(headers), texts, names)
    status = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), (ctypes.c_char_p * len(OPTIONS))(*[o.encode() for o in OPTIONS]))
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if status != 0:
        return None, log.value.decode()
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    cubin = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetCUBIN(program, cubin)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return cubin.raw, log.value.decode()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("print_products")
    parser.add_argument("--set", choices=SETS, default="fast")
    options = parser.parse_args()
    nvrtc = find_nvrtc()
    try:
        nvdisasm = sass_gates.find_nvdisasm(None)
    except sass_gates.InputError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if nvrtc is None:
        print("skipped: no NVRTC (set FLEXC_NVRTC to libnvrtc.so)")
        return SKIPPED
    major, minor = ctypes.c_int(), ctypes.c_int()
    nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    pinned = re.search(r"nvidia-cuda-nvrtc==(\d+)\.(\d+)", (ROOT / "tools" / "cuda_versions.txt").read_text())
    counts = options.set == "slots" and (str(major.value), str(minor.value)) == pinned.groups()
    failed, figures = 0, []
    for variant, element, m, n, d, pin in SETS[options.set]:
        name = f"{variant} {element} {m}x{n} D{d} {pin}"
        try:
            cubin, log = compile_kernel(nvrtc, source_of(options.print_products, variant, element, m, n, d, pin))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{name}: {error}")
        if cubin is None:
            # Not a verdict of a gate: such a tile has no place in any set.
            sys.exit(f"{name}: not compiled\n{log}")
        with tempfile.TemporaryDirectory() as folder:
            path, log_path = os.path.join(folder, "kernel.cubin"), os.path.join(folder, "log")
            pathlib.Path(path).write_bytes(cubin)
            pathlib.Path(log_path).write_text(log)
            gates = argparse.Namespace(tile=(m, n, d, d), log=log_path, smem=None)
            kernels = sass_gates.read_elf(path)
            for kernel, items in sass_gates.parse(sass_gates.disassemble(nvdisasm, path)).items():
                report = sass_gates.judge(kernels.get(kernel), items, gates)
                sass_gates.show(name, report)
                slots = report["loop"]["slots_per_element"] if report["loop"] else float("inf")
                figures.append(f"{m}x{n} D{d} {slots:.2f}")
                high = counts and slots > SLOT_LIMITS[m, n, d]
                if high:
                    print(f"  FAIL  slots     {slots:.2f} an element, at most {SLOT_LIMITS[m, n, d]}")
                failed += high or not all(passed for _, passed, _ in report["gates"])
    total = len(SETS[options.set])
    if options.set == "negative":
        print(f"rejected {failed} of {total} faulty kernels")
        return 0 if failed == total else 1
    if options.set == "slots":
        print(f"slots an element: {', '.join(figures)}" + ("" if counts else " (not judged: another NVRTC)"))
    else:
        print(f"{total - failed} of {total} kernels pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
