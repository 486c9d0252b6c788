#!/usr/bin/env python3
"""The op × type table of docs/language.md as tests: every operation, every combination of operand types, at edge values.

usage: test_operations.py POINTWISE [--only REGEX] [--negative]

Each cell is checked in four ways: the result's type (or the rejection); the values with operands out of tensors, against
reference.py; with one operand a literal; and with all operands literals, evaluated at compile time, against Python's arithmetic.
--negative instead runs the checks over an evaluator that lies once an answer, and passes if every lie is found.
"""
import argparse
import collections
import itertools
import math
import os
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

import reference
from pointwise import Pointwise, Rejected, capture, double_bits, double_from_bits, float_bits
from reference import INT64_MAX, INT64_MIN, OPERATIONS, to_real
from table import COLUMNS, read_table

INTEGERS = [0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 63, 64, 65, -64, 127, 255, 2**31 - 1, 2**31, -2**31, 2**32 + 1, 2**53 + 1, -(2**53 + 1),
            INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.0, -3.5, 0.1, 20.0, 88.75, -104.0, 2.0**-149, -2.0**-149, 2.0**-126, 1e-20,
          16777217.0, 8388609.5, 2.0**31, 2.0**53, 2.0**63, -2.0**63, 1e19, 3.4028234663852886e38, -3.4028234663852886e38, math.inf, -math.inf, math.nan]
VALUES = {"bool": [False, True], "i64": INTEGERS, "f32": [np.float32(v) for v in FLOATS]}
# Elementary functions within the strict cone: docs/math.md promises at most 1.6 units of the last place, and the reference is rounded itself.
FUNCTION_ULPS = 2
COMPOSED_ERROR = 1e-6  # relative to max(1, |x|), of what is written out as several operations
ROW = 4  # length of the rows
TRIPLES = 400  # sampled operand triples of an operation with three operands
SHOWN = 6  # failures of a kind printed

namespaced = {"silu(a)", "relu(a)", "gelu(a)", "softplus(a)"}


class Checks:
    """Counts, and keeps what failed."""

    def __init__(self):
        self.count, self.failures = 0, []

    def that(self, holds, what):
        self.count += 1
        if not holds:
            self.failures.append(what() if callable(what) else what)


class Liar(Pointwise):
    """Alters one value of each answer."""

    def ask(self, **request):
        answer = super().ask(**request)
        for kind in ("score", "mask"):
            values = answer.get(kind)
            if values:
                i = len(values) // 2
                values[i] = 1 - values[i] if kind == "mask" else double_bits(1e9 if abs(double_from_bits(values[i])) < 1e8 else 0.0)
        return answer


def expression(label):
    """The label as text of the language."""
    return "F." + label if label in namespaced else label


def operand_names(label):
    return [name for name in "abc" if re.search(rf"\b{name}\b", label) and not (name == "c" and is_select(label))]


def is_select(label):
    return label in ("a if c else b", "where(c, a, b)")


def orders(column, arity):
    """The operand types that a column of scalars stands for."""
    types = column.split(", ")
    if len(types) == 1:
        return [tuple(types * arity)]
    return [order for order in itertools.product(types, repeat=arity) if len(set(order)) == 2]


def operand_tuples(types, seed):
    """Edge values in all combinations, or a seeded sample where these are many."""
    if len(types) <= 2:
        return list(itertools.product(*(VALUES[t] for t in types)))
    draw = random.Random(seed)
    return [tuple(draw.choice(VALUES[t]) for t in types) for _ in range(TRIPLES)]


def same_float(got, expected, ulps):
    """Equal to the bit (the sign of zero too), or within `ulps`."""
    if ulps is None:
        if not (math.isfinite(got) and math.isfinite(expected)):
            return True  # where a product of 0 and inf is NaN, or a sum overflows, is not fixed
        return abs(got - expected) <= COMPOSED_ERROR * max(1, abs(expected))
    if math.isnan(got) or math.isnan(expected):
        return math.isnan(got) and math.isnan(expected)
    if ulps == 0 or math.isinf(got) or math.isinf(expected):
        if got == expected:
            return math.copysign(1, got) == math.copysign(1, expected) or ulps > 0
        # An overflow may round either way within the bound.
        finite = min(abs(got), abs(expected))
        return ulps > 0 and finite >= float(np.finfo(np.float32).max) * (1 - ulps * 2.0**-24) and math.copysign(1, got) == math.copysign(1, expected)
    place = 2.0**max(math.frexp(expected)[1] - 24, -149)  # the unit in f32's last place
    return abs(got - expected) <= ulps * place


def same_value(got, expected, ulps):
    if isinstance(expected, (bool, int)):
        return got == expected
    return same_float(float(got), float(expected), ulps)


def observe(client, result, header, body, count, **more):
    """Values of `v` by the observer that its type takes."""
    return {"bool": client.observe_bool, "i64": client.observe_int, "f32": client.observe_float}[result](header, body, count, **more)


def ulps_of(label):
    """None: composed of several operations."""
    if label in reference.COMPOSED:
        return None
    return FUNCTION_ULPS if label in reference.INEXACT else 0


def tensors(types, columns):
    """Declarations and captures x0, x1, … of operand columns."""
    header = "\n".join(f"tensor x{i}: {t}[n]" for i, t in enumerate(types))
    return header, {f"x{i}": capture(t, values) for i, (t, values) in enumerate(zip(types, columns))}


# ------------------------------------------------------------------ scalars

def check_rejected(client, checks, label, column, types):
    header = "\n".join(f"tensor x{i}: {t}[n]" for i, t in enumerate(types)) + "\ntensor t: f32[n]"
    names = operand_names(label)
    body = "\n".join(f"    {name} = x{i}[kv_idx]" for i, name in enumerate(names))
    source = f"{header}\ndef mask_mod(b_, h, q_idx, kv_idx):\n    c = h == 0\n{body}\n    v = {expression(label)}\n    return h == 0\n"
    checks.that(not client.accepts(source), f"{label} with {column} ({types}): accepted, the table says error")


def check_type(client, checks, label, column, types, result):
    """bool can be negated with `not`, i64 has bits, f32 neither."""
    header = "\n".join(f"tensor x{i}: {t}[n]" for i, t in enumerate(types)) + "\ntensor t: f32[n]"
    body = "\n".join(f"    {name} = x{i}[kv_idx]" for i, name in enumerate(operand_names(label)))
    accepts = lambda use: client.accepts(f"{header}\ndef mask_mod(b_, h, q_idx, kv_idx):\n    c = h == 0\n{body}\n    v = {expression(label)}\n    return {use}\n")
    seen = ("bool" if accepts("not v") else "i64" if accepts("(v & 1) == 0") else "f32" if accepts("v < 1") else "error")
    checks.that(seen == result, f"{label} with {column} ({types}): the result is {seen}, the table says {result}")
    return seen == result


def check_values(client, checks, label, types, result):
    """Operands out of tensors, each a value of its own."""
    names = operand_names(label)
    tuples = operand_tuples(types, label)
    conditions = [False, True] if is_select(label) else [None]
    for condition in conditions:
        header, captures = tensors(types, list(zip(*tuples)))
        body = "\n".join([f"{name} = x{i}[kv_idx]" for i, name in enumerate(names)]
                         + ([f"c = kv_idx {'>=' if condition else '<'} 0"] if condition is not None else []) + [f"v = {expression(label)}"])
        expected = [apply(label, operands, condition) for operands in tuples]
        got = observe(client, result, header, body.replace("\n", "\n"), len(tuples), captures=captures)
        compare(checks, label, tuples, got, expected, ulps_of(label))
        if result == "f32" and set(types) == {"f32"}:
            check_outside_cone(client, checks, label, tuples, condition, header, body, captures)


def check_outside_cone(client, checks, label, tuples, condition, header, body, captures):
    """The same in f64, where no integer and no boolean depends on it."""
    wide = [tuple(np.float64(v) for v in operands) for operands in tuples]
    if label in reference.COMPOSED:
        return
    expected = [apply(label, operands, condition, np.float64) for operands in wide]
    got = client.observe_float(header, body, len(tuples), strict=False, captures=captures)
    for operands, value, reference_value in zip(tuples, got, expected):
        close = (math.isnan(value) and math.isnan(reference_value)) or value == reference_value or (
            math.isfinite(value) and math.isfinite(reference_value) and abs(value - reference_value) <= 1e-13 * abs(reference_value) + 1e-300)
        checks.that(close, lambda: f"{label} outside of the cone at {show(operands)}: {value!r}, expected {float(reference_value)!r}")


def apply(label, operands, condition, real=np.float32):
    if condition is not None:
        return OPERATIONS[label](*operands, condition, real)
    return OPERATIONS[label](*operands, real)


def compare(checks, label, tuples, got, expected, ulps, where=""):
    for operands, value, reference_value in zip(tuples, got, expected):
        checks.that(same_value(value, reference_value, ulps), lambda: f"{label}{where} at {show(operands)}: {value!r}, expected {plain(reference_value)!r}")


def plain(value):
    return float(value) if isinstance(value, np.floating) else value


def show(operands):
    return ", ".join(repr(plain(v)) for v in operands)


# ------------------------------------------------------------------ literals

def literal(value):
    if isinstance(value, (bool, int)):
        return f"({value})"
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "(-inf)"
    return f"({float(value)!r})"


def check_literals(client, checks, label, types, result):
    """One operand a literal, the other out of a tensor: the literal takes its run-time type first."""
    if label in ("a ** b", "pow(a, b)"):
        return  # the type depends on the exponent's value: check_powers
    for side in (0, 1):
        other = 1 - side
        for value in VALUES[types[side]]:
            values = VALUES[types[other]]
            header, captures = tensors([types[other]], [values])
            names = ["x0[kv_idx]", "x0[kv_idx]"]
            names[side] = literal(value)
            tuples = [(value, v) if side == 0 else (v, value) for v in values]
            for condition in ([False, True] if is_select(label) else [None]):
                body = f"a = {names[0]}\nb = {names[1]}\n" + (f"c = kv_idx {'>=' if condition else '<'} 0\n" if condition is not None else "") + f"v = {expression(label)}"
                expected = [apply(label, operands, condition) for operands in tuples]
                got = observe(client, result, header, body, len(values), captures=captures)
                compare(checks, label, tuples, got, expected, ulps_of(label), f" with operand {side + 1} a literal")


def compile_time(label, operands):
    """Python's arithmetic made total: what compile-time scalars give. None: an error; NotImplemented: not fixed."""
    a, b = operands if len(operands) == 2 else (*operands, None)
    whole = all(isinstance(v, int) for v in operands)
    symbol = label[2:-2] if re.fullmatch(r"a \S+ b", label) else None
    wide = lambda v: np.float64(v) if not isinstance(v, int) else reference.round_fraction(Fraction(int(v)), np.float64)
    if symbol in ("+", "-", "*"):
        return eval(f"int(a) {symbol} int(b)") if whole else reference.BINARY_FLOAT[symbol](wide(a), wide(b))
    if symbol == "/":
        if whole and b != 0:
            return reference.round_fraction(Fraction(int(a), int(b)), np.float64) if a else np.float64(a / b)
        return reference.BINARY_FLOAT["/"](wide(a), wide(b))
    if symbol in ("//", "%"):
        if whole:
            return 0 if b == 0 else eval(f"int(a) {symbol} int(b)")
        return reference.BINARY_FLOAT[symbol](wide(a), wide(b))
    if symbol in ("<<", ">>"):
        return eval(f"int(a) {symbol} int(b)") if 0 <= int(b) <= 63 else None
    if symbol in ("&", "|", "^", "and", "or"):
        return eval(f"a {symbol} b")
    if symbol in reference.COMPARE:
        return eval(f"a {symbol} b")
    if label in ("-a", "+a", "~a", "not a"):
        if label == "~a" and isinstance(a, bool):
            return not a
        return eval(f"{label}")
    if label == "abs(a)":
        return abs(a)
    if label in ("floor(a)", "ceil(a)", "round(a)"):
        if not math.isfinite(a):
            return NotImplemented
        return {"floor(a)": math.floor, "ceil(a)": math.ceil, "round(a)": round}[label](a)
    if label == "int(a)":
        return int(a) if isinstance(a, int) or math.isfinite(a) else NotImplemented
    if label in ("bool(a)",):
        return a != 0
    if label in ("min(a, b)", "max(a, b)", "minimum(a, b)", "maximum(a, b)"):
        low = label.startswith("min")
        if whole:
            return int(min(a, b) if low else max(a, b))
        return (reference.float_min if low else reference.float_max)(wide(a), wide(b))
    return NotImplemented


def check_compile_time(client, checks, label, types, result):
    """All operands literals; the result then meets a run-time value (the observer)."""
    for operands in itertools.product(*(VALUES[t] for t in types)):
        operands = tuple(plain(v) for v in operands)
        expected = compile_time(label, operands)
        if expected is NotImplemented:
            continue
        names = operand_names(label)
        body = "\n".join(f"{name} = {literal(v)}" for name, v in zip(names, operands)) + f"\nv = {expression(label)}"
        if isinstance(expected, int) and not isinstance(expected, bool):
            body += "\nv = v + kv_idx * 0"  # here it meets a run-time value
        kind = "bool" if isinstance(expected, bool) else "i64" if isinstance(expected, int) else "f32"
        fits = expected is not None and (kind != "i64" or INT64_MIN <= expected <= INT64_MAX)
        what = f"{label} at compile time, at {show(operands)}"
        try:
            got = observe(client, kind if expected is not None else "i64", "", body, 1)[0]
        except Rejected as rejected:
            checks.that(not fits, lambda: f"{what}: rejected ({rejected}), expected {plain(expected)!r}")
            continue
        if not fits:
            checks.that(False, f"{what}: {got!r}, expected an error")
            continue
        if kind == "f32":
            with np.errstate(all="ignore"):
                expected = np.float32(expected)
        checks.that(same_value(got, expected, 0), lambda: f"{what}: {got!r}, expected {plain(expected)!r}")


def check_powers(client, checks):
    """Exponents that are literals: an integer to an integer n >= 0 stays an integer, and wraps."""
    for base_type in ("bool", "i64", "f32"):
        values = VALUES[base_type]
        header, captures = tensors([base_type], [values])
        for exponent in (0, 1, 2, 3, 7, 63, 64, -1, -2, 0.5, 2.0, True):
            integral = base_type != "f32" and isinstance(exponent, int) and exponent >= 0
            for text in (f"x0[kv_idx] ** {literal(exponent)}", f"pow(x0[kv_idx], {literal(exponent)})"):
                got = observe(client, "i64" if integral else "f32", header, f"v = {text}", len(values), captures=captures)
                expected = [reference.wrap(int(v)**int(exponent)) if integral else reference.power(to_real(v), np.float32(exponent)) for v in values]
                compare(checks, text, [(v,) for v in values], got, expected, FUNCTION_ULPS)


# ------------------------------------------------------------------ rows

def rows_of(kind, count, seed):
    """`count` rows of edge values, small and large."""
    draw = random.Random(seed)
    return [[draw.choice(VALUES[kind]) for _ in range(ROW)] for _ in range(count)]


def row_forms(label, column):
    """(type, is_row) of each operand, for every form that the column stands for."""
    arity = len(operand_names(label))
    if column == "row i64":
        kinds = [("i64",) * arity] + ([("bool", "i64"), ("i64", "bool"), ("bool", "bool")] if arity == 2 else [("bool",)] if arity == 1 and label != "bool(a)" else [])
    else:
        kinds = [("f32",) * arity] + ([("i64", "f32"), ("f32", "i64"), ("f32", "bool")] if arity == 2 else [])
    for types in kinds:
        shapes = [s for s in itertools.product((True, False), repeat=arity) if any(s)]
        for shape in shapes:
            if label == "dot(a, b)" and not all(shape):
                continue
            yield list(zip(types, shape))


def check_rows(client, checks, label, column, result, count=24):
    for form in row_forms(label, column):
        names = operand_names(label)
        header, captures, body, data = [], {}, [], []
        for i, ((kind, is_row), name) in enumerate(zip(form, names)):
            header.append(f"tensor x{i}: {kind}[n, {ROW}]" if is_row else f"tensor x{i}: {kind}[n]")
            rows = rows_of(kind, count, f"{label}{i}{kind}")
            data.append(rows if is_row else [row[0] for row in rows])
            flat = [v for row in rows for v in row] if is_row else data[-1]
            captures[f"x{i}"] = capture(kind, flat, [count, ROW] if is_row else [count])
            body.append(f"{name} = x{i}[kv_idx % {count}]")
        header, body = "\n".join(header), "\n".join(body) + ("\nc = (kv_idx >= 0)" if is_select(label) else "") + f"\nr = {expression(label)}"
        what = f"{label} on {' and '.join(('row ' if is_row else '') + kind for kind, is_row in form)}"
        if result == "error":
            source = f"{header}\ndef mask_mod(b_, h, q_idx, kv_idx):\n" + "\n".join("    " + l for l in body.split("\n")) + "\n    return h == 0\n"
            checks.that(not client.accepts(source), f"{what}: accepted, the table says error")
            continue
        reduction = not result.startswith("row")
        kind = result.removeprefix("row ")
        body += "\nv = r" if reduction else f"\nv = r[kv_idx // {count}]"
        total = count if reduction else count * ROW
        try:
            got = observe(client, kind, header, body, total, captures=captures)
        except Rejected as rejected:
            checks.that(False, f"{what}: rejected: {rejected}")
            continue
        for at in range(total):
            i, j = at % count, at // count
            if reduction:
                expected = reduce_rows(label, [rows[i] for rows in data])
            else:
                operands = [rows[i][j] if is_row else rows[i] for rows, (_, is_row) in zip(data, form)]
                if column == "row f32":  # a row of one type with a float is a row of floats first
                    operands = [to_real(v) for v in operands]
                expected = apply(label, [int(v) if isinstance(v, bool) else v for v in operands], True if is_select(label) else None)
            checks.that(same_value(got[at], expected, ulps_of(label)), lambda: f"{what}, row {i}, element {j}: {got[at]!r}, expected {plain(expected)!r}")


def reduce_rows(label, rows):
    if label == "dot(a, b)":
        return reference.row_dot(*rows, np.float32)
    if label == "sum(a)":
        return reference.row_sum(rows[0], np.float32)
    return reference.row_extreme(rows[0], label[:3], np.float32)


# ------------------------------------------------------------------ gathers

def check_gathers(client, checks):
    """-n <= i < 0 wraps; beyond that the value is 0, of a row a row of zeros."""
    n = 5
    values = [10.0, 20.0, 30.0, 40.0, 50.0]
    indices = [i for i in INTEGERS if not -n <= i < n] + list(range(-n - 2, n + 2))
    wrapped = lambda i: values[i] if -n <= i < n else 0.0
    for kind in ("f32", "i64", "i32", "u8"):
        header = f"tensor t: {kind}[n]\ntensor i: i64[m]"
        captures = {"t": capture(kind, values), "i": capture("i64", indices)}
        got = observe(client, "f32" if kind == "f32" else "i64", header, "v = t[i[kv_idx]]", len(indices), captures=captures)
        for index, value in zip(indices, got):
            checks.that(value == wrapped(index), f"t[{index}] of {n} {kind}: {value!r}, expected {wrapped(index)!r}")
        flags = observe(client, "bool", header.replace(f"t: {kind}", "t: bool"), "v = t[i[kv_idx]]", len(indices),
                        captures=dict(captures, t=capture("bool", [1] * n)))
        for index, value in zip(indices, flags):
            checks.that(value == (-n <= index < n), f"t[{index}] of {n} bool: {value!r}")
    matrix = np.arange(1, 16, dtype=np.float32).reshape(5, 3)
    header = "tensor t: f32[n, 3]\ntensor i: i64[m]"
    captures = {"t": capture("f32", matrix), "i": capture("i64", indices)}
    inside = lambda i, size: -size <= i < size
    for text, j in (("t[i[kv_idx], 1]", 1), ("t[i[kv_idx]][-1]", -1), ("t[i[kv_idx]][kv_idx * 0 + 7]", 7), ("t[i[kv_idx]][1]", 1)):
        got = client.observe_float(header, f"v = {text}", len(indices), captures=captures)
        for index, value in zip(indices, got):
            expected = float(matrix[index, j]) if inside(index, 5) and inside(j, 3) else 0.0
            checks.that(value == expected, f"{text} at {index}: {value!r}, expected {expected!r}")
    got = client.observe_float(header, "v = sum(t[i[kv_idx]])", len(indices), captures=captures)
    for index, value in zip(indices, got):
        expected = float(matrix[index].sum()) if inside(index, 5) else 0.0
        checks.that(value == expected, f"sum(t[{index}]): {value!r}, expected {expected!r}")
    # bool as an index is 0 or 1, and a fault is told in checked runs: the evaluator's record of it.
    flags = [False, True]
    got = client.observe_float("tensor t: f32[n]\ntensor i: bool[m]", "v = t[i[kv_idx]]", 2, captures={"t": capture("f32", values), "i": capture("bool", flags)})
    checks.that(got == [10.0, 20.0], f"t[bool]: {got}")
    for index, fault in ((4, None), (-5, None), (5, ["t", 0, 5]), (-6, ["t", 0, -6])):
        answer = client.ask(source="tensor t: f32[n]\ndef score_mod(s, b, h, q, k):\n    return t[k]\n", captures={"t": capture("f32", values)},
                            points={"score": [[0, 0, 0, 0, index]]})
        checks.that(answer["fault"] == fault, f"the fault of t[{index}]: {answer['fault']}, expected {fault}")


def check_score_rounding(client, checks):
    """`score` is f64 outside of the cone, and rounded to f32 where it enters a boolean or an integer."""
    program = lambda text: f"def score_mod(s, b, h, q, k):\n    return {text}\n"
    cases = [("s + 0.0", 0.1, 0.1), ("s", 1e39, 1e39), ("1.0 if s == 1.0 else 0.0", 1 + 1e-12, 1.0), ("1.0 if s == 0.0 else 2.0", 1e-50, 1.0),
             ("1.0 if isinf(s) else 2.0", 1e39, 1.0), ("int(s) % 1024", 16777217.0, 0.0), ("s if s == 1.0 else 0.0", 1 + 1e-12, 1 + 1e-12),
             ("1.0 if s * 3.0 == 3.0 else 0.0", 1 + 1e-12, 1.0), ("1.0 if s - 1.0 > 0.0 else 0.0", 1 + 1e-12, 0.0)]
    for text, score, expected in cases:
        got = client.scores(program(text), [(score, 0, 0, 0, 0)])[0]
        checks.that(got == expected, f"{text} with a score of {score!r}: {got!r}, expected {expected!r}")


# ------------------------------------------------------------------ all

def check_cell(client, checks, label, column, result):
    if column.startswith("row"):
        if label != "t[a]":
            check_rows(client, checks, label, column, result)
        return
    for types in orders(column, len(operand_names(label))):
        if result == "error":
            check_rejected(client, checks, label, column, types)
            continue
        if not check_type(client, checks, label, column, types, result) or label == "t[a]":
            continue
        check_values(client, checks, label, types, result)
        if len(types) == 2:
            check_literals(client, checks, label, types, result)
        if len(types) <= 2:
            check_compile_time(client, checks, label, types, result)


def report(checks, name):
    groups = collections.Counter()
    for failure in checks.failures:
        group = re.split(" (?:on|at|with|outside) ", failure)[0]
        groups[group] += 1
        if groups[group] <= SHOWN:
            print(failure)
    for group, count in groups.items():
        if count > SHOWN:
            print(f"{group}: … and {count - SHOWN} more")
    print(f"{name}: {checks.count} checks, {len(checks.failures)} failures")


def main():
    parser = argparse.ArgumentParser(description="The op × type table as tests.")
    parser.add_argument("pointwise")
    parser.add_argument("--only", default="", help="regular expression on operations")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    root = Path(os.environ.get("FLEXC_ROOT", Path(__file__).resolve().parents[2]))
    table = read_table((root / "docs" / "language.md").read_text("utf-8"))
    client = (Liar if options.negative else Pointwise)(options.pointwise)
    if options.negative:
        found = 0
        labels = ["a + b", "a // b", "a & b", "a == b", "exp(a)", "round(a)"]
        for label in labels:
            checks = Checks()
            result = table[label]["i64"]
            check_values(client, checks, label, ("i64",) * len(operand_names(label)), result)
            found += bool(checks.failures)
        print(f"operations, negative: {found} of {len(labels)} lies found")
        return 0 if found == len(labels) else 1
    checks = Checks()
    pattern = re.compile(options.only)
    for label, row in table.items():
        if pattern.search(label):
            before = len(checks.failures)
            for column in COLUMNS:
                if row[column] != "–":
                    try:
                        check_cell(client, checks, label, column, row[column])
                    except Rejected as rejected:
                        checks.that(False, f"{label} with {column}: rejected: {rejected}")
            if len(checks.failures) > before:
                print(f"{label}: {len(checks.failures) - before} failures")
    if not options.only:
        for check in (check_powers, check_gathers, check_score_rounding):
            check(client, checks)
    client.close()
    report(checks, "operations")
    return 1 if checks.failures or checks.count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
