#!/usr/bin/env python3
"""Random programs, run by flexc's evaluator and by CPython, which must agree at every pair.

usage: random_programs.py POINTWISE [--count N] [--seed S] [--tape T] [--negative]

A program is a function of a tape of numbers: the generator asks the tape for every choice. So a failing program shrinks by
shrinking its tape (chunks are cut out, numbers made smaller) as long as it still fails; the seed, the tape and the shrunk program
are printed. FLEXC_SEED sets the seed, FLEXC_NIGHTLY=1 runs ten times as many. --negative gives Python another operator in places
and passes if that is found.

Programs stay where both languages agree: integers within 64 bits (every variable is kept within a million), divisors that are not
zero, floats that no condition depends on.
"""
import argparse
import math
import os
import random
import sys

import python_shims
from pointwise import LaunchError, Pointwise, Rejected, capture

# Of floats: a compile-time float meets a run-time one rounded to f32, and a few operations amplify that. Wrong operators are far off.
FLOAT_TOLERANCE = 1e-4

FAST, NIGHTLY = 2000, 20000
VARIABLE_BOUND = 10**6  # of every integer variable
EXPRESSION_BOUND = 2**60
MAX_STATEMENTS = 7
SHRINK_TRIES = 1500
PROBLEM = (2, 4, 2, 32, 32)
POINTS = [(0, 0, 0, 0), (0, 1, 3, 1), (1, 2, 7, 9), (1, 3, 31, 2), (0, 3, 2, 31), (1, 0, 16, 16), (0, 2, 5, 6), (1, 1, 12, 11)]
SCORE = 1.375
CAPTURES = {"t": ("i64", (8,), [3, -1, 4, 1, -5, 9, 2, 6]), "g": ("f32", (4, 3), [0.5, -1.5, 2.0, 3.25, -0.75, 1.0, 8.0, -2.5, 0.25, 5.0, -4.0, 1.25])}
HEADER = "tensor t: i64[8]\ntensor g: f32[4, 3]\n"


class Tape:
    """Choices: given numbers first, then drawn ones; what was used is recorded."""

    def __init__(self, numbers, seed=None):
        self.numbers, self.used, self.draw = numbers, [], random.Random(seed) if seed is not None else None

    def below(self, bound):
        at = len(self.used)
        value = self.numbers[at] if at < len(self.numbers) else self.draw.randrange(1 << 16) if self.draw else 0
        self.used.append(value)
        return value % bound

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, percent):
        return self.below(100) >= 100 - percent  # zero, the simplest number, says no


class Scope:
    """Names that are surely assigned: name → type (int, bool, float, or a function's (parameter types, result))."""

    def __init__(self, names, outer=()):
        """`outer` names belong to an enclosing function: they are read, but assigning one would make it local."""
        self.names, self.outer = dict(names), frozenset(outer)

    def assignable(self, kind):
        return [n for n in self.of(kind) if n not in self.outer]

    def copy(self):
        return Scope(self.names, self.outer)

    def of(self, kind):
        return [n for n, k in self.names.items() if k == kind]

    def functions(self, kind):
        return [(n, k) for n, k in self.names.items() if isinstance(k, tuple) and k[1] == kind]


class Generator:
    """Writes one program off a tape. Expressions come with a bound of their absolute value."""

    def __init__(self, tape):
        self.tape, self.counter, self.calls = tape, 0, 0

    def fresh(self, stem):
        self.counter += 1
        return f"{stem}{self.counter}"

    # Expressions. depth falls to 0, where only leaves are left.

    def expression(self, kind, scope, depth):
        return {"int": self.integer, "bool": self.boolean, "float": self.real}[kind](scope, depth)[0]

    def integer(self, scope, depth):
        t = self.tape
        leaf = depth <= 0
        choice = t.below(3 if leaf else 14)
        names = scope.of("int")
        if choice == 0 or (choice == 1 and not names):
            value = t.pick([1, 0, 2, 3, 7, 16, 255])
            return str(value), value
        if choice <= 2:
            return (t.pick(names), VARIABLE_BOUND) if names else ("5", 5)
        if choice <= 5:
            (a, m), (b, n) = self.integer(scope, depth - 1), self.integer(scope, depth - 1)
            op = t.pick(["+", "-", "*", "&", "|", "^"])
            bound = m * n if op == "*" else 2 * max(m, n) + 1 if op in "&|^" else m + n
            if bound > EXPRESSION_BOUND:
                return f"({a} - {b})", m + n
            return f"({a} {op} {b})", bound
        if choice == 6:
            a, m = self.integer(scope, depth - 1)
            divisor = t.pick(["3", "7", "-4", f"({self.integer(scope, 0)[0]} % 5 + 1)", "-13"])
            op = t.pick(["//", "%"])
            return f"({a} {op} {divisor})", m + 1 if op == "//" else 13
        if choice == 7:
            a, m = self.integer(scope, depth - 1)
            op, bound = t.pick([("-{}", m), ("~{}", m + 1), ("abs({})", m), ("sign({})", 1), ("({} >> 2)", m), ("({} << 3)", 8 * m), ("{} ** 2", m * m)])
            return (f"({op.format(a)})", bound) if bound <= EXPRESSION_BOUND else (a, m)
        if choice == 8:
            (a, m), (b, n) = self.integer(scope, depth - 1), self.integer(scope, depth - 1)
            return f"{t.pick(['min', 'max', 'minimum', 'maximum'])}({a}, {b})", max(m, n)
        if choice == 9:
            condition = self.boolean(scope, depth - 1)[0]
            (a, m), (b, n) = self.integer(scope, depth - 1), self.integer(scope, depth - 1)
            form = t.pick(["({a} if {c} else {b})", "where({c}, {a}, {b})"])
            return form.format(a=a, b=b, c=condition), max(m, n)
        if choice == 10:
            a, m = self.integer(scope, depth - 1)
            return f"t[{a}]", 9
        if choice == 11:
            return f"({self.boolean(scope, depth - 1)[0]} + {self.boolean(scope, depth - 1)[0]})", 2
        if choice == 12:
            low = t.below(6) - 3
            return f"clamp({self.integer(scope, depth - 1)[0]}, {low}, {low + t.below(9)})", 12
        call = self.call("int", scope, depth)
        return call if call else self.integer(scope, 0)

    def boolean(self, scope, depth):
        t = self.tape
        names = scope.of("bool")
        if depth <= 0:
            if names and t.chance(50):
                return t.pick(names), 1
            return f"({self.integer(scope, 0)[0]} {t.pick(['<', '>=', '==', '!='])} {self.integer(scope, 0)[0]})", 1
        choice = t.below(7)
        if choice <= 2:
            parts = [self.integer(scope, depth - 1)[0] for _ in range(2 + (t.below(4) == 3))]
            text = parts[0]
            for part in parts[1:]:
                text += f" {t.pick(['<', '<=', '>', '>=', '==', '!='])} {part}"
            return f"({text})", 1
        if choice == 3:
            return f"(not {self.boolean(scope, depth - 1)[0]})", 1
        if choice == 4:
            return f"({self.boolean(scope, depth - 1)[0]} {t.pick(['and', 'or', '&', '|', '^', '=='])} {self.boolean(scope, depth - 1)[0]})", 1
        if choice == 5:
            a, c, b = (self.boolean(scope, depth - 1)[0] for _ in range(3))
            return f"({a} if {c} else {b})", 1
        call = self.call("bool", scope, depth)
        return call if call else self.boolean(scope, 0)

    def real(self, scope, depth):
        """Values stay moderate: sums and products of moderate leaves, and bounded functions."""
        t = self.tape
        names = scope.of("float")
        choice = t.below(2 if depth <= 0 else 9)
        if choice == 0 or (choice == 1 and not names):
            return t.pick(["1.5", "0.25", "-2.0", "3.0"]), 1
        if choice == 1:
            return t.pick(names), 1
        if choice <= 3:
            return f"({self.real(scope, depth - 1)[0]} {t.pick(['+', '-', '*'])} {self.real(scope, depth - 1)[0]})", 1
        if choice == 4:
            return f"({self.real(scope, depth - 1)[0]} {t.pick(['+', '*'])} ({self.integer(scope, depth - 1)[0]} % 17))", 1
        if choice == 5:
            return f"({self.real(scope, depth - 1)[0]} / {t.pick(['4', '(abs(h) + 1)', '3.0'])})", 1
        if choice == 6:
            return f"tanh({self.real(scope, depth - 1)[0]})", 1
        if choice == 7:
            condition = self.boolean(scope, depth - 1)[0]
            return f"({self.real(scope, depth - 1)[0]} if {condition} else {self.real(scope, depth - 1)[0]})", 1
        return f"g[{self.integer(scope, depth - 1)[0]}, {self.integer(scope, depth - 1)[0]}]", 1

    def call(self, kind, scope, depth):
        functions = scope.functions(kind)
        if not functions or self.calls > 12:
            return None
        self.calls += 1
        name, (parameters, _, required) = self.tape.pick(functions)
        given = required + self.tape.below(len(parameters) - required + 1)
        arguments = []
        keyword = False
        for position, (parameter, parameter_kind) in enumerate(parameters[:given]):
            keyword = keyword or self.tape.chance(15)
            value = self.value(parameter_kind, scope, depth - 1)
            arguments.append(f"{parameter}={value}" if keyword else value)
        return f"{name}({', '.join(arguments)})", VARIABLE_BOUND

    def value(self, kind, scope, depth):
        """An expression whose value a variable may hold."""
        if kind != "int":
            return self.expression(kind, scope, depth)
        text, bound = self.integer(scope, depth)
        return text if bound <= VARIABLE_BOUND else f"{text} % 9973"

    # Statements: lists of lines, indented. `result` is the type that return gives.

    def block(self, scope, depth, indent, result, size):
        lines = []
        for _ in range(size):
            lines += self.statement(scope, depth, indent, result)
        return lines or [indent + "pass"]

    def statement(self, scope, depth, indent, result):
        t = self.tape
        choice = t.below(13)
        if choice <= 3 or depth <= 0:
            kind = t.pick(["int", "bool", "int", "float"])
            names = scope.assignable(kind)
            name = t.pick(names) if names and t.chance(50) else self.fresh("v")
            text = f"{indent}{name} = {self.value(kind, scope, 2)}"
            scope.names[name] = kind
            return [text]
        if choice == 4:
            names = scope.assignable("int")
            if not names:
                return [indent + "pass"]
            name = t.pick(names)
            return [f"{indent}{name} {t.pick(['+=', '-=', '^='])} {self.value('int', scope, 1)}", f"{indent}{name} %= {t.pick([101, 9973, -64])}"]
        if choice == 5:
            a, b = self.fresh("v"), self.fresh("v")
            text = f"{indent}{a}, {b} = {self.value('int', scope, 1)}, {self.value('bool', scope, 1)}"
            scope.names.update({a: "int", b: "bool"})
            return [text]
        if choice <= 8:
            return self.branch(scope, depth, indent, result)
        if choice == 9:
            return self.loop(scope, depth, indent, result)
        if choice == 10:
            return self.function(scope, depth, indent)
        if choice == 11:
            name, parameter = self.fresh("f"), self.fresh("p")
            inner = Scope({**scope.names, parameter: "int"})
            kind = t.pick(["int", "bool"])
            text = f"{indent}{name} = lambda {parameter}: {self.value(kind, inner, 2)}"
            scope.names[name] = (((parameter, "int"),), kind, 1)
            return [text]
        return [f"{indent}if {self.expression('bool', scope, 2)}:", f"{indent}    return {self.value(result, scope, 2)}"]

    def branch(self, scope, depth, indent, result):
        """What all branches assign is assigned after them, with one type; so each works on a copy."""
        t = self.tape
        lines, scopes = [], []
        arms = 1 + t.below(3)
        for arm in range(arms):
            lines.append(f"{indent}{'if' if arm == 0 else 'elif'} {self.expression('bool', scope, 2)}:")
            scopes.append(scope.copy())
            lines += self.block(scopes[-1], depth - 1, indent + "    ", result, 1 + t.below(2))
        if t.chance(60):
            lines.append(indent + "else:")
            scopes.append(scope.copy())
            lines += self.block(scopes[-1], depth - 1, indent + "    ", result, 1 + t.below(2))
            for name, kind in scopes[0].names.items():
                # Functions differ between branches; numbers can be selected.
                if not isinstance(kind, tuple) and all(s.names.get(name) == kind for s in scopes):
                    scope.names[name] = kind
        return lines

    def loop(self, scope, depth, indent, result):
        name = self.fresh("i")
        bounds = self.tape.pick(["range(3)", "range(1, 4)", "range(5, 0, -2)", "range(2)"])
        inner = Scope({**scope.names, name: "int"}, scope.outer)
        lines = [f"{indent}for {name} in {bounds}:"] + self.block(inner, depth - 1, indent + "    ", result, 1 + self.tape.below(2))
        # The body ran at least once, so what it surely assigns is assigned.
        for inner_name, kind in inner.names.items():
            if not isinstance(kind, tuple):
                scope.names[inner_name] = kind
        return lines

    def function(self, scope, depth, indent):
        t = self.tape
        name = self.fresh("f")
        kind = t.pick(["int", "bool"])
        parameters = [(self.fresh("p"), t.pick(["int", "bool"])) for _ in range(1 + t.below(2))]
        required = len(parameters)
        texts = [n for n, _ in parameters]
        if t.chance(40):
            required -= 1
            texts[-1] += f"={self.value(parameters[-1][1], scope, 1)}"
        inner = Scope({**scope.names, **dict(parameters)})
        lines = [f"{indent}def {name}({', '.join(texts)}):"]
        for _ in range(t.below(3)):
            local = self.fresh("w")
            lines.append(f"{indent}    {local} = {self.value('int', inner, 2)}")
            inner.names[local] = "int"
        if t.chance(30):
            lines.append(f"{indent}    if {self.expression('bool', inner, 1)}:")
            lines.append(f"{indent}        return {self.value(kind, inner, 1)}")
        lines.append(f"{indent}    return {self.value(kind, inner, 2)}")
        scope.names[name] = (tuple(parameters), kind, required)
        return lines

    def program(self):
        scope = Scope({"B": "int", "H": "int"})
        lines = []
        for _ in range(self.tape.below(2)):
            lines += self.function(scope, 1, "")
        for mod, kind, parameters in (("score_mod", "float", "score, b, h, q_idx, kv_idx"), ("mask_mod", "bool", "b, h, q_idx, kv_idx")):
            inner = Scope({**scope.names, **{p.strip(): "int" for p in parameters.split(",")}}, scope.names)
            if kind == "float":
                inner.names["score"] = "float"
            self.calls = 0
            lines.append(f"def {mod}({parameters}):")
            lines += self.block(inner, 2, "    ", kind, 1 + self.tape.below(MAX_STATEMENTS))
            lines.append(f"    return {self.value(kind, inner, 3)}")
        return HEADER + "\n".join(lines) + "\n"


class Differ:
    """Runs a program in both, and says how they differ."""

    def __init__(self, pointwise, twist=None):
        self.path, self.client, self.twist, self.skipped = pointwise, Pointwise(pointwise), twist, 0

    def difference(self, source):
        """None, or what differs."""
        try:
            namespace = python_shims.load(self.twist(source) if self.twist else source, CAPTURES, PROBLEM)
            expected = [float(namespace["score_mod"](SCORE, *p)) for p in POINTS] + [bool(namespace["mask_mod"](*p)) for p in POINTS]
        except (OverflowError, RecursionError):
            self.skipped += 1
            return None
        request = dict(source=source, problem=list(PROBLEM), captures={n: capture(d, v, s) for n, (d, s, v) in CAPTURES.items()})
        try:
            got = self.client.scores(points=[(SCORE, *p) for p in POINTS], **request) + self.client.masks(points=POINTS, **request)
        except Rejected as rejected:
            if any("limit" in e["code"] or "too-many" in e["code"] or "too-deep" in e["code"] for e in rejected.errors):
                self.skipped += 1
                return None
            return f"rejected: {rejected}"
        except LaunchError as error:
            return str(error)
        except RuntimeError as error:
            self.client = Pointwise(self.path)
            return str(error)
        for i, (value, reference) in enumerate(zip(got, expected)):
            if not close(value, reference):
                what = "score_mod" if i < len(POINTS) else "mask_mod"
                return f"{what} at {POINTS[i % len(POINTS)]}: {value!r}, Python says {reference!r}"
        return None


def close(a, b):
    a, b = float(a), float(b)
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.isfinite(a) == math.isfinite(b)
    return abs(a - b) <= FLOAT_TOLERANCE * max(1, abs(b))


def shrink(differ, numbers):
    """A shorter, smaller tape whose program still differs."""
    def fails(candidate):
        return differ.difference(Generator(Tape(candidate)).program()) is not None

    tries = 0
    improved = True
    while improved and tries < SHRINK_TRIES:
        improved = False
        size = max(1, len(numbers) // 2)
        while size and tries < SHRINK_TRIES:
            at = 0
            while at < len(numbers) and tries < SHRINK_TRIES:
                for candidate in (numbers[:at] + numbers[at + size:], numbers[:at] + [0] * len(numbers[at:at + size]) + numbers[at + size:]):
                    tries += 1
                    if candidate != numbers and fails(candidate):
                        numbers, improved = candidate, True
                        break
                else:
                    at += size
            size //= 2
    return numbers


def run(differ, count, seed):
    """Number of programs that differ; prints the first, shrunk."""
    wrong = 0
    for index in range(count):
        tape = Tape([], seed=f"{seed}/{index}")
        source = Generator(tape).program()
        what = differ.difference(source)
        if what is None:
            continue
        wrong += 1
        if differ.twist:
            return wrong
        if wrong <= 3:
            small = shrink(differ, tape.used)
            program = Generator(Tape(small)).program()
            print(f"program {index} of seed {seed}: {differ.difference(program)}\n{program}tape: {','.join(map(str, small))}\n")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="Random programs against CPython.")
    parser.add_argument("pointwise")
    parser.add_argument("--count", type=int, default=NIGHTLY if os.environ.get("FLEXC_NIGHTLY") == "1" else FAST)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FLEXC_SEED", "1")))
    parser.add_argument("--tape", help="numbers, comma-separated: runs that one program")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    if options.negative:
        twists = [("//", "%"), (" - ", " + "), (" < ", " <= "), (" and ", " or "), ("min(", "max("), ("abs(", "("), (" % ", " // "), ("not ", "")]
        found = sum(run(Differ(options.pointwise, lambda s, a=a, b=b: s.replace(a, b)), 500, options.seed) > 0 for a, b in twists)
        print(f"random programs, negative: {found} of {len(twists)} wrong operators found")
        return 0 if found == len(twists) else 1
    differ = Differ(options.pointwise)
    if options.tape:
        program = Generator(Tape([int(n) for n in options.tape.split(",")])).program()
        print(program, differ.difference(program))
        return 0
    wrong = run(differ, options.count, options.seed)
    print(f"random programs: {options.count} programs, {wrong} differ, {differ.skipped} skipped, seed {options.seed}")
    # Skipping most of them would prove nothing.
    return 1 if wrong or differ.skipped > options.count // 4 else 0


if __name__ == "__main__":
    sys.exit(main())
