#!/usr/bin/env python3
"""A thousand hostile names, literals and comments: no byte of the user's text may reach the normal form.

usage: test_hostile.py FLEXC [--negative]

Each program carries a marker in every name, string and comment. If it is accepted, `flexc emit --stage normal` must be printable ASCII
without the marker, and equal to that of the same program with plain names. If it is refused, that must be a clean error.
--negative looks for the operation names, which are there, and passes if they are found.
"""
import argparse
import random
import re
import sys

from small_stack import in_parallel, run_flexc

COUNT = 1000
MARKER = "Zq7"
HOSTILE = ["*/", "/*", "//", "#include <stdio.h>", "#pragma once", "??/", "??>", "%:include", "\\\\", "\\", "\"", "'", "`", "$(reboot)", "%s%n", "${x}", "{{}}",
           "\u202e", "\u2066", "\u200b", "\0", "\x07", "\x1b[31m", "\x7f", "\r", "\ufeff", "é", "日本", "\U0001f600", "asm volatile", "__asm__", "R\"(", ")\"",
           "<script>", "; rm -rf /", "-- ", "%{", "@llvm", "!dbg", "\\u000a", "\\x2a\\x2f", "_Pragma(\"x\")", "__device__", "template<>", "NaN", "0x1p4"]
C_WORDS = ["int_", "volatile", "register", "asm", "double", "main", "printf", "v0", "v1", "c0", "p0", "n0", "inf_", "float4", "uint", "threadIdx", "blockIdx", "half", "goto",
           "switch", "operator", "namespace", "typedef", "union", "extern", "inline", "restrict", "alignas", "NULL", "errno", "signed", "static"]
LITERALS = ["1_0", "0xdead_BEEF", "0B1010", "1e0000000000003", "00", "1.", ".5", "1_0.0_1e+0_1", "0X_1f", "1e-400", "123456789012345678901234567890 % 7", "0.1e1"]


def name(draw, used):
    """A name with the marker, unlike those before."""
    while True:
        text = draw.choice(["", "_", "__"]) + draw.choice([MARKER, draw.choice(C_WORDS) + MARKER, MARKER + draw.choice(C_WORDS)]) + draw.choice(["", "_", str(draw.randrange(99)), "__"])
        if text not in used:
            used.append(text)
            return text


def junk(draw):
    return MARKER + "".join(draw.choice(HOSTILE) for _ in range(draw.randrange(1, 4)))


def make(draw):
    """(hostile text, the same with plain names, or None where names are not all that differs)."""
    used = []
    names = [name(draw, used) for _ in range(10)]
    capture, param, const, function, argument, local, batch, head, row, column = names
    literal = draw.choice(LITERALS)
    comment = "# " + junk(draw).replace("\r", "").replace("\n", "")
    string = "'''" + junk(draw).replace("'", "").replace("\\", "") + "'''"
    text = f"""{comment}
import {MARKER}.module as {MARKER}alias
tensor {capture}: f32[{MARKER}dim]  {comment}
param {param}: i32 = 3
const {const} = {literal}
def {function}({argument}: "{MARKER}annotation"):
    {string}
    {local} = {argument} * {const}  {comment}
    assert True, "{MARKER} text"
    return {local}
def score_mod({MARKER}s, {batch}, {head}, {row}, {column}):
    {string}
    return {MARKER}s + {capture}[{head}] * {function}({param}) + {capture}.shape[0]
score_mod.__name__ = f"{MARKER}{{1}}"
def mask_mod({batch}, {head}, {row}, {column}):
    return {row} * {literal} >= {column}
"""
    plain = text
    for index, hostile in enumerate(sorted([*names, MARKER + "s", MARKER + "dim"], key=len, reverse=True)):
        plain = re.sub(rf"\b{re.escape(hostile)}\b", f"name{index}", plain)
    return text, plain


def check_program(flexc, pair, marker):
    """A fault, or whether the program was accepted."""
    text, plain = pair
    outcome = run_flexc(flexc, ["emit", "-", "--stage", "normal"], text)
    if outcome.status == 1:
        return None if outcome.clean_error() else f"status 1 without a diagnostic: {outcome.stderr[:200]}", False
    if outcome.status != 0:
        return f"status {outcome.status}: {outcome.stderr[-300:]}\n{text}", False
    if marker in outcome.stdout:
        return f"{marker} stands in the normal form:\n{outcome.stdout}\nof\n{text}", True
    strange = set(outcome.stdout) - set(map(chr, range(32, 127))) - {"\n"}
    if strange or not outcome.stdout:
        return f"{sorted(strange)!r} in the normal form, or nothing at all", True
    other = run_flexc(flexc, ["emit", "-", "--stage", "normal"], plain)
    if other.stdout != outcome.stdout:
        return f"renaming changes the normal form of\n{text}\nstatus {other.status}: {other.stderr[:300]}", True
    # What is echoed in warnings must not carry control or bidirectional characters either.
    if re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", outcome.stderr.replace("\r", "")):
        return "a control or bidirectional character is echoed raw", True
    return None, True


def main():
    parser = argparse.ArgumentParser(description="Hostile names, literals and comments.")
    parser.add_argument("flexc")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    draw = random.Random(11)
    count = 20 if options.negative else COUNT
    programs = [make(draw) for _ in range(count)]
    results = in_parallel(lambda pair: check_program(options.flexc, pair, "add" if options.negative else MARKER), programs)
    faults = [fault for fault, _ in results if fault]
    accepted = sum(ok for _, ok in results)
    if options.negative:
        print(f"hostile texts, negative: {len(faults)} leaks found in {accepted} accepted programs")
        return 0 if accepted and len(faults) == accepted else 1
    for fault in faults[:5]:
        print(fault)
    print(f"hostile texts: {count} programs, {accepted} accepted, {len(faults)} failures")
    return 1 if faults or accepted < count // 10 else 0


if __name__ == "__main__":
    sys.exit(main())
