#!/usr/bin/env python3
"""Runs the field's variants whole through `flexc run --device oracle` and compares with float64 attention in NumPy.

usage: run_conformance.py FLEXC [--only REGEX] [--negative]

Every variant of variants.py runs at one shape of its own turn; every edge of EDGES runs with a few variants. Limits: outputs are stored
in f32, so |out - ref| <= 1e-6 · max(1, |ref|) · (1 + largest |v|), and the same for lse and max_scores without v; NaN and infinities must stand
where the reference has them. --negative compares against a reference of another variant, and passes if each difference is seen.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

from attention import attention
from variants import ALL, MASKS

DEVICE = "oracle"
LIMIT = 1e-6
SEED = 20240

# B, H, HKV, Q, KV, D, DV: a variant takes the next one in turn.
SHAPES = [(2, 4, 4, 64, 64, 16, 16), (1, 4, 1, 127, 65, 17, 9), (2, 6, 2, 33, 127, 24, 32), (1, 2, 2, 129, 129, 16, 24), (3, 4, 2, 17, 96, 8, 8),
          (1, 3, 3, 255, 40, 16, 16)]
EDGES = {
    "length 1": dict(shape=(1, 2, 2, 1, 1, 16, 16)),
    "one row": dict(shape=(2, 4, 2, 1, 255, 16, 16)),
    "one column": dict(shape=(1, 2, 1, 64, 1, 16, 16)),
    "17": dict(shape=(1, 2, 2, 17, 17, 17, 17)),
    "127 and 255": dict(shape=(1, 2, 2, 127, 255, 16, 16)),
    "D 24, DV 80": dict(shape=(1, 2, 2, 40, 40, 24, 80)),
    "GQA 4:1": dict(shape=(1, 8, 2, 40, 40, 16, 16)),
    "GQA 3:1": dict(shape=(1, 6, 2, 40, 40, 16, 16)),
    "MQA": dict(shape=(2, 5, 1, 40, 40, 16, 16)),
    "K and V of batch 1": dict(shape=(3, 2, 2, 33, 40, 16, 16), kv_batch=1),
    "no rows": dict(shape=(1, 2, 2, 0, 16, 16, 16)),
    "no columns": dict(shape=(1, 2, 2, 16, 0, 16, 16)),
    "offsets": dict(shape=(1, 2, 2, 20, 50, 16, 16), q_offset=30, kv_offset=7),
    "steps": dict(shape=(1, 2, 2, 20, 50, 16, 16), q_offset=5, kv_offset=2, q_step=4, kv_step=2),
    "a step of the keys": dict(shape=(1, 2, 2, 40, 23, 16, 16), kv_offset=1, kv_step=3),
    "sink": dict(shape=(1, 4, 2, 40, 40, 16, 16), sink=True),
    "scale": dict(shape=(1, 2, 2, 40, 40, 16, 16), scale=0.7),
    "negative scale": dict(shape=(1, 2, 2, 40, 40, 16, 16), scale=-0.3),
    "scale 0": dict(shape=(1, 2, 2, 40, 40, 16, 16), scale=0.0),
    "NaN in what is removed": dict(shape=(1, 2, 2, 64, 64, 16, 16), poison="removed"),
    "NaN in what is kept": dict(shape=(1, 2, 2, 64, 64, 16, 16), poison="kept"),
    "infinite v": dict(shape=(1, 2, 2, 64, 64, 16, 16), poison="infinite v"),
}
EDGE_VARIANTS = ["noop", "alibi and causal window", "causal", "second half of the rows"]
EMPTY_ROWS = ["never", "second half of the rows"]  # run with a sink too: lse of an empty row is the sink


class Failure(Exception):
    pass


def compare(name, got, expected, limit):
    if got.shape != expected.shape:
        raise Failure(f"{name} has shape {got.shape}, expected {expected.shape}")
    got = got.astype(np.float64)
    for kind, test in (("NaN", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        if (test(got) != test(expected)).any():
            at = tuple(np.argwhere(test(got) != test(expected))[0])
            raise Failure(f"{name}{list(at)} is {got[at]!r}, expected {expected[at]!r} ({kind})")
    finite = np.isfinite(expected)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, abs(got - expected), 0)
    limits = np.broadcast_to(limit * np.maximum(1, np.where(finite, abs(expected), 0)), error.shape)
    if error.size and (error > limits).any():
        at = np.unravel_index(int((error / limits).argmax()), error.shape)
        raise Failure(f"{name}{[int(i) for i in at]} is {got[at]!r}, expected {expected[at]!r}: off by {error[at]:.3g}, limit {limits[at]:.3g}")
    return float((error / limits).max()) if error.size else 0.0


def make_case(variant, edge, seed):
    """Inputs of a run: q, k, v, sink, captures, and the numbers of the shape."""
    batch, heads, kv_heads, rows, columns, depth, value_depth = edge["shape"]
    rng = np.random.default_rng(seed)
    kv_batch = edge.get("kv_batch", batch)
    q = rng.standard_normal((batch, heads, rows, depth)).astype(np.float32)
    k = rng.standard_normal((kv_batch, kv_heads, columns, depth)).astype(np.float32)
    v = rng.standard_normal((kv_batch, kv_heads, columns, value_depth)).astype(np.float32)
    total = lambda side, length: edge.get(f"{side}_offset", 0) + edge.get(f"{side}_step", 1) * (length - 1) + 1 if length else edge.get(f"{side}_offset", 0)
    n = dict(B=batch, H=heads, HKV=kv_heads, Q=total("q", rows), KV=total("kv", columns))
    captures = variant.captures(n, rng)
    poison = edge.get("poison")
    if poison == "removed":
        k[:, :, 50:], v[:, :, 50:] = np.nan, np.inf
    elif poison == "kept":
        k[:, :, 11, 3] = np.nan
    elif poison == "infinite v":
        v[:, :, 11, 3], v[:, :, 20, 3] = np.inf, -np.inf
    sink = rng.standard_normal(heads).astype(np.float32) if edge.get("sink") else None
    return types.SimpleNamespace(q=q, k=k, v=v, sink=sink, captures=captures, n=n)


def reference(variant, case, edge):
    c = types.SimpleNamespace(**case.n, **case.captures)
    score = (lambda s, b, h, q, k: variant.score(c, s, b, h, q, k)) if variant.score else None
    removed = edge.get("poison") == "removed"
    mask = (lambda b, h, q, k: variant.mask(c, b, h, q, k) & ((k < 50) if removed else True)) if variant.mask else None
    if removed and not variant.mask:
        mask = lambda b, h, q, k: (k < 50) & (q >= 0)
    return attention(case.q, case.k, case.v, scale=edge.get("scale"), score=score, mask=mask, sink=case.sink, q_offset=edge.get("q_offset", 0),
                     kv_offset=edge.get("kv_offset", 0), q_step=edge.get("q_step", 1), kv_step=edge.get("kv_step", 1))


def remove_tail(text):
    """The variant with pairs at kv_idx >= 50 removed too: where poison lies."""
    if "mask_mod = " in text:
        return text.replace("mask_mod = ", "rest = ") + "\nmask_mod = and_masks(rest, lambda b, h, q, k: k < 50)\n"
    if "def mask_mod" in text:
        return text.replace("def mask_mod", "def rest") + "\nmask_mod = and_masks(rest, lambda b, h, q, k: k < 50)\n"
    return text + "\ndef mask_mod(b, h, q, k):\n    return k < 50\n"


def run_case(flexc, name, variant, edge_name, edge, wrong=None):
    """Share of the limit that the worst element takes."""
    case = make_case(variant, edge, sum(map(ord, name + edge_name)) + SEED)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for tensor in ("q", "k", "v"):
            np.save(folder / f"{tensor}.npy", getattr(case, tensor))
        text = remove_tail(variant.text) if edge.get("poison") == "removed" else variant.text
        (folder / "variant.flex").write_text(text)
        command = [flexc, "run", "variant.flex", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--device", DEVICE, "--out", "out.npy", "--lse", "lse.npy",
                   "--max-scores", "max.npy", "--threads", "1"]
        for capture, data in case.captures.items():
            np.save(folder / f"c_{capture}.npy", data)
            command += ["--capture", f"{capture}=c_{capture}.npy"]
        for option in ("params", "consts"):
            for key, value in getattr(variant, option, {}).items():
                command += [f"--{option[:-1]}", f"{key}={value}"]
        if case.sink is not None:
            np.save(folder / "sink.npy", case.sink)
            command += ["--sink", "sink.npy"]
        for key in ("scale", "q_offset", "kv_offset", "q_step", "kv_step"):
            if key in edge:
                command += [f"--{key.replace('_', '-')}={edge[key]}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300)
        if done.returncode != 0:
            raise Failure(f"exit status {done.returncode}: {done.stderr.strip()[:400]}")
        outputs = [np.load(folder / f"{output}.npy") for output in ("out", "lse", "max")]
    expected = reference(wrong or variant, case, edge)
    largest = float(np.nanmax(np.where(np.isfinite(case.v), abs(case.v), 0), initial=0))
    limits = [LIMIT * (1 + largest), LIMIT, LIMIT]
    if DEVICE == "cpu":
        # The rule for f32 back ends: (2e-5 + 1e-4 |ref|) · max(1, largest kept |s| / 64).
        # compare() multiplies by max(1, |ref|) itself.
        magnitudes = [np.where(np.isfinite(ref), abs(ref), 0) for ref in expected[:3]]
        size = max(1.0, expected.largest / 64)
        limits = [(2e-5 + 1e-4 * magnitude) / np.maximum(1, magnitude) * size for magnitude in magnitudes]
    return max(compare(what, got, ref, limit) for what, got, ref, limit in zip(("out", "lse", "max_scores"), outputs, expected, limits))


def cases():
    """(variant's name, edge's name, edge) of the covering set."""
    for index, name in enumerate(ALL):
        shape = SHAPES[index % len(SHAPES)]
        yield name, f"shape {shape}", dict(shape=shape)
    for edge_name, edge in EDGES.items():
        for name in EDGE_VARIANTS:
            yield name, edge_name, edge
    for name in EMPTY_ROWS:
        yield name, "sink of an empty row", dict(shape=(1, 4, 2, 33, 20, 16, 16), sink=True)


def main():
    parser = argparse.ArgumentParser(description="The field's variants against float64 attention in NumPy.")
    parser.add_argument("flexc")
    parser.add_argument("--only", default="")
    parser.add_argument("--negative", action="store_true")
    parser.add_argument("--device", default="oracle", choices=("oracle", "cpu"))
    options = parser.parse_args()
    global DEVICE
    DEVICE = options.device
    flexc = str(Path(options.flexc).resolve())
    if options.negative:
        names = list(MASKS)
        names = [n for n in names if not hasattr(MASKS[n], "params") and not MASKS[n].captures({"B": 1, "H": 2, "HKV": 2, "Q": 64, "KV": 64}, np.random.default_rng(0))]
        found = 0
        for name, other in zip(names, names[1:] + names[:1]):
            try:
                run_case(flexc, name, MASKS[name], "negative", dict(shape=(1, 2, 2, 64, 64, 16, 16)), wrong=MASKS[other])
                print(f"{name} passes as {other}")
            except Failure as failure:
                found += "exit status" not in str(failure)
        print(f"conformance, negative: {found} of {len(names)} wrong answers found")
        return 0 if found == len(names) > 0 else 1

    def attempt(case):
        name, edge_name, edge = case
        try:
            return name, edge_name, run_case(flexc, name, ALL[name], edge_name, edge), None
        except (Failure, subprocess.TimeoutExpired, OSError) as failure:
            return name, edge_name, 0.0, str(failure)

    chosen = [c for c in cases() if re.search(options.only, f"{c[0]} {c[1]}")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(attempt, chosen))
    failures = [(name, edge, why) for name, edge, _, why in results if why]
    for name, edge, why in failures:
        print(f"{name}, {edge}: {why}")
    worst = max((share for _, _, share, why in results if not why), default=0.0)
    print(f"conformance: {len(results)} runs of {len({r[0] for r in results})} variants, {len(failures)} failures, worst at {worst:.2f} of the limit")
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main())
