#!/usr/bin/env python3
"""Every pair of variant and edge, on the CPU back end, against float64 attention in NumPy.

usage: run_pairs.py ATTEND [--dtype f32|bf16|f16|16_bits] [--device cpu|oracle|model] [--only REGEX] [--product] [--every N] [--runs N] [--seed N] [--kernel auto|simt] [--negative]

The variants are those of variants.py, the edges those of covering.py; rules.py says when an output is right (in 16 bits against the oracle in
rounded mode, too); 16_bits takes bf16 and f16 in turn. lse and max_scores are f32 in every type and meet the f32 bound. --product runs every edge of every variant by itself.
--device model runs a CUDA kernel's text on the host model, each variant compiled by itself: so it takes every N-th variant and a few runs of each, those
that the kernel's features cover. In 16 bits that is the Hopper kernel where a call fits it, in f32 and with --kernel simt the plain one.
--negative spoils right outputs in many ways, plans without a pair too, and passes if each is noticed.
"""
import argparse
import collections
import json
import multiprocessing
import os
import re
import subprocess
import sys
import types
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

from attention import attention
from covering import BATCHES, DIMS, EDGES, EXTRAS, HEADS, LAYOUTS, MANY, covering_runs, lengths_of, product_runs
from layouts import overlap, overlapping_values, place, plain
from rules import Failure, check_16_bits, check_f32, loaded, rounded, stored
from variants import ALL

DTYPES = {"float32": "f32", "float16": "f16", "int32": "i32", "int64": "i64", "uint8": "u8", "bool": "bool"}
MANY_SHAPE = (71, 960, 320)  # B, H, HKV
HAS_AVX2 = " avx2 " in Path("/proc/cpuinfo").read_text().replace("\n", " ")


class Skipped(Exception):
    pass


class Driver:
    """One attend process."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, request, tensors):
        request["tensors"] = [{"name": name, "capture": capture, "dtype": dtype, "bytes": len(data), "offset": offset, "shape": list(shape), "strides": strides, "sparse": sparse}
                              for name, capture, dtype, shape, (data, offset, strides, sparse) in tensors]
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n" + b"".join(placed[0] for *_, placed in tensors))
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise Failure(f"the driver ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "skip" in answer:
            raise Skipped(answer["skip"])
        if "error" in answer:
            raise Failure(answer["error"].strip()[:400])
        return [self.process.stdout.read(answer[part]) for part in ("out", "lse", "max_scores", "pt")]


def restricted(text, condition):
    """The variant with the pairs outside of `condition` removed too."""
    rest = f"\nmask_mod = and_masks(rest, lambda b, h, q, k: {condition})\n"
    if "mask_mod = " in text:
        return text.replace("mask_mod = ", "rest = ") + rest
    if "def mask_mod" in text:
        return text.replace("def mask_mod", "def rest") + rest
    return text + f"\ndef mask_mod(b, h, q, k):\n    return {condition}\n"


def make_case(variant, run, seed, dtype):
    """Inputs of a run, rounded to the type; k and v may be views of a line."""
    rows, columns = lengths_of(run)
    depth, value_depth = DIMS[run["dims"]]
    if run["length"] == MANY:
        batch, heads, kv_heads = MANY_SHAPE
    else:
        heads, kv_heads = HEADS[run["heads"]]
        batch = 1 if rows * columns > 4096 and run["batch"] == BATCHES[0] else 2
    kv_batch = 1 if run["batch"] == BATCHES[1] else batch
    extra, layout = EXTRAS[run["extra"]], LAYOUTS[run["layout"]]
    rng = np.random.default_rng(seed)
    positions = {name: extra.get(name, default) for name, default in (("q_offset", 0), ("kv_offset", 0), ("q_step", 1), ("kv_step", 1))}
    kv_offset = positions["kv_offset"]
    end = lambda side, length: positions[f"{side}_offset"] + (positions[f"{side}_step"] * (length - 1) + 1 if length else 0)
    n = dict(B=batch, H=heads, HKV=kv_heads, Q=end("q", rows), KV=end("kv", columns))
    case = types.SimpleNamespace(n=n, extra=extra, layout=layout, positions=positions, scale=extra["scale"] / np.sqrt(depth) if "scale" in extra else None, lines={}, text=variant.text)
    case.captures = variant.captures(n, rng)
    case.q = rounded(rng.standard_normal((batch, heads, rows, depth)), dtype)
    cut = max(1, columns * 3 // 4)  # the first column that poison removes
    for name, width in (("k", depth), ("v", value_depth)):
        shape = (kv_batch, kv_heads, columns, width)
        if layout == "overlapping":
            line, step = overlapping_values(shape, rng)
            if extra.get("poison"):
                line[..., (cut - 1) * step + width:] = np.nan
            case.lines[name] = (rounded(line, dtype), step, shape)
            setattr(case, name, overlap(case.lines[name][0], shape, step))
        else:
            array = rounded(rng.standard_normal(shape), dtype)
            if extra.get("poison"):
                array[:, :, cut:] = np.nan if name == "k" else np.inf
            setattr(case, name, array)
    case.sink = rng.standard_normal(heads).astype(np.float32) if extra.get("sink") else None
    case.keep = lambda q, k: True
    if extra.get("poison"):
        case.text, case.keep = restricted(variant.text, f"k < {cut + kv_offset}"), lambda q, k: (k < cut + kv_offset) & (q >= 0)
    elif extra.get("masked_rows"):
        case.text, case.keep = restricted(variant.text, "q % 3 != 0"), lambda q, k: (q % 3 != 0) & (k >= 0)
    return case


def reference(variant, case):
    c = types.SimpleNamespace(**case.n, **case.captures)
    score = (lambda s, b, h, q, k: variant.score(c, s, b, h, q, k)) if variant.score else None
    mask = None
    if variant.mask or case.text != variant.text:
        mask = lambda b, h, q, k: (variant.mask(c, b, h, q, k) if variant.mask else True) & case.keep(q, k)
    return attention(case.q, case.k, case.v, scale=case.scale, score=score, mask=mask, sink=case.sink, **case.positions)


def placed_inputs(case, dtype):
    tensors = []
    for name in ("q", "k", "v"):
        array = getattr(case, name)
        if name in case.lines:
            line, step, shape = case.lines[name]
            data = stored(line, dtype)
            strides = [s // data.itemsize for s in data.strides]
            tensors.append((name, False, dtype, shape, (data.tobytes(), 0, [*strides[:2], step * strides[2], strides[2]], False)))
        else:
            layout = "plain" if case.layout == "overlapping" or (case.layout == "far" and name == "q") else case.layout
            tensors.append((name, False, dtype, array.shape, place(stored(array, dtype), layout)))
    for name, array in case.captures.items():
        layout = case.layout if case.layout not in ("overlapping", "far") and array.ndim > 0 else "plain"
        tensors.append((name, True, DTYPES[array.dtype.name], array.shape, place(array, layout)))
    if case.sink is not None:
        tensors.append(("sink", False, "f32", case.sink.shape, plain(case.sink)))
    return tensors


def outputs_of(driver, variant, case, dtype, device):
    """out, lse, max_scores and pt (None in f32) as f32 arrays."""
    request = {"text": case.text, "consts": {k: str(v) for k, v in getattr(variant, "consts", {}).items()}, "params": getattr(variant, "params", {}), "dtype": dtype,
               "device": device, "scale": case.scale, **case.positions, "threads": 1, "pt": dtype != "f32", "max_scores": not LAZY}
    out, lse, most, pt = driver.call(request, placed_inputs(case, dtype))
    rows = case.q.shape[:3]
    shape = (*rows, case.v.shape[3])
    return loaded(out, dtype).reshape(shape), loaded(lse, "f32").reshape(rows), loaded(most, "f32").reshape(rows), loaded(pt, "f32").reshape(shape) if pt else None


def judge(name, outputs, expected, dtype):
    """Share of the limit that the worst element takes; Failure beyond it."""
    out, lse, most, pt = outputs
    if dtype == "f32":
        share = check_f32("out", out, expected.out, expected.largest)
    else:
        share = check_16_bits("out", out, expected.out, np.zeros(out.shape) if pt is None else pt, dtype, "softcap" in name)
    share = max(share, check_f32("lse", lse, expected.lse, expected.largest))
    return share if LAZY else max(share, check_f32("max_scores", most, expected.max_scores, expected.largest))


# Before the Hopper kernel the model copies tensors together; and it is too slow for very many heads.
NOT_ON_HOPPER = {"layout": ["KV beyond 2^31 elements"]}
MOST_ROWS_OF_MODEL = 300


def model_plan(every, count, seed, plain):
    """(variant's name, run): `count` runs of every `every`-th variant, another part of the covering array for each."""
    for i, name in enumerate(ALL):
        left_out = {"length": [MANY], **({} if plain else NOT_ON_HOPPER)}
        runs = [run for run in covering_runs(f"{seed} {name}") if not any(run[factor] in levels for factor, levels in left_out.items()) and lengths_of(run)[0] <= MOST_ROWS_OF_MODEL]
        if i % every == 0:
            yield from ((name, runs[(i + k) % len(runs)]) for k in range(min(count, len(runs))))


def seed_of(name, run, seed):
    return [seed, *(f"{name} {json.dumps(run, sort_keys=True)}".encode())]


DRIVER = None
LAZY = False  # the Hopper kernel with the lazy maximum, which has no max_scores


def start_driver(program):
    global DRIVER
    DRIVER = Driver(program)


def attempt(job):
    """(name, run, share of the limit, why it failed, why it was skipped)."""
    name, run, dtype, device, seed = job
    variant = ALL[name]
    try:
        case = make_case(variant, run, seed_of(name, run, seed), dtype)
        with np.errstate(all="ignore"):
            return name, run, judge(name, outputs_of(DRIVER, variant, case, dtype, device), reference(variant, case), dtype), None, None
    except Failure as failure:
        return name, run, 0.0, str(failure), None
    except Skipped as skipped:
        return name, run, 0.0, None, str(skipped)


def missing_pairs(done):
    """Pairs of variant and edge that no (name, run) of `done` has met."""
    met = {(name, edge) for name, run in done for edge in run.values()}
    return [(name, edge) for name in ALL for edge in EDGES if (name, edge) not in met]


def cost(job):
    rows, columns = lengths_of(job[1])
    return 10**9 if job[1]["length"] == MANY else rows * columns


def negative(program, seed):
    """Ways to be wrong, each of which must be noticed."""
    driver = Driver(program)
    run = {"length": "64 x 64", "dims": "D 24", "heads": "GQA 4:1", "batch": BATCHES[0], "layout": "padded views, NaN between", "extra": "nothing besides"}
    names = ["noop", "head bias", "softcap", "causal", "document causal", "softcap and document"]
    spoil = {
        "an output off by 1 %": lambda out, ref, pt, dtype: rounded(out * np.float32(1.01), dtype),
        "one head off by 5 %": lambda out, ref, pt, dtype: rounded(np.concatenate([out[:, :1] * np.float32(1.05), out[:, 1:]], 1), dtype),
        "three times pt's error": lambda out, ref, pt, dtype: rounded(ref + 3 * ((out if pt is None else pt) - ref), dtype),
        "a NaN": lambda out, ref, pt, dtype: np.where(np.arange(out.size).reshape(out.shape) == 77, np.float32(np.nan), out),
        "an infinity": lambda out, ref, pt, dtype: np.where(np.arange(out.size).reshape(out.shape) == 77, np.float32(np.inf), out),
        "two rows exchanged": lambda out, ref, pt, dtype: out[:, :, [*range(40), 41, 40, *range(42, out.shape[2])]],
    }
    tried = found = 0
    for dtype in ("f32", "bf16", "f16"):
        for name in names:
            case = make_case(ALL[name], run, seed_of(name, run, seed), dtype)
            outputs = outputs_of(driver, ALL[name], case, dtype, "cpu")
            expected = reference(ALL[name], case)
            judge(name, outputs, expected, dtype)  # as it is, it is right
            out, lse, most, pt = outputs
            wrong = {what: (change(out, expected.out, pt, dtype), lse, most, pt) for what, change in spoil.items() if not (dtype == "f32" and what.startswith("three"))}
            wrong["lse off by 1 %"] = (out, lse * np.float32(1.01), most, pt)
            wrong["max_scores of another row"] = (out, lse, np.roll(most, 1, axis=2), pt)
            for what, spoilt in wrong.items():
                tried += 1
                try:
                    judge(name, spoilt, expected, dtype)
                    print(f"{what} passes: {name}, {dtype}")
                except Failure:
                    found += 1
    runs = {name: covering_runs(f"{seed} {name}") for name in ALL}
    done = [(name, run) for name in ALL for run in runs[name]]
    holes = [[(name, run) for name, run in done if (name, edge) != ("causal", run[factor])] for factor, edge in (("length", "255 x 255"), ("dims", "D 121"), ("layout", "KV beyond 2^31 elements"))]
    for plan in holes:
        tried += 1
        found += bool(missing_pairs(plan))
    print(f"conformance pairs, negative: {found} of {tried} wrong answers and plans found")
    return 0 if found == tried > 0 and not missing_pairs(done) else 1


def main():
    parser = argparse.ArgumentParser(description="Pairs of variant and edge against float64 attention in NumPy.")
    parser.add_argument("attend")
    parser.add_argument("--dtype", default="f32", choices=("f32", "bf16", "f16", "16_bits"))
    parser.add_argument("--device", default="cpu", choices=("cpu", "oracle", "model"))
    parser.add_argument("--only", default="")
    parser.add_argument("--product", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FLEXC_SEED", "20240")))
    parser.add_argument("--maximum", default="exact", choices=("exact", "lazy"))
    parser.add_argument("--kernel", default="auto", choices=("auto", "simt"))
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    if options.maximum == "lazy":
        global LAZY
        LAZY = True
        os.environ["FLEXC_HOPPER_FORMS"] = "maximum=lazy"
    os.environ["FLEXC_CUDA_KERNEL"] = options.kernel
    if options.device == "cpu" and not HAS_AVX2:
        print("conformance pairs: skipped, this machine has no AVX2")
        return 77
    if options.negative:
        return negative(options.attend, options.seed)
    dtypes = ("bf16", "f16") if options.dtype == "16_bits" else (options.dtype,)
    if options.device == "model":
        plan = [(i, *job) for i, job in enumerate(model_plan(options.every, options.runs, options.seed, options.dtype == "f32" or options.kernel == "simt"))]
    else:
        plan = [(i + j, name, run) for i, name in enumerate(ALL) for j, run in enumerate(product_runs() if options.product else covering_runs(f"{options.seed} {name}"))]
    jobs = [(name, run, dtypes[turn % len(dtypes)], options.device, options.seed) for turn, name, run in plan if re.search(options.only, f"{name} {' '.join(run.values())}")]
    jobs.sort(key=cost, reverse=True)
    with multiprocessing.Pool(os.cpu_count(), start_driver, (options.attend,)) as pool:
        results = list(pool.imap_unordered(attempt, jobs, chunksize=1 if options.device == "model" else 4))
    failures = [(name, run, why) for name, run, _, why, _ in results if why]
    for name, run, why in failures:
        print(f"{name}; {', '.join(run.values())}: {why}")
    if not options.only and options.device != "model":
        # A run that the machine has no room for is named; the edges that it alone would have met are not asked for.
        for name, edge in missing_pairs([(name, run) for name, run, *_ in results]):
            failures.append((name, edge, "is met by no run"))
            print(f"{name}; {edge}: is met by no run")
    skips = collections.Counter(why for *_, why in results if why)
    for why, count in skips.items():
        print(f"{count} runs skipped: {why}")
    pairs = {(name, edge) for name, run, _, _, why in results if not why for edge in run.values()}
    worst = max((share for _, _, share, why, skip in results if not why and not skip), default=0.0)
    print(f"conformance pairs: {options.dtype}, {len(results)} runs, {len(pairs)} pairs of {len({r[0] for r in results})} variants and {len(EDGES)} edges, "
          f"{len(failures)} failures, worst at {worst:.2f} of the limit (seed {options.seed})")
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main())
