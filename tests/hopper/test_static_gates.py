"""The Hopper kernels that flexc ships pass the static gates (tools/sass_gates.py), and so do the forms that a GPU may choose instead.

test_static_gates.py PRINT_PRODUCTS FLEXC --set fast|slots|slots.wide|lazy|lazy.wide|lazy.negative|nightly|forms|negative. What `flexc emit --stage cubin` makes is judged: the machine code of the
tile and the options that a user gets. The set "slots" also holds issue slots a score element of a full tile, with the mask branch compiled in, against limits,
where NVRTC is of the pinned version (tools/cuda_versions.txt); "lazy" the same with the lazy maximum, and that all exponentials come before the wait for PV;
"lazy.negative" judges by the same what must fail: the exact maximum, and the lazy one without its pin. "forms" compiles approved mods for tiles and pins that are not emitted. The negative set
compiles kernels with a planted fault (no pin; a tile that cannot fit into the registers), which must be rejected. Exit 77 (skipped) without NVRTC or nvdisasm.
"""
import argparse
import ctypes
import ctypes.util
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tools"))
import sass_gates  # noqa: E402

SKIPPED = 77
OPTIONS = ["--gpu-architecture=sm_90a", "--std=c++17", "--fmad=false", "--no-cache", "--ptxas-options=-v"]
PAPER = ("noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document")
BLOCK_MASKED = ("document_causal", "natten", "sliding_tile_3d")  # members that read block masks, as document is
# Of the gallery: (variant, dtype, head dim).
EMITTED = {
    "fast": [("document", "bf16", 64), ("alibi", "f16", 128), ("softcap", "bf16", 128)],
    "slots": [("causal", "bf16", 64), ("causal", "bf16", 128), ("noop", "bf16", 128), ("causal", "bf16", 256),
              ("natten", "bf16", 64), ("document", "bf16", 128)],  # these two read block masks, a word a tile
    "slots.wide": [("noop", "bf16", 128)],
    "lazy": [("causal", "bf16", 64), ("causal", "bf16", 128), ("noop", "bf16", 128), ("alibi", "bf16", 128)],
    "lazy.wide": [("noop", "bf16", 128)],
    "lazy.negative": [("causal", "bf16", 64), ("causal", "bf16", 128)],
    "nightly": [(v, e, d) for v in PAPER + BLOCK_MASKED for e in ("bf16", "f16") for d in (64, 128, 256)],
}
# What FLEXC_HOPPER_FORMS asks for, one after the other.
EMITTED_FORMS = {"slots.wide": ["tile=128x176"], "lazy": ["maximum=lazy"], "lazy.wide": ["maximum=lazy,tile=128x176"],
                 "lazy.negative": ["maximum=exact", "maximum=lazy,pin=none"]}
# (variant, element, M, N, D, pin); mods are the approved ones of tests/goldens/cuda, and `causal_band`, causal as a band, below.
FORMS = {
    "forms": [("causal_band", "bf16", m, n, d, "kSleep") for m, n, d in ((192, 128, 64), (128, 128, 128), (128, 64, 256))] +
             [(v, e, m, n, d, "kStore") for v in ("noop", "causal_band") for e in ("bf16", "f16") for m, n, d in ((128, 176, 128), (128, 80, 256))] +
             [(v, "bf16", 128, 128, 128, "kSleep") for v in ("alibi", "softcap")],
    "negative": [("noop", "bf16", 128, 128, 128, "kNone"), ("noop", "bf16", 192, 192, 64, "kStore")],
}
SLOT_LIMITS = {(192, 128, 64): 6.4, (128, 128, 64): 6.5, (128, 128, 128): 6.5, (128, 176, 128): 6.1, (128, 64, 256): 9.0}
# Affine scores have a slot an element more, to which the limit does not apply.
LAZY_LIMITS = {(192, 128, 64): 5.3, (128, 128, 128): 5.3, (128, 176, 128): 5.3}
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
    differences = re.search(r"kRelativeWords = (\d+)", mods)
    words += f", {differences.group(1)}" if differences else ""
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


def emitted_kernel(flexc, folder, forms, variant, dtype, head_dim):
    """(tile, cubin, dynamic shared memory) as a user gets them. FLEXC_DUMP leaves the text of the tile that was chosen beside its machine code."""
    environment = {**os.environ, "FLEXC_HOPPER_FORMS": forms, "FLEXC_DUMP": folder, "FLEXC_CACHE_DIR": os.path.join(folder, "cache")}
    command = [flexc, "emit", variant, "--stage", "cubin", "--dtype", dtype, "--head-dim", str(head_dim), "-o", os.path.join(folder, "kernel"), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        # A message of ptxas that products are serialised ends so too.
        sys.exit(f"{variant} {dtype} D{head_dim}: exit {result.returncode}\n{result.stderr}")
    text, = pathlib.Path(folder).glob("*.cu")
    m, n, d = map(int, re.search(r"^// The tile: (\d+) query rows by (\d+) keys, head dim (\d+)\.$", text.read_text(), re.M).groups())
    return (m, n, d), text.with_suffix(".cubin"), json.loads(result.stdout)["smem_bytes"]


def formed_kernel(nvrtc, tool, folder, variant, element, m, n, d, pin):
    """(tile, cubin, log)"""
    cubin, log = compile_kernel(nvrtc, source_of(tool, variant, element, m, n, d, pin))
    if cubin is None:
        # Not a verdict of a gate: such a tile has no place in any set.
        sys.exit(f"{variant} {element} {m}x{n} D{d} {pin}: not compiled\n{log}")
    path, log_path = pathlib.Path(folder, "kernel.cubin"), pathlib.Path(folder, "log")
    path.write_bytes(cubin)
    log_path.write_text(log)
    return (m, n, d), path, str(log_path)


def judge(nvdisasm, name, tile, cubin, limits, least_overlap=0.0, log=None, smem=None):
    """(all gates passed, slots an element). `least_overlap` beside the gate's own."""
    m, n, d = tile
    kernels = sass_gates.read_elf(cubin)
    (kernel, items), = sass_gates.parse(sass_gates.disassemble(nvdisasm, cubin)).items()
    report = sass_gates.judge(kernels.get(kernel), items, argparse.Namespace(tile=(m, n, d, d), log=log, smem=smem))
    print(f"{name} ({m}x{n})" + (f": {report['loop']['slots']} slots, exact {report['loop']['paths'].get('exact', {}).get('slots', '-')}, "
                                 f"{report['loop'].get('clocks_to_first_ex2', '-')} clocks to the first EX2" if report["loop"] else ""))
    for gate, held, found in report["gates"]:
        print(f"  {'pass' if held else 'FAIL'}  {gate:9s} {found}")
    slots = report["loop"]["slots_per_element"] if report["loop"] else float("inf")
    high = limits is not None and slots > limits[tile]
    if high:
        print(f"  FAIL  slots     {slots:.2f} an element, at most {limits[tile]}")
    sunk = report["loop"] is None or report["loop"]["overlap"] < least_overlap
    if sunk:
        print(f"  FAIL  overlap   less than {least_overlap:.0%}")
    return not high and not sunk and all(passed for _, passed, _ in report["gates"]), slots


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("print_products")
    parser.add_argument("flexc")
    parser.add_argument("--set", choices=sorted({*EMITTED, *FORMS}), default="fast")
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
    is_lazy = options.set.startswith("lazy")
    counts = (options.set.startswith("slots") or is_lazy) and (str(major.value), str(minor.value)) == pinned.groups()
    limits = (LAZY_LIMITS if is_lazy else SLOT_LIMITS) if counts else None
    kernels = [(each, forms) for forms in EMITTED_FORMS.get(options.set, [""]) for each in EMITTED.get(options.set) or FORMS[options.set]]
    failed, figures = 0, []
    for each, forms in kernels:
        with tempfile.TemporaryDirectory() as folder:
            if options.set in EMITTED:
                tile, cubin, smem = emitted_kernel(options.flexc, folder, forms, *each)
                passed, slots = judge(nvdisasm, " ".join([*map(str, each), forms]), tile, cubin, None if each[0] == "alibi" else limits, 1.0 if is_lazy else 0.0, smem=smem)
            else:
                tile, cubin, log = formed_kernel(nvrtc, options.print_products, folder, *each)
                passed, slots = judge(nvdisasm, f"{each[0]} {each[1]} D{each[4]} {each[5]}", tile, cubin, limits, log=log)
        figures.append(f"{each[0]} {tile[0]}x{tile[1]} D{tile[2]} {slots:.2f}")
        failed += not passed
    total = len(kernels)
    if options.set.endswith("negative"):
        print(f"rejected {failed} of {total} faulty kernels")
        return 0 if failed == total else 1
    if options.set.startswith(("slots", "lazy")):
        print(f"slots an element: {', '.join(figures)}" + ("" if counts else " (not judged: another NVRTC)"))
    else:
        print(f"{total - failed} of {total} kernels pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
