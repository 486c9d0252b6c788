#!/usr/bin/env python3
"""Calls at the edges of what the language allows, through `flexc run`: the CPU's kernel and the CUDA kernels' on the host model against the oracle.

usage: odd_calls.py FLEXC [--negative]

Offsets at both ends of 64 bits, intervals of which a row has the second alone, parts of the keys of which one keeps nothing, captures of one element and of
none, params beyond 2^31, NaN and infinities in kept and in removed places, negative scales, sinks that are no number. --negative spoils right answers and passes
if each is noticed.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

LEAST, MOST = -(2**63), 2**63 - 1
# Of |wrong - right| / (1 + |right|): out, and lse with max_scores.
BOUNDS = {"f32": (2e-5, 2e-5), "bf16": (1.2e-2, 2e-4)}
CAUSAL = "q_idx >= kv_idx"
INTERVALS = """tensor a: i32[Q]
tensor b: i32[Q]
tensor c: i32[Q]
tensor d: i32[Q]
def mask_mod(batch, h, q_idx, kv_idx):
    return ((kv_idx >= a[q_idx]) & (kv_idx < b[q_idx])) | ((kv_idx >= c[q_idx]) & (kv_idx < d[q_idx]))
"""
DIVIDED = """param w: i64 = 3
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx // w == kv_idx // w) | ((q_idx - kv_idx) % w == 0)
"""
SHORT = """tensor t: f32[n]
def score_mod(score, b, h, q_idx, kv_idx):
    return score + t[kv_idx] + 0.25 * t[0]
"""
SINUS = "score + 0.5 * sin((q_idx - kv_idx) * 0.1)"


def i32(*values):
    return np.array(values, np.int32)


def spoilt(tensor, value):
    """k or v with `value` at one place: element 3 of key 200."""
    def change(q, k, v):
        {"k": k, "v": v}[tensor][0, 0, 200, 3] = value
    return change


def cases():
    """(name, arguments of flexc run, shape B H HKV Q KV D DV, further: captures, sink, change)"""
    yield "both ends of 64 bits", ["--mask", CAUSAL, "--q-offset", str(MOST - 20), "--kv-offset", str(LEAST)], (1, 2, 1, 20, 150, 16, 16), {}
    yield "both ends, a table of differences", ["--score", SINUS, "--q-offset", str(LEAST), "--kv-offset", str(LEAST)], (1, 1, 1, 20, 150, 16, 16), {}
    yield "nothing kept at the ends", ["--mask", CAUSAL, "--q-offset", str(LEAST), "--kv-offset", str(MOST - 150)], (1, 1, 1, 20, 150, 16, 16), {"sink": [0.5]}
    intervals = {"captures": {"a": i32(0, 400), "b": i32(0, 420), "c": i32(0, 500), "d": i32(10, 510)}}
    yield "a second interval alone", [INTERVALS], (1, 1, 1, 2, 620, 16, 16), intervals
    yield "a second interval alone, in parts", [INTERVALS, "--split", "3"], (1, 1, 1, 2, 620, 16, 16), intervals
    outside = {"captures": {"a": i32(10, 400), "b": i32(20, 420), "c": i32(100, 500), "d": i32(110, 510)}}
    yield "a first interval before the keys", [INTERVALS, "--kv-offset", "100"], (1, 1, 1, 2, 620, 16, 16), outside
    for w in (0, LEAST, 2**40 + 1):
        yield f"divided by {w}", [DIVIDED, "--param", f"w={w}", "--q-offset", "1000"], (1, 2, 1, 20, 150, 16, 16), {}
    yield "one element", [SHORT], (1, 2, 1, 20, 150, 7, 24), {"captures": {"t": np.array([0.5], np.float32)}}
    yield "no element", [SHORT], (1, 2, 1, 20, 150, 7, 24), {"captures": {"t": np.zeros(0, np.float32)}}
    yield "no keys", ["--mask", CAUSAL], (1, 2, 1, 13, 0, 16, 16), {"sink": [0.5, -1.0]}
    empty_part = ["--mask", "(kv_idx >= 300) & (kv_idx < 310) | ((q_idx % 2) == 0) & (kv_idx < 40)", "--split", "4"]
    yield "parts that keep nothing", empty_part, (1, 2, 2, 40, 512, 32, 32), {"sink": [-3.0, float("nan")]}
    yield "an infinite sink, in parts", empty_part, (1, 2, 2, 40, 512, 32, 32), {"sink": [float("inf"), -float("inf")]}
    for tensor in "kv":
        for value in (np.nan, np.inf):
            yield f"{value} in {tensor}, removed and kept", ["--mask", "kv_idx <= q_idx + 180", "--split", "2"], (1, 1, 1, 40, 260, 32, 32), {"change": spoilt(tensor, value)}
    yield "a negative scale", ["--mask", CAUSAL, "--score", "score + 0.1 * (kv_idx - q_idx)", "--scale", "-0.5"], (1, 1, 1, 40, 160, 320, 100), {"sink": [1.0]}


def fits(answer, right, bounds):
    """What is wrong with the answer; empty: nothing."""
    for name, bound in (("out", bounds[0]), ("lse", bounds[1]), ("max", bounds[1])):
        a, b = answer[name].astype(np.float64), right[name].astype(np.float64)
        if a.shape != b.shape:
            return f"{name} has shape {a.shape}, not {b.shape}"
        with np.errstate(invalid="ignore"):
            ok = np.where(np.isfinite(b), np.abs(a - b) <= bound * (1 + np.abs(b)), (np.isnan(a) & np.isnan(b)) | (a == b))
        if not ok.all():
            at = tuple(int(i) for i in np.argwhere(~ok)[0])
            return f"{name}{list(at)} is {a[at]}, not {b[at]}; {np.count_nonzero(~ok)} of {ok.size} are wrong"
    return ""


def run(binary, folder, dtype, arguments, shape, captures=None, sink=None, change=None):
    """Answers by device."""
    batch, heads, kv_heads, rows, keys, depth, value_depth = shape
    random = np.random.default_rng(5)
    q, k, v = (random.standard_normal(s).astype(np.float32) for s in ((batch, heads, rows, depth), (batch, kv_heads, keys, depth), (batch, kv_heads, keys, value_depth)))
    if dtype == "bf16":  # what --dtype would do, so that all devices have the same
        q, k, v = ((x.view(np.uint32) & 0xffff0000).view(np.float32) for x in (q, k, v))
    if change:
        change(q, k, v)
    command = [binary, "run", *arguments, "--dtype", dtype]
    if "\n" in arguments[0]:
        (folder / "variant.flex").write_text(arguments[0])
        command[2] = folder / "variant.flex"
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        np.save(folder / f"{name}.npy", tensor)
        command += [f"--{name}", folder / f"{name}.npy"]
    for name, tensor in (captures or {}).items():
        np.save(folder / f"{name}.npy", tensor)
        command += ["--capture", f"{name}={folder / name}.npy"]
    if sink is not None:
        np.save(folder / "sink.npy", np.array(sink, np.float32))
        command += ["--sink", folder / "sink.npy"]
    answers = {}
    for device in ("oracle", "cpu", "model"):
        outputs = {name: folder / f"{device}_{name}.npy" for name in ("out", "lse", "max")}
        done = subprocess.run([*command, "--device", device, "--out", outputs["out"], "--lse", outputs["lse"], "--max-scores", outputs["max"]], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"--device {device}: exit {done.returncode}\n{done.stderr}\n{command}")
        answers[device] = {name: np.load(path) for name, path in outputs.items()}
    return answers


def negative(binary, folder):
    unnoticed, count = [], 0
    _, arguments, shape, further = next(cases())
    answers = run(binary, folder, "f32", arguments, shape, **further)
    right = answers["oracle"]
    for name in ("out", "lse", "max"):
        for value in (np.nan, -np.inf, 0.0, None):
            spoilt_answer = {key: array.copy() for key, array in answers["cpu"].items()}
            flat = spoilt_answer[name].reshape(-1)
            flat[-1] = flat[-1] * 1.001 + 0.001 if value is None else value
            count += 1
            if not fits(spoilt_answer, right, BOUNDS["f32"]):
                unnoticed.append(f"{name} {value}")
    shorter = dict(answers["cpu"], lse=answers["cpu"]["lse"][..., :-1])
    count += 1
    if not fits(shorter, right, BOUNDS["f32"]):
        unnoticed.append("a shorter lse")
    if unnoticed:
        sys.exit(f"not noticed: {unnoticed}")
    print(f"{count} spoilt answers, each noticed")


def main():
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("FLEXC_CACHE_DIR", str(folder / "cache"))
        if "--negative" in sys.argv:
            return negative(binary, folder)
        wrong, count = [], 0
        for name, arguments, shape, further in cases():
            for dtype, bounds in BOUNDS.items():
                answers = run(binary, folder, dtype, arguments, shape, **further)
                for device in ("cpu", "model"):
                    count += 1
                    if problem := fits(answers[device], answers["oracle"], bounds):
                        wrong.append(f"{name}, {dtype}, {device}: {problem}")
        if wrong:
            sys.exit("\n".join(wrong))
        print(f"{count} answers, all as the oracle has them")
    return 0


sys.exit(main())
