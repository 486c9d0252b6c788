#!/usr/bin/env python3
"""Every gallery entry against a reference: kept pairs exactly, outputs to 2e-5; and every example runs.

usage: run_gallery.py FLEXC [--only NAME] [--negative]

--negative judges each entry by the reference of another one, and passes if every difference is seen.
"""
import argparse
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))
from attention import attention  # noqa: E402
from reference import REFERENCES  # noqa: E402

LIMIT = 2e-5
SEED = 7


class Failure(Exception):
    pass


def call(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=600)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command[1:3])}: exit status {done.returncode}: {done.stderr.strip()[:400]}")
    if done.stderr:
        raise Failure(f"{' '.join(command[1:3])}: unexpected on stderr: {done.stderr.strip()[:400]}")
    return done.stdout


def const_defaults(text):
    """Plain integer consts as they stand in an entry's text."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[0] == "const" and words[3].isdigit():
            found[words[1]] = int(words[3])
    return found


def check_entry(flexc, entry, judge):
    name = entry["name"]
    reference = REFERENCES[name]
    if not entry["description"] or not entry["example"].startswith(f"flexc run {name} --random "):
        raise Failure("no description, or no example that runs it")
    batch, heads, kv_heads, rows, columns = reference.shape
    n = types.SimpleNamespace(B=batch, H=heads, HKV=kv_heads, Q=rows, KV=columns)
    rng = np.random.default_rng(SEED)
    captures = reference.captures(n, rng)
    q = rng.standard_normal((batch, heads, rows, 16)).astype(np.float32)
    k = rng.standard_normal((batch, kv_heads, columns, 16)).astype(np.float32)
    v = rng.standard_normal((batch, kv_heads, columns, 12)).astype(np.float32)
    b, h, qi, ki = np.ogrid[:batch, :heads, :rows, :columns]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        text = call([flexc, "gallery", "show", name], folder)
        c = types.SimpleNamespace(**vars(n), **{**const_defaults(text), **reference.consts}, **reference.params, **captures)
        bindings = []
        for capture, data in captures.items():
            np.save(folder / f"c_{capture}.npy", data)
            bindings += ["--capture", f"{capture}=c_{capture}.npy"]
        for option, values in (("--param", reference.params), ("--const", reference.consts)):
            for key, value in values.items():
                bindings += [option, f"{key}={value}"]
        for tensor, data in (("q", q), ("k", k), ("v", v)):
            np.save(folder / f"{tensor}.npy", data)

        shape = f"{batch},{heads},{rows},{columns},{kv_heads}"
        report = json.loads(call([flexc, "mask", name, "--shape", shape, "--block", "1,1", "--refine", "exact", "--out", "map.npy", "--json", *bindings], folder))
        kept = np.load(folder / "map.npy")
        wanted = np.broadcast_to(judge.mask(c, b, h, qi, ki) if judge.mask else True, (batch, heads, rows, columns))
        if not np.array_equal(np.broadcast_to(kept, wanted.shape) == 2, wanted) or (kept == 1).any():
            wrong = np.argwhere((np.broadcast_to(kept, wanted.shape) == 2) != wanted)
            raise Failure(f"{len(wrong)} pairs are wrong, first at b, h, q, k = {wrong[0].tolist()}, which is {'kept' if wanted[tuple(wrong[0])] else 'removed'} by the reference")
        if abs(report["kept"] - wanted.mean()) > 1e-12:
            raise Failure(f"kept is {report['kept']}, expected {wanted.mean()}")

        call([flexc, "run", name, "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "out.npy", "--lse", "lse.npy", *bindings], folder)
        score = (lambda s, *at: judge.score(c, s, *at)) if judge.score else None
        mask = (lambda *at: judge.mask(c, *at)) if judge.mask else None
        out, lse, *_ = attention(q, k, v, score=score, mask=mask)
        for what, got, expected in (("out", np.load(folder / "out.npy"), out), ("lse", np.load(folder / "lse.npy"), lse)):
            same = np.isclose(got, expected, rtol=LIMIT, atol=LIMIT) | (got == expected)
            if not same.all():
                at = tuple(np.argwhere(~same)[0])
                raise Failure(f"{what}{[int(i) for i in at]} is {got[at]!r}, expected {expected[at]!r}")


def check_example(flexc, entry):
    """The example as written, and the same call on the mask: both with what the makers supply."""
    words = shlex.split(entry["example"])
    with tempfile.TemporaryDirectory() as folder:
        report = json.loads(call([flexc, *words[1:], "--refine", "off", "--json"], folder))
        if report["out"]["nan"] or report["out"]["infinite"]:
            raise Failure(f"the example's output has {report['out']['nan']} NaN")
        again = json.loads(call([flexc, *words[1:], "--refine", "off", "--json"], folder))
        other = json.loads(call([flexc, *words[1:], "--refine", "off", "--json", "--seed", "1"], folder))
        if report["out"] != again["out"] or report["out"] == other["out"]:
            raise Failure("the example does not depend on the seed alone")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--only", default="")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    flexc = str(Path(options.flexc).resolve())
    entries = {entry["name"]: entry for entry in json.loads(call([flexc, "gallery", "list", "--json"], "."))}
    if set(entries) != set(REFERENCES):
        print(f"gallery: entries without a reference, or the reverse: {sorted(set(entries) ^ set(REFERENCES))}")
        return 1
    names = [name for name in sorted(entries) if options.only in name]

    def attempt(name):
        try:
            if options.negative:
                judge = REFERENCES["causal" if name not in ("causal",) else "noop"]
                check_entry(flexc, entries[name], judge)
            else:
                check_entry(flexc, entries[name], REFERENCES[name])
                check_example(flexc, entries[name])
            return name, None
        except Failure as failure:
            return name, str(failure)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(attempt, names))
    if options.negative:
        accepted = [name for name, why in results if not why or "exit status" in why]
        print(f"gallery, negative: {len(results) - len(accepted)} of {len(results)} wrong references are noticed {accepted or ''}")
        return 1 if accepted or not results else 0
    for name, why in results:
        if why:
            print(f"{name}: {why}")
    failures = sum(why is not None for _, why in results)
    print(f"gallery: {len(results)} entries, {failures} failures")
    return 1 if failures or not results else 0


if __name__ == "__main__":
    sys.exit(main())
