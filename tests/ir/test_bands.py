"""recognise-bands against the oracle: of random masks, band and residual together are the mask, at boundary pairs and at random ones.

test_bands.py POINTWISE FLEXC_OPT [--count N] [--seed N] [--negative]: the negative run moves a limit by one and must notice.
Half of the masks are of the narrow member, with positions and params as that assumes; the others see the whole range of 64 bits.
"""
import argparse
import json
import os
import random
import subprocess
import sys

import band_model
from band_model import INT_MAX, INT_MIN

LIMIT = 2**30
B, H, Q, KV = 2, 3, 9, 11
DECLARATIONS = {"lo": ("i64", "Q", Q), "hi": ("i64", "Q", Q), "offset": ("i32", "B", B), "doc": ("i32", "KV", KV), "local": ("bool", "H", H)}
PARAMS = {"w": "i32", "n": "i32", "far": "i64"}
PASSES = ["--flexc-simplify", "--flexc-propagate-equalities", "--flexc-simplify", "--flexc-recognise-bands", "--flexc-simplify"]
CONSTANTS = [0, 1, -1, 2, 3, 4, 7, 16, -5, 100, 2**30, 2**62, -2**62, INT_MAX, INT_MIN, INT_MIN + 1]
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
INFIX = {"add": "+", "sub": "-", "mul": "*", "floor_div": "//", "shr": ">>", "and": "&", "or": "|", **COMPARISONS}


def is_constant(tree):
    return tree[0] == "constant" or (len(tree) > 1 and all(isinstance(operand, tuple) and is_constant(operand) for operand in tree[1:]))


# An expression is (operation, operands…); a leaf is ("leaf", name) or ("constant", value).
class Generator:
    def __init__(self, source):
        self.source = source

    def pick(self, *choices):
        return self.source.choice(choices)

    def row(self, depth=2):
        leaf = self.pick(("leaf", "q_idx"), ("leaf", "q_idx"), ("leaf", "w"), ("leaf", "far"), ("lo",), ("hi",), ("offset",), ("constant", self.pick(*CONSTANTS)),
                         ("constant", self.pick(*CONSTANTS[:10])))
        if depth == 0 or self.source.random() < 0.5:
            return leaf
        kind = self.pick("add", "sub", "floor_div", "min", "max", "select", "mul")
        first = self.row(depth - 1)
        if is_constant(first):  # compile-time arithmetic has integers of any size
            first = ("leaf", "q_idx")
        if kind == "select":
            return (kind, self.condition(), first, self.row(depth - 1))
        if kind == "mul":
            return (kind, first, ("constant", self.pick(2, 3, -1, 16)))
        return (kind, first, self.row(depth - 1))

    def condition(self):
        return self.pick(("local",), (self.pick(*COMPARISONS), self.pick(("leaf", "q_idx"), ("leaf", "w"), ("lo",)), self.row(0)))

    def column(self, depth=2):
        if depth == 0 or self.source.random() < 0.4:
            return ("leaf", "kv_idx")
        inner = self.column(depth - 1)
        kind = self.pick("add", "sub", "rsub", "rsub", "abs", "div", "div", "floor_div", "min", "max", "select", "neg", "mul", "shr", "where")
        if kind == "rsub":
            return ("sub", self.row(0), inner)
        if kind in ("abs", "neg"):
            return (kind, inner)
        if kind == "div":
            return ("floor_div", inner, self.pick(("leaf", "n"), ("constant", self.pick(2, 3, 16, -4))))
        if kind == "mul":
            return ("mul", inner, ("constant", self.pick(2, 3, -2)))
        if kind == "shr":
            return ("shr", inner, ("constant", self.pick(1, 4)))
        if kind == "select":
            return (kind, self.condition(), inner, self.column(depth - 1))
        if kind == "where":
            return ("select", self.comparison(0), inner, self.column(depth - 1))
        return (kind, inner, self.row(1))

    def comparison(self, depth=2):
        kind = self.pick("lt", "le", "gt", "ge", "ge", "le", "eq", "ne")
        both = (self.column(depth), self.row() if self.source.random() < 0.85 else self.column(depth))
        return (kind, *(both if self.source.random() < 0.7 else both[::-1]))

    def mask(self, depth=3):
        if depth == 0 or self.source.random() < 0.25:
            return self.pick(self.comparison(), self.comparison(), self.comparison(1), ("same_doc",), self.condition())
        kind = self.pick("and", "and", "and", "or", "or", "not", "select", "xor")
        if kind == "not":
            return (kind, self.mask(depth - 1))
        if kind == "select":
            return (kind, self.condition(), self.mask(depth - 1), self.mask(depth - 1))
        return (kind, self.mask(depth - 1), self.mask(depth - 1))


FIXED = {
    "causal": ("ge", ("leaf", "q_idx"), ("leaf", "kv_idx")),
    "window": ("and", ("ge", ("leaf", "q_idx"), ("leaf", "kv_idx")), ("le", ("sub", ("leaf", "q_idx"), ("leaf", "kv_idx")), ("leaf", "w"))),
    "prefix": ("or", ("lt", ("leaf", "kv_idx"), ("leaf", "w")), ("ge", ("leaf", "q_idx"), ("leaf", "kv_idx"))),
}
GATHERS = {"lo": "q_idx", "hi": "q_idx", "offset": "b", "local": "h"}


def dsl_of(tree):
    kind, *operands = tree
    if kind == "leaf":
        return operands[0]
    if kind == "constant":
        return f"({operands[0]})"
    if kind in GATHERS:
        return f"{kind}[{GATHERS[kind]}]"
    if kind == "same_doc":
        return "(doc[q_idx] == doc[kv_idx])"
    words = [dsl_of(operand) for operand in operands]
    if kind in INFIX:
        return f"({words[0]} {INFIX[kind]} {words[1]})"
    if kind == "xor":
        return f"({words[0]} != {words[1]})"
    if kind == "not":
        return f"(~{words[0]})"
    if kind == "neg":
        return f"(-{words[0]})"
    return f"{'torch.where' if kind == 'select' else kind}({', '.join(words)})"


def program_of(tree):
    lines = [f"tensor {name}: {dtype}[{dim}]" for name, (dtype, dim, _) in DECLARATIONS.items()] + [f"param {name}: {dtype} = 0" for name, dtype in PARAMS.items()]
    return "\n".join(lines) + f"\ndef mask_mod(b, h, q_idx, kv_idx):\n    return {dsl_of(tree)}\n"


class Writer:
    """The same expression as MLIR."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(f"    %v{len(self.lines)} = {text}")
        return f"%v{len(self.lines) - 1}"

    def write(self, tree):
        """The value's name and type."""
        kind, *operands = tree
        if kind == "leaf":
            return (self.line(f"flex.read @p{list(PARAMS).index(operands[0])} : i64") if operands[0] in PARAMS else "%" + operands[0]), "i64"
        if kind == "constant":
            return self.line(f"arith.constant {operands[0]} : i64"), "i64"
        if kind in GATHERS:
            result = "i1" if kind == "local" else "i64"
            return self.line(f"flex.gather @c{list(DECLARATIONS).index(kind)}[%{GATHERS[kind]}] : {result}"), result
        if kind == "same_doc":
            values = [self.line(f"flex.gather @c{list(DECLARATIONS).index('doc')}[%{at}] : i64") for at in ("q_idx", "kv_idx")]
            return self.line(f"flex.eq {values[0]}, {values[1]} : i64"), "i1"
        values = [self.write(operand) for operand in operands]
        names, of = ", ".join(value for value, _ in values), values[-1][1]
        return self.line(f"flex.{kind} {names} : {of}"), "i1" if kind in COMPARISONS else of


def variant_of(tree, narrow):
    writer = Writer()
    result, _ = writer.write(tree)
    elements = {"bool": "i1"}
    lines = ["flex.variant" + (" attributes {flex.narrow}" if narrow else "") + " {"]
    lines += [f"  flex.capture @c{i} : {elements.get(dtype, dtype)}[{dim}]" for i, (dtype, dim, _) in enumerate(DECLARATIONS.values())]
    lines += [f"  flex.param @p{i} : {dtype}" for i, dtype in enumerate(PARAMS.values())]
    return "\n".join([*lines, "  flex.mask_mod(%b, %h, %q_idx, %kv_idx) {", *writer.lines, f"    flex.yield {result} : i1", "  }", "}"])


def environment_of(source, narrow):
    far = [INT_MAX, INT_MIN, INT_MIN + 1, 2**62, -2**62, 2**40]
    def elements(dtype, count):
        if dtype == "bool":
            return [source.randint(0, 1) for _ in range(count)]
        edges = far if dtype == "i64" else [2**31 - 1, -2**31]
        return [source.choice(edges) if source.random() < 0.2 else source.randint(-4, KV + 3) for _ in range(count)]
    environment = {f"c{i}": elements(dtype, size) for i, (dtype, _, size) in enumerate(DECLARATIONS.values())}
    top = LIMIT - 1
    for i, dtype in enumerate(PARAMS.values()):
        edges = [top, -top] if narrow else far if dtype == "i64" else [2**31 - 1, -2**31]
        environment[f"p{i}"] = source.choice(edges) if source.random() < 0.3 else source.randint(-3, 6)
    return environment


def points_of(source, narrow, variant, environment):
    """Rows, and for each the positions at the ends of its intervals and elsewhere. No position is INT64_MAX."""
    least, most = (0, LIMIT - 1) if narrow else (INT_MIN, INT_MAX - 1)
    rows = [0, 5, 9, source.randint(0, 40), most, least, source.randint(least, most), source.choice([2**62, LIMIT, most - 3])]
    points = []
    for q in rows:
        q = max(least, min(most, q))
        b, h = source.randrange(B), source.randrange(H)
        at = [0, 1, q, q + 1, q - 1, source.randint(0, 20), source.randint(0, 20), least, most, source.randint(least, most)]
        for lo, hi in variant.limits(b, h, q, environment) or []:
            at += [lo - 1, lo, lo + 1, hi - 1, hi, hi + 1, (lo + hi) // 2]
        points += [(b, h, q, max(least, min(most, kv))) for kv in dict.fromkeys(at)]
    return points


def run(command, text):
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{command[0]}: exit {result.returncode}\n{result.stderr[:2000]}")
    return result.stdout


def rewritten(flexc_opt, cases):
    variants = band_model.variants_of(run([flexc_opt, *PASSES], "\n".join(variant_of(tree, narrow) for tree, narrow in cases)))
    assert len(variants) == len(cases)
    return variants


def check(options, cases, seed, move=None, shrinking=False):
    """Whether band and residual are the mask: for each case None, or what differs. `move` changes the intervals of a row."""
    variants = rewritten(options.flexc_opt, cases)
    requests, samples = [], []
    for i, ((tree, narrow), variant) in enumerate(zip(cases, variants)):
        source = random.Random(f"{seed} {i}")
        environment = environment_of(source, narrow)
        points = points_of(source, narrow, variant, environment)
        samples.append((environment, points))
        captures = {name: {"dtype": dtype, "shape": [size], "data": environment[f"c{k}"]} for k, (name, (dtype, _, size)) in enumerate(DECLARATIONS.items())}
        params = {name: environment[f"p{k}"] for k, name in enumerate(PARAMS)}
        requests.append(json.dumps({"source": program_of(tree), "captures": captures, "params": params, "problem": [B, H, H, Q, KV], "points": {"mask": points}}))
    answers = [json.loads(line) for line in run([options.pointwise], "\n".join(requests) + "\n").splitlines()]
    found, pairs = [], 0
    for (tree, _), variant, (environment, points), answer in zip(cases, variants, samples, answers):
        if "mask" not in answer and shrinking:
            found.append(None)
            continue
        if "mask" not in answer:
            sys.exit(f"the oracle refuses {dsl_of(tree)}: {answer}")
        problem = None
        for point, expected in zip(points, answer["mask"]):
            limits = variant.limits(*point[:3], environment)
            if move and limits is not None:
                limits = move(limits)
            kept = (limits is None or any(lo <= point[3] < hi for lo, hi in limits)) and variant.residual(*point, environment)
            pairs += 1
            if kept != bool(expected) and problem is None:
                problem = f"b, h, q, kv = {point}: {'kept' if kept else 'removed'} by the intervals {limits} and the residual, with {environment}"
        found.append(problem)
    return found, variants, pairs


def smaller(tree):
    """The tree with one node replaced by a child or by something plainer."""
    kind, *operands = tree
    boolean = {"and", "or", "not", "xor"} | set(COMPARISONS)
    for operand in operands:
        if isinstance(operand, tuple) and kind not in COMPARISONS and not (kind == "select" and operand is operands[0]):
            yield operand
    if kind not in boolean and kind not in ("leaf", "constant", "same_doc", "local", "select"):
        yield ("leaf", "kv_idx")
        yield ("constant", 0)
    for i, operand in enumerate(operands):
        if isinstance(operand, tuple):
            for other in smaller(operand):
                yield (kind, *operands[:i], other, *operands[i + 1:])


def shrunk(options, case, problem, seed):
    tree, narrow = case
    for _ in range(40):
        candidates = list(dict.fromkeys(smaller(tree)))[:200]
        if not candidates:
            break
        found, _, _ = check(options, [(candidate, narrow) for candidate in candidates], seed, shrinking=True)
        failing = [(candidate, what) for candidate, what in zip(candidates, found) if what]
        if not failing:
            break
        tree, problem = min(failing, key=lambda pair: len(dsl_of(pair[0])))
    return tree, problem


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pointwise")
    parser.add_argument("flexc_opt")
    parser.add_argument("--count", type=int, default=3000 if os.environ.get("FLEXC_NIGHTLY") else 600)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FLEXC_SEED", "1")))
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    if options.negative:
        cases = [(tree, narrow) for tree in FIXED.values() for narrow in (True, False)]
        for step in (-1, 1):
            for end in (0, 1):
                def move(limits):
                    return [tuple(x + step if i == end and INT_MIN < x < INT_MAX else x for i, x in enumerate(pair)) for pair in limits]
                # In some samples the limit is far away or the interval empty.
                noticed = [any(found) for found in zip(*(check(options, cases, seed, move)[0] for seed in range(8)))]
                # Causal and prefix have no lower limit.
                wanted = [end == 1 or tree == FIXED["window"] for tree, _ in cases]
                if noticed != wanted:
                    sys.exit(f"limit {end} moved by {step}: noticed {noticed} instead of {wanted}")
        print("each limit that is wrong by one is noticed")
        return
    source = random.Random(options.seed)
    generator = Generator(source)
    cases = [(tree, narrow) for tree in FIXED.values() for narrow in (True, False)]
    cases += [(generator.mask(), i % 2 == 0) for i in range(options.count)]
    found, variants, pairs = check(options, cases, options.seed)
    for i, what in enumerate(found):
        if what:
            # The sample depends on the case's place, so the small one is looked for at the same seed first in its batch.
            tree, problem = shrunk(options, cases[i], what, options.seed)
            sys.exit(f"seed {options.seed}, {'narrow' if cases[i][1] else 'wide'}: {dsl_of(cases[i][0])}\nsmaller: {dsl_of(tree)}\n{problem}\n{variant_of(tree, cases[i][1])}")
    for narrow in (True, False):
        own = [variant for (_, is_narrow), variant in zip(cases, variants) if is_narrow == narrow]
        whole = sum(variant.mask is None for variant in own)
        partly = sum(variant.mask is not None and variant.band is not None for variant in own)
        print(f"{'narrow' if narrow else 'wide'}: of {len(own)} masks {whole} are bands, {partly} are a band and a residual, {len(own) - whole - partly} are left as they were")
    for (tree, narrow), variant in list(zip(cases, variants))[:2 * len(FIXED)]:
        if variant.mask is not None or variant.band is None:
            sys.exit(f"not recognised ({'narrow' if narrow else 'wide'}): {dsl_of(tree)}")
    print(f"{pairs} pairs, seed {options.seed}: band and residual are the mask")


main()
