"""Range analysis against values: random integer mods, evaluated by a model of their own, lie in the ranges that flexc-opt prints.

test_ranges.py FLEXC_OPT [--count N] [--seed N] [--negative]: the negative run lets the narrow mods see positions, sizes and params
beyond what they assume, and must find values outside of the ranges.
"""
import argparse
import random
import re
import subprocess
import sys

INT_MIN, INT_MAX = -2**63, 2**63 - 1
LIMIT = 2**30
TWO = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "floor_div": lambda x, y: 0 if y == 0 else x // y, "mod": lambda x, y: 0 if y == 0 else x % y,
    "min": min, "max": max, "and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y,
    "shl": lambda x, y: x << (y % 64), "shr": lambda x, y: x >> (y % 64),
}
ONE = {
    "neg": lambda x: -x, "abs": abs, "sign": lambda x: (x > 0) - (x < 0), "not": lambda x: ~x,
    "wrap_i32": lambda x: (x + 2**31) % 2**32 - 2**31,
}
CONSTANTS = [0, 1, -1, 2, 3, 7, 16, 31, 32, 63, 64, -5, 255, 1000, LIMIT, 2**31 - 1, -2**31, 2**40, INT_MAX, INT_MIN, INT_MIN + 1]
LINE = re.compile(r"(%\w+) = flex\.(\w+) .*?\{(.*?)\}")


def wrap(x):
    return (x + 2**63) % 2**64 - 2**63


def random_mod(random, narrow):
    """Text, and the operations as (name, operands) with leaves by name."""
    lines = ["flex.variant" + (" attributes {flex.narrow}" if narrow else "") + " {", "  flex.capture @c0 : i32[KV]", "  flex.capture @c1 : ui8[KV]",
             "  flex.param @p0 : i32", "  flex.param @p1 : i64", "  flex.fresh_dim @n0", "  flex.mask_mod(%b, %h, %q_idx, %kv_idx) {"]
    leaves = {"p0": "flex.read @p0 : i64", "p1": "flex.read @p1 : i64", "c0": "flex.gather @c0[%kv_idx] : i64", "c1": "flex.gather @c1[%kv_idx] : i64",
              "KV": "flex.dim KV", "n0": "flex.dim n0"}
    values = ["b", "h", "q_idx", "kv_idx"]
    operations = []
    for name, text in leaves.items():
        lines.append(f"    %v{name} = {text}")
        values.append("v" + name)
    for i, constant in enumerate(random.sample(CONSTANTS, 5)):
        lines.append(f"    %k{i} = arith.constant {constant} : i64")
        operations.append((f"k{i}", constant, ()))
        values.append(f"k{i}")
    for i in range(14):
        recent = values[-6:] if random.random() < 0.4 else values
        if random.random() < 0.1:
            operands = [random.choice(values) for _ in range(4)]
            lines.append(f"    %c{i} = flex.lt %{operands[0]}, %{operands[1]} : i64")
            lines.append(f"    %o{i} = flex.select %c{i}, %{operands[2]}, %{operands[3]} : i64")
            operations.append((f"o{i}", "select", operands))
        elif random.random() < 0.2:
            name, operand = random.choice(list(ONE)), random.choice(recent)
            lines.append(f"    %o{i} = flex.{name} %{operand} : i64")
            operations.append((f"o{i}", name, (operand,)))
        else:
            name, operands = random.choice(list(TWO)), (random.choice(recent), random.choice(values))
            lines.append(f"    %o{i} = flex.{name} %{operands[0]}, %{operands[1]} : i64")
            operations.append((f"o{i}", name, operands))
        values.append(f"o{i}")
    lines += ["    %last = flex.eq %o13, %b : i64", "    flex.yield %last : i1", "  }", "}"]
    return "\n".join(lines), operations


def leaf_values(random, narrow, beyond):
    def pick(lo, hi):
        return random.choice([lo, hi, lo, hi, max(lo, min(hi, 0)), max(lo, min(hi, 1)), random.randint(lo, hi), random.randint(max(lo, -40), min(hi, 40))])
    top = LIMIT if narrow else 2**63
    if beyond:
        top = 2**40
    return {"b": pick(0, top - 2), "h": pick(0, top - 2), "q_idx": pick(0 if narrow else INT_MIN, top - 1), "kv_idx": pick(0 if narrow else INT_MIN, top - 1),
            "vp0": pick(*((1 - top, top - 1) if narrow else (-2**31, 2**31 - 1))), "vp1": pick(*((1 - top, top - 1) if narrow else (INT_MIN, INT_MAX))),
            "vc0": pick(-2**31, 2**31 - 1), "vc1": pick(0, 255), "vKV": pick(0, top - 1), "vn0": pick(0, top - 1)}


def evaluate(operations, leaves):
    """Value and mathematical value of everything, as they come; the latter is None where shifts would make it huge."""
    values, whole = dict(leaves), dict(leaves)
    direct = {}
    for name, kind, operands in operations:
        if isinstance(kind, int):
            values[name] = whole[name] = kind
            continue
        function = TWO.get(kind) or ONE.get(kind)
        if kind == "select":
            chosen = operands[2] if values[operands[0]] < values[operands[1]] else operands[3]
            direct[name] = values[chosen]
            whole[name] = whole[chosen]
        else:
            direct[name] = function(*(values[operand] for operand in operands))
            known = all(whole[operand] is not None and abs(whole[operand]) < 2**128 for operand in operands)
            whole[name] = function(*(whole[operand] for operand in operands)) if known else None
            if kind == "wrap_i32":  # the mathematical one does nothing
                direct[name], whole[name] = values[operands[0]], whole[operands[0]]
                values[name] = ONE[kind](values[operands[0]])
                continue
        values[name] = wrap(direct[name])
    return values, direct, whole


def parse(text):
    """Attributes by operation, in order, for each variant."""
    found = []
    for line in text.splitlines():
        if "flex.variant" in line:
            found.append([])
        match = LINE.search(line)
        if match and "flex.range" in match[3]:
            lo, hi = map(int, re.search(r"flex\.range = \[(-?\d+), (-?\d+)\]", match[3]).groups())
            found[-1].append((match[2], lo, hi, "flex.wraps" in match[3], "flex.exact" in match[3]))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc_opt")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    source = random.Random(options.seed)
    mods = [(narrow, *random_mod(source, narrow)) for i in range(options.count) for narrow in [options.negative or i % 2 == 0]]
    result = subprocess.run([options.flexc_opt, "--flexc-show-ranges"], input="\n".join(text for _, text, _ in mods), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(result.stderr)
    shown = parse(result.stdout)
    assert len(shown) == len(mods)
    problems, tight, checked = [], 0, 0
    for (narrow, text, operations), ranges in zip(mods, shown):
        names = ["vp0", "vp1", "vc0", "vc1", "vKV", "vn0"] + [name for name, kind, _ in operations if not isinstance(kind, int)]
        assert len(names) == len(ranges), text
        for _ in range(60):
            values, direct, whole = evaluate(operations, leaf_values(source, narrow, options.negative))
            for name, (kind, lo, hi, wraps, exact) in zip(names, ranges):
                checked += 1
                tight += values[name] in (lo, hi) and (lo, hi) != (INT_MIN, INT_MAX)
                if not lo <= values[name] <= hi:
                    problems.append(f"%{name} = {kind} is {values[name]}, not in [{lo}, {hi}]:\n{text}")
                if not wraps and direct.get(name, values[name]) != values[name]:
                    problems.append(f"%{name} = {kind} wraps, which is denied:\n{text}")
                if exact and whole[name] != values[name]:
                    problems.append(f"%{name} = {kind} is said to be exact, but is {values[name]} instead of {whole[name]}:\n{text}")
    if options.negative:
        print(f"{len(problems)} violations by values beyond the assumptions")
        sys.exit(0 if problems else "values beyond the assumptions were accepted")
    print(problems[0] if problems else f"{checked} values of {options.count} mods (seed {options.seed}), {tight} of them at a bound")
    sys.exit(1 if problems or tight == 0 else 0)


main()
