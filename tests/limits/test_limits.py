#!/usr/bin/env python3
"""Every documented limit at N-1, N and N+1, and texts far beyond them, through `flexc check` on a 256 KiB stack.

usage: test_limits.py FLEXC [--negative]

--negative moves every limit by one and passes if all of these wrong expectations are noticed.
"""
import argparse
import sys

from small_stack import in_parallel, run_flexc

sys.set_int_max_str_digits(0)  # decimal literals of 65,536 bits

MOD = "def score_mod(score, b, h, q_idx, kv_idx):\n"
END = "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n"


def padded(size):
    """A valid text of exactly `size` bytes."""
    filler = "# " + "x" * 97 + "\n"
    text = END + filler * ((size - len(END)) // len(filler))
    return text + "#" * (size - len(text))


def constant(expression):
    """The expression at the top level, outside of every block, where its nesting is its own."""
    return f"const X = {expression}\n{END}"


def blocks(count):
    """`count` blocks within one another, in a function."""
    lines = [MOD] + [" " * (i + 1) + f"if q_idx > {i}:\n" for i in range(count)] + [" " * (count + 1) + "score = score * 2.0\n", " return score\n"]
    return "".join(lines)


def calls(count):
    """`count` calls active at once, the mod's own among them."""
    functions = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(1, count - 1))
    return f"{functions}def f{count - 1}(x):\n    return x\n{MOD}    return f1(score)\n"


# name, limit, text of a size, a word of the message
LIMITS = [
    ("bytes of source", 1 << 20, padded, "1:1"),
    ("nested parentheses", 200, lambda n: constant("(" * n + "1" + ")" * n), "200"),
    ("nested indices and calls", 200, lambda n: constant("abs(" * n + "1" + ")" * n), "200"),
    ("nested tuples", 200, lambda n: constant("(" * n + "1" + ",)" * n), "200"),
    ("prefix operators", 200, lambda n: constant("-" * n + "1"), "200"),
    ("prefix operators, not", 200, lambda n: constant("not " * n + "True"), "200"),
    ("prefix operators, mixed with brackets", 200, lambda n: constant("-(" * (n // 2) + "-" * (n % 2) + "1" + ")" * (n // 2)), "200"),
    ("right-nested powers", 200, lambda n: constant("1 ** " * n + "1"), "200"),
    ("conditional expressions", 200, lambda n: constant("1 if True else " * n + "2"), "200"),
    ("operations of a score_mod", 4096, lambda n: MOD + "    x = score\n" + "    x = x * x\n" * n + "    return x\n", "4096"),
    ("operations by a loop", 4096, lambda n: MOD + f"    for i in range({n}):\n        score = score * score\n    return score\n", "4096"),
    ("operations by inlining", 4096, lambda n: f"def f(x):\n    return x * x\n{MOD}    for i in range({n // 2}):\n        score = f(score) * score\n"
     + "    score = score * score\n" * (n % 2) + "    return score\n", "4096"),
    ("unrolled iterations", 65536, lambda n: f"{MOD}    for i in range({n}):\n        pass\n    return score\n", "65536"),
    ("calls active at once", 200, calls, "200"),
    ("bits of a compile-time integer", 65536, lambda n: constant(f"2 ** {n - 1}"), "65536"),
    ("bits of a decimal literal", 65536, lambda n: constant(2**(n - 1)), "65536"),
    ("bits of a hexadecimal literal", 65536, lambda n: constant(hex(2**(n - 1)).replace("0x", "0x000")), "65536"),
    ("bits of a product", 65536, lambda n: constant(f"2 ** {n // 2 - 1} * 2 ** {n - n // 2}"), "65536"),
    ("bits by shifting", 65536, lambda n: constant(f"(2 ** {n - 11}) << 10"), "65536"),
]

# Far beyond every limit: exit 1 with a diagnostic, or where the text is valid exit 0; never a crash.
MILLION = 1_000_000
MONSTERS = {
    "a million parentheses": "const X = " + "(" * MILLION,
    "a million closed parentheses": constant("(" * 500_000 + "1" + ")" * 500_000),
    "a million brackets": "const X = t" + "[" * MILLION,
    "a million prefix operators": "const X = " + "-" * MILLION + "1\n",
    "a million tildes": "const X = " + "~" * MILLION + "1\n",
    "a million nots": "const X = " + "not " * 250_000 + "True\n",
    "a million powers": "const X = " + "1**" * 330_000 + "1\n",
    "a million conditionals": "const X = " + "1 if 1 else " * 80_000 + "1\n",
    "a million lambdas": "f = " + "lambda:" * 140_000 + "1\n",
    "a million commas": "const X = (" + "1," * 500_000 + ")\n",
    "a million names": "const X = " + "a " * 500_000 + "\n",
    "a million additions of constants": constant("1" + "+1" * 500_000),
    "a million additions of scores": f"{MOD}    return score" + "+score" * 150_000 + "\n",
    "a million comparisons": f"{END[:-17]}    return q_idx" + "<q_idx" * 150_000 + "\n",
    "a million methods": f"{MOD}    return score" + ".abs()" * 150_000 + "\n",
    "a million attributes": f"{MOD}    return score" + ".abs" * 200_000 + "\n",
    "a million subscripts": f"tensor t: f32[H]\n{MOD}    return t" + "[0]" * 300_000 + "\n",
    "a million calls": f"{MOD}    return score" + "()" * 500_000 + "\n",
    "a million ands": f"{END[:-17]}    return b == 0" + " and b == 0" * 90_000 + "\n",
    "a million elifs": f"{MOD}    if h == 0:\n        return 1.0\n" + "    elif h == 1:\n        return 2.0\n" * 25_000 + "    return score\n",
    "a thousand blocks": blocks(1300),
    "a million statements": f"{MOD}" + "    a=1\n" * 130_000 + "    return score\n",
    "a million defs": "def f():\n return 1\n" * 50_000,
    "a thousand nested defs": "".join(" " * i + "def f():\n" for i in range(1300)) + " " * 1300 + "return 1\n",
    "a million newlines": "\n" * MILLION + END,
    "a million backslashes": "\\\n" * 500_000,
    "a million semicolons": f"{MOD}    a=1" + ";a=1" * 200_000 + "\n    return score\n",
    "a million quotes": "'" * MILLION,
    "one long name": f"{MOD}    return " + "a" * MILLION + "\n",
    "one long number": "const X = " + "9" * MILLION + "\n",
    "one long float": f"{MOD}    return score * 0." + "1" * MILLION + "\n",
    "one long exponent": f"{MOD}    return score * 1e" + "9" * MILLION + "\n",
    "one long hexadecimal": "const X = 0x" + "f" * MILLION + "\n",
    "one long string": "'" + "a" * MILLION + "'\n" + END,
    "one long comment": "#" + "a" * MILLION + "\n" + END,
    "tuples that double, merged by a branch": f"{MOD}    x, y = (h, b), (b, h)\n    for i in range(30):\n        x, y = (x, x), (y, y)\n"
    "    if h > 2:\n        z = x\n    else:\n        z = y\n    return score\n",
    "calls with thirty thousand defaults": "def f(" + ",".join(f"a{i}=1" for i in range(30_000)) + f"): return a0\n{MOD}    for i in range(60000):\n        x = f()\n    return score\n",
    "loops that unpack a hundred thousand names": f"{MOD}    z = (" + "1," * 100_000 + ")\n    for i in range(60000):\n        " + "a," * 100_000 + " = z\n    return score\n",
    "partials of partials": f"def g(x=1): return x\n{MOD}    f = g\n    for i in range(60000):\n        f = partial(f, 1)\n    return score * f()\n",
    "large integers kept by closures": f"def f(a, c, d, e): return lambda: a\n{MOD}    z, x = (), 2 ** 65000\n    for i in range(65000):\n"
    "        z = (f(x, x, x, x), z)\n    return score\n",
    "branches within a loop over many variables": MOD + "".join(f"    a{i} = 1\n" for i in range(30_000))
    + "    for i in range(65000):\n        if h > 2:\n            a0 = 2\n    return score\n",
    "10 MB of names": "abc " * 2_500_000,
    "10 MB of parentheses": "(" * 10_000_000,
    "10 MB of zeros": b"\0" * 10_000_000,
    "10 MB of 0xff": b"\xff" * 10_000_000,
    "10 MB of valid text": padded(10_000_000),
    "a mebibyte of zeros": b"\0" * (1 << 20),
    "a mebibyte of 0xff": b"\xff" * (1 << 20),
    "exponential inlining": "def f0(x):\n    return x * x\n" + "".join(f"def f{i}(x):\n    return f{i - 1}(f{i - 1}(x))\n" for i in range(1, 60)) + f"{MOD}    return f59(score)\n",
    "exponential constants": "def f0(x):\n    return x + 1\n" + "".join(f"def f{i}(x):\n    return f{i - 1}(f{i - 1}(x))\n" for i in range(1, 60)) + "const X = f59(1)\n" + END,
    "exponential tuples": "const T0 = (1, 1)\n" + "".join(f"const T{i} = (T{i - 1}, T{i - 1})\n" for i in range(1, 60)) + END,
    "towers of powers": constant("9 ** 9 ** 9 ** 9"),
    "squaring": "const A = 3 ** 40000\nconst C = A * A\nconst D = C * C\n" + END,
    "nested loops": f"{MOD}    for i in range(60000):\n        for j in range(60000):\n            pass\n    return score\n",
    "a loop over everything": f"{MOD}    for i in range(9223372036854775807):\n        score = score\n    return score\n",
    "a loop past 64 bits": f"{MOD}    for i in range(2 ** 80):\n        score = score\n    return score\n",
}


def verdict(flexc, text):
    """'accepted', 'rejected' (cleanly), or what went wrong."""
    outcome = run_flexc(flexc, ["check", "-"], text)
    if outcome.status == 0:
        return "accepted", outcome
    if outcome.clean_error():
        return "rejected", outcome
    return f"status {outcome.status}: {outcome.stderr[-300:]}", outcome


def check_limit(flexc, name, limit, text_of, word, shift):
    faults = []
    for size in (limit - 1, limit, limit + 1):
        expected = "accepted" if size <= limit + shift else "rejected"
        seen, outcome = verdict(flexc, text_of(size))
        if seen != expected:
            faults.append(f"{name}: {size} is {seen}, expected {expected}: {outcome.stderr.strip()[:200]}")
        elif seen == "rejected" and word not in outcome.stderr.replace(",", ""):
            faults.append(f"{name}: the message does not name {word}: {outcome.stderr[:200]}")
    return faults


def check_error_count(flexc, _=None):
    """At most 100 errors, then how many more."""
    faults = []
    for count in (99, 100, 101, 250):
        body = "".join(f"    x{i} = unknown{i}\n" for i in range(count))
        outcome = run_flexc(flexc, ["check", "-"], f"{MOD}{body}    return score\n")
        shown = sum(": error: " in line for line in outcome.stderr.split("\n"))
        more = f"{count - 100} more" in outcome.stderr
        if outcome.status != 1 or shown != min(count, 100) or more != (count > 100):
            faults.append(f"{count} errors: status {outcome.status}, {shown} shown, {'with' if more else 'without'} a count of the rest")
    return faults


def main():
    parser = argparse.ArgumentParser(description="Limits and monsters through flexc check.")
    parser.add_argument("flexc")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    if options.negative:
        results = in_parallel(lambda limit: check_limit(options.flexc, *limit, shift=-1), LIMITS)
        found = sum(bool(faults) for faults in results)
        print(f"limits, negative: {found} of {len(LIMITS)} wrong limits noticed")
        return 0 if found == len(LIMITS) else 1
    faults = [f for faults in in_parallel(lambda limit: check_limit(options.flexc, *limit, shift=0), LIMITS) for f in faults]
    faults += check_error_count(options.flexc)
    for name, (seen, outcome) in zip(MONSTERS, in_parallel(lambda text: verdict(options.flexc, text), MONSTERS.values())):
        if seen not in ("accepted", "rejected"):
            faults.append(f"{name}: {seen}")
    # Blocks and defs count one each; how many of the 200 a mod's own def takes is not fixed to the unit.
    for count, expected in ((180, "accepted"), (200, "rejected"), (201, "rejected")):
        seen, outcome = verdict(options.flexc, blocks(count))
        if seen != expected:
            faults.append(f"{count} nested blocks: {seen}, expected {expected}")
    for fault in faults:
        print(fault)
    print(f"limits: {len(LIMITS)} limits at N-1, N, N+1 and {len(MONSTERS)} monsters, {len(faults)} failures")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
