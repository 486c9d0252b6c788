#!/usr/bin/env python3
"""Gallery entries through `flexc run --device model` in bf16 and f16 against the oracle on the same tensors; and what the device refuses.

usage: run_device_model.py FLEXC [--all | --rungs] [--negative]

An output is a weighted mean of values: rounding P and the output costs at most half a unit in the last place of each, so the error is at most
two units in the last place (relative) of the largest value. --rungs runs the gallery's kernels for which the machine code takes another tile than the
ladder's first, which the model runs otherwise, with that tile; without NVRTC it is skipped (exit 77). --negative compares each entry with another one's oracle, and passes if that is seen.
"""
import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

# Entry, shape B,H,HKV,Q,KV,D,DV, dtype, seed and policy of the schedule; behind them, where there are such, FLEXC_HOPPER_FORMS and options of the positions.
RUNS = [
    ("noop", "1,2,1,130,200,64,64", "bf16", 0, "random"),
    ("causal", "2,2,1,150,150,128,128", "bf16", 1, "latest"),
    ("causal", "1,1,1,257,257,128,128", "f16", 2, "earliest"),
    ("sliding_window", "1,2,2,140,300,64,64", "bf16", 3, "random"),
    ("alibi", "1,2,2,140,140,64,64", "bf16", 4, "random"),
    ("softcap", "1,1,1,100,140,128,128", "bf16", 5, "random"),
    ("logn_scaling", "1,2,1,130,200,64,64", "bf16", 5, "random"),  # two values of the launch level share a word of Params
    ("document", "1,2,1,200,200,64,64", "bf16", 6, "latest"),
    ("prefix_lm", "1,1,1,130,130,256,256", "bf16", 7, "random"),
    ("causal", "1,6,2,140,70,17,121", "bf16", 8, "latest"),  # padded head dims, DV wider than D, groups of three heads
    ("alibi", "1,2,1,130,200,192,80", "f16", 9, "random"),
    ("t5_bias", "2,2,1,200,330,64,64", "bf16", 10, "latest"),  # a table of differences
]
# Positions in steps: a shard of a striped sequence, and steps that differ.
SHARD, APART = ("--q-offset", "1", "--q-step", "3", "--kv-offset", "2", "--kv-step", "3"), ("--q-offset", "40", "--q-step", "3", "--kv-offset", "3", "--kv-step", "2")
STEPS = [
    ("causal", "2,2,1,150,150,128,128", "bf16", 21, "latest", "", SHARD),
    ("prefix_lm", "1,2,1,130,200,64,64", "f16", 22, "random", "", APART),
    ("alibi", "1,2,1,130,200,256,256", "bf16", 23, "earliest", "maximum=lazy", APART),
    ("document", "1,2,1,200,200,64,64", "bf16", 24, "random", "", SHARD),
    ("t5_bias", "1,2,1,130,200,64,64", "bf16", 25, "random", "", SHARD),  # no table of differences in steps
]
# The plain kernel: f32, wide head dims.
RUNS += [
    ("causal", "1,2,1,130,200,64,64", "f32", 18, "random"),
    ("document", "1,2,1,100,200,80,96", "f32", 19, "latest"),
    ("alibi", "1,1,1,70,130,320,512", "bf16", 20, "random"),
]
# The same with FLEXC_HOPPER_FORMS: other rungs of the ladder, the lazy maximum.
FORMS = [
    ("causal", "1,1,1,200,200,64,64", "bf16", 10, "random", "tile=128x64,turns=off"),
    ("softcap", "1,1,1,140,200,128,128", "f16", 11, "random", "tile=128x96,pin=sleep"),
    ("causal", "1,2,1,150,300,128,128", "bf16", 12, "latest", "maximum=lazy"),
    ("sliding_window", "1,2,2,140,300,64,64", "bf16", 13, "random", "maximum=lazy"),
    ("alibi", "1,2,1,130,200,192,80", "bf16", 14, "random", "maximum=lazy"),
    ("softcap", "1,1,1,100,140,128,128", "bf16", 15, "earliest", "maximum=lazy"),
    ("document", "1,2,1,200,200,64,64", "bf16", 16, "random", "maximum=lazy"),
]
EPSILON = {"bf16": 2.0**-8, "f16": 2.0**-11, "f32": 2.0**-18}  # f32: of the sums, not of the output's rounding


class Failure(Exception):
    pass


def flexc(binary, folder, *arguments, status=0, **environment):
    done = subprocess.run([binary, "run", *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}, timeout=600)
    if done.returncode != status:
        raise Failure(f"{' '.join(arguments)}: exit status {done.returncode}, not {status}: {done.stderr.strip()[:600]}")
    return done.stderr


def gallery(binary):
    names = sorted(name.stem for name in (Path(os.environ["FLEXC_ROOT"]) / "dsl/gallery").glob("*.flex"))
    shape = "1,2,1,130,200,64,64"
    return [(name, shape, "bf16", 0, "random") for name in names] + [(name, shape, "bf16", 1, "random", "", SHARD) for name in names]


def compare(binary, folder, run, other=None):
    entry, shape, dtype, seed, policy, forms, positions = (*run, *("", ())[len(run) - 5:])
    random = ["--random", shape, "--seed", "5", "--dtype", dtype, *positions]
    flexc(binary, folder, entry, *random, "--device", "model", "--out", "model.npy", "--lse", "model_lse.npy", FLEXC_MODEL_SEED=str(seed), FLEXC_MODEL_POLICY=policy,
          FLEXC_HOPPER_FORMS=forms)
    flexc(binary, folder, other or entry, *random, "--device", "oracle", "--out", "oracle.npy", "--lse", "oracle_lse.npy")
    out, expected = (np.load(folder / name).astype(np.float64) for name in ("model.npy", "oracle.npy"))
    lse, expected_lse = (np.load(folder / name).astype(np.float64) for name in ("model_lse.npy", "oracle_lse.npy"))
    largest = 5.0  # of |v|: standard normal, some ten thousand of them
    if not np.isfinite(out).all():
        raise Failure(f"{entry}: output not finite")
    error, bound = np.abs(out - expected).max(), 2 * EPSILON[dtype] * largest
    if error > bound:
        raise Failure(f"{entry} {shape} {dtype}: error {error:.2e} above {bound:.2e}")
    empty = np.isneginf(expected_lse)
    if (np.isneginf(lse) != empty).any() or np.abs(lse - expected_lse)[~empty].max(initial=0) > 1e-3:
        raise Failure(f"{entry} {shape} {dtype}: lse differs")
    return error / bound


def refusals(binary, folder):
    random = ["--random", "1,1,1,8,8,64,64"]
    checks = [
        (2, ["causal", *random, "--device", "model"], {"FLEXC_CUDA_KERNEL": "hopper"}, "bf16"),
        (1, ["causal", "--random", "1,1,1,8,8,64,257", "--dtype", "bf16", "--device", "model"], {"FLEXC_CUDA_KERNEL": "hopper"}, "up to 256"),
        (1, ["causal", "--random", "1,1,1,8,8,64,513", "--dtype", "bf16", "--device", "model"], {}, "up to 512"),
        (1, ["causal", *random, "--dtype", "bf16", "--device", "model", "--scale", "-1"], {"FLEXC_CUDA_KERNEL": "hopper"}, "positive, finite scale"),
        (2, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"FLEXC_CUDA_KERNEL": "fast"}, "auto, hopper or simt"),
        (3, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"CXX": "no-such-compiler"}, "C++ compiler"),
        (2, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"FLEXC_MODEL_POLICY": "sometimes"}, "earliest, latest or random"),
        (2, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"FLEXC_MODEL_SEED": "x"}, "FLEXC_MODEL_SEED"),
        (2, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"FLEXC_HOPPER_FORMS": "pin=nail"}, "`pin=nail`"),
        (2, ["causal", *random, "--dtype", "bf16", "--device", "model"], {"FLEXC_HOPPER_FORMS": "tile=128x72"}, "192x128 192x96"),
        (2, ["causal", *random, "--dtype", "f16", "--device", "model"], {"FLEXC_HOPPER_FORMS": "maximum=lazy"}, "bf16"),
        (1, ["causal", *random, "--dtype", "bf16", "--device", "model", "--max-scores", "most.npy"], {"FLEXC_HOPPER_FORMS": "maximum=lazy"}, "no max_scores"),
    ]
    for status, arguments, environment, word in checks:
        text = flexc(binary, folder, *arguments, status=status, **environment)
        if word not in text:
            raise Failure(f"{' '.join(arguments)}: `{word}` is not in: {text.strip()[:300]}")
    return len(checks)


TILE = re.compile(r"^// The tile: (\d+) query rows by (\d+) keys", re.M)


def tile_of(text):
    return "x".join(TILE.search(text).groups())


def rungs(binary, folder):
    """(runs of kernels whose machine code has not the ladder's first tile, how many kernels were compiled); None without NVRTC."""
    found, compiled = [], 0
    for path in sorted((Path(os.environ["FLEXC_ROOT"]) / "dsl/gallery").glob("*.flex")):
        for head_dim, dtype in itertools.product((64, 128, 256), ("bf16", "f16")):
            dump = folder / f"{path.stem}_{head_dim}_{dtype}"
            options = [binary, "emit", path.stem, "--dtype", dtype, "--head-dim", str(head_dim)]
            environment = {**os.environ, "FLEXC_DUMP": str(dump), "FLEXC_HOPPER_FORMS": ""}
            done = subprocess.run([*options, "--stage", "cubin", "-o", folder / "cubin"], capture_output=True, text=True, env=environment)
            if done.returncode == 3:
                return None, done.stderr
            if done.returncode != 0:
                raise Failure(f"{path.stem} D {head_dim}: {done.stderr}")
            text, = dump.glob("*.cu")
            chosen = tile_of(text.read_text())
            first = tile_of(subprocess.run([*options, "--stage", "cuda"], capture_output=True, text=True, check=True, env=environment).stdout)
            compiled += 1
            if chosen != first:
                found.append((path.stem, f"1,2,1,130,200,{head_dim},{head_dim}", dtype, 17, "random", f"tile={chosen}"))
    return found, compiled


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rungs", action="store_true")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    binary = str(Path(options.flexc).resolve())
    worst, failures = 0.0, 0
    runs = gallery(binary) if options.all else RUNS + FORMS + STEPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.negative:
            pairs = [(RUNS[1], "noop"), (RUNS[2], "noop"), (RUNS[4], "causal"), (STEPS[0], "noop"), (STEPS[2], "noop")]
            for run, other in pairs:
                try:
                    compare(binary, folder, run, other)
                except Failure:
                    continue
                print(f"{run[0]} passes for {other}")
                return 1
            print(f"device model: {len(pairs)} of {len(pairs)} wrong references were seen")
            return 0
        if options.rungs:
            runs, compiled = rungs(binary, folder)
            if runs is None:
                print(f"skipped: {compiled.strip()}")
                return 77
            for run in runs:
                print(f"{run[0]} {run[2]} D {run[1].split(',')[-1]}: {run[5]}")
            print(f"{len(runs)} of {compiled} kernels are compiled for a later tile than their ladder's first")
        for run in runs:
            try:
                worst = max(worst, compare(binary, folder, run))
            except Failure as failure:
                failures += 1
                print(failure)
        refused = 0
        try:
            refused = refusals(binary, folder)
        except Failure as failure:
            failures += 1
            print(failure)
    print(f"device model: {len(runs) - failures} of {len(runs)} runs equal the oracle, worst {worst:.2f} of the bound; {refused} refusals")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
