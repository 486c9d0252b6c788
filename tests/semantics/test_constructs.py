#!/usr/bin/env python3
"""The language's constructs against CPython: programs that are valid in both are run in both, at many pairs.

usage: test_constructs.py POINTWISE [--negative]

--negative runs each program against the next one's meaning instead, and passes if a difference is found wherever there is one.
"""
import argparse
import math
import sys

import numpy as np

import python_shims
from constructs import PROGRAMS, SAME
from pointwise import LaunchError, Pointwise, Rejected, capture
from test_operations import Checks, report

PROBLEM = (2, 4, 2, 32, 32)
POINTS = [(b, h, q, k) for b in (0, 1) for h in (0, 1, 2, 3) for q in (0, 1, 2, 5, 8, 17, 31) for k in (0, 1, 4, 5, 9, 26)]
SCORES = [0.75, -2.5, 0.0, 3.25]
DATA = {
    "t": ("f32", (8,), [0.5, -1.25, 2.0, 3.5, -0.125, 7.0, 8.5, -9.0]),
    "m": ("i64", (4, 3), [3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8]),
    "flag": ("bool", (8,), [1, 0, 0, 1, 1, 0, 1, 0]),
    "doc": ("i32", (32,), [0] * 7 + [1] * 11 + [2] * 14),
}


def used_captures(source):
    return {name: data for name, data in DATA.items() if f"tensor {name}:" in source}


def close(a, b):
    """Outside of the strict cone both are f64; a compile-time float meets it rounded to f32."""
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= 3e-7 * max(1, abs(b))


def python_values(source, captures):
    namespace = python_shims.load(source, captures, PROBLEM)
    values = []
    if "score_mod" in namespace:
        values += [namespace["score_mod"](SCORES[i % len(SCORES)], *p) for i, p in enumerate(POINTS)]
    if "mask_mod" in namespace:
        values += [namespace["mask_mod"](*p) for p in POINTS]
    return values


def flexc_values(client, source, captures):
    request = dict(source=source, problem=list(PROBLEM), captures={n: capture(d, v, s) for n, (d, s, v) in captures.items()})
    values = []
    has = lambda mod: f"def {mod}(" in source or f"\n{mod} = " in source
    if has("score_mod"):
        values += client.scores(points=[(SCORES[i % len(SCORES)], *p) for i, p in enumerate(POINTS)], **request)
    if has("mask_mod"):
        values += client.masks(points=POINTS, **request)
    return values


def check_program(client, checks, name, source, meaning=None):
    captures = used_captures(source)
    expected = python_values(meaning or source, used_captures(meaning or source))
    try:
        got = flexc_values(client, source, captures)
    except (Rejected, LaunchError) as error:
        checks.that(False, f"{name}: {error}")
        return
    checks.that(len(got) == len(expected) > 0, f"{name}: {len(got)} values, expected {len(expected)}")
    for i, (value, reference) in enumerate(zip(got, expected)):
        if not close(value, reference):
            checks.that(False, f"{name}: at {POINTS[i % len(POINTS)]}: {value!r}, Python says {reference!r}")
            return
    checks.count += len(got)


def check_same(client, checks, mod, left, right):
    parameters = "score, b, h, q_idx, kv_idx" if mod == "score" else "b, h, q_idx, kv_idx"
    head = "import torch\nimport torch.nn.functional as F\n"
    try:
        a, b = (flexc_values(client, f"{head}def {mod}_mod({parameters}):\n    return {text}\n", {}) for text in (left, right))
    except (Rejected, LaunchError) as error:
        checks.that(False, f"{left} and {right}: {error}")
        return
    wrong = [i for i, (x, y) in enumerate(zip(a, b)) if not close(x, y)]
    checks.that(not wrong, lambda: f"{left} is not {right}: at {POINTS[wrong[0]]}: {a[wrong[0]]!r} and {b[wrong[0]]!r}")


def main():
    parser = argparse.ArgumentParser(description="The language's constructs against CPython.")
    parser.add_argument("pointwise")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    client = Pointwise(options.pointwise)
    if options.negative:
        names = [n for n, s in PROGRAMS.items() if "def score_mod" in s and "def mask_mod" not in s]
        found = total = 0
        for name, other in zip(names, names[1:] + names[:1]):
            mine, theirs = (python_values(PROGRAMS[n], used_captures(PROGRAMS[n])) for n in (name, other))
            if all(close(x, y) for x, y in zip(mine, theirs)):
                continue
            checks = Checks()
            check_program(client, checks, name, PROGRAMS[name], meaning=PROGRAMS[other])
            total += 1
            found += bool(checks.failures)
        print(f"constructs, negative: {found} of {total} wrong meanings found")
        return 0 if found == total > 0 else 1
    checks = Checks()
    for name, source in PROGRAMS.items():
        check_program(client, checks, name, source)
    for mod, left, right in SAME:
        check_same(client, checks, mod, left, right)
    client.close()
    report(checks, "constructs")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
