"""Runs the text of a variant in CPython: declarations become plain names, captures become total gathers, built-ins become shims.

What is valid Python then means what CPython says, which is the strongest reference for scoping, closures, loops and integers.
"""
import functools
import math
import re
import types


class Gather:
    """A capture: t[i, j] and t[i][j], wrapping once, 0 beyond."""

    def __init__(self, values, shape):
        self.values, self.shape = values, tuple(shape)

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        values, shape = self.values, self.shape
        for i in index:
            size = shape[0]
            step = len(values) // size if size else 0
            i = i + size if i < 0 else i
            values, shape = (values[i * step:(i + 1) * step] if 0 <= i < size else [0] * step), shape[1:]
        return Gather(values, shape) if shape else values[0]

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        return iter(self.values)


def where(condition, a, b):
    return a if condition else b


def clamp(a, low=None, high=None, **bounds):
    low, high = bounds.get("min", low), bounds.get("max", high)
    if low is not None:
        a = max(a, low)
    return a if high is None else min(a, high)


def sign(a):
    return (a > 0) - (a < 0)


def and_masks(*masks):
    return lambda b, h, q, kv: all([m(b, h, q, kv) for m in masks])


def or_masks(*masks):
    return lambda b, h, q, kv: any([m(b, h, q, kv) for m in masks])


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


SHIMS = {
    "where": where, "clamp": clamp, "sign": sign, "minimum": min, "maximum": max, "square": lambda a: a * a, "and_masks": and_masks, "or_masks": or_masks,
    "dot": dot, "floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt, "exp": math.exp, "tanh": math.tanh, "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "logical_and": lambda a, b: a and b, "logical_or": lambda a, b: a or b, "logical_not": lambda a: not a, "logical_xor": lambda a, b: a != b,
    "inf": math.inf, "nan": math.nan, "math": math, "functools": functools, "partial": functools.partial, "isnan": math.isnan, "isinf": math.isinf,
}
for _type in ("Tensor", "IntTensor", "BoolTensor", "Callable", "Optional", "Tuple"):
    SHIMS[_type] = object()


def python_text(source):
    """The variant with its declarations as Python."""
    lines = []
    for line in source.split("\n"):
        if re.match(r"tensor\s+\w+\s*:", line):
            line = "pass"
        line = re.sub(r"^param\s+(\w+)\s*:\s*\w+\s*=", r"\1 =", line)
        line = re.sub(r"^const\s+", "", line)
        lines.append(line)
    return "\n".join(lines)


def load(source, captures=None, problem=(1, 1, 1, 1, 1)):
    """The namespace that the text leaves behind: score_mod and mask_mod are in it."""
    torch = types.SimpleNamespace(**SHIMS, abs=abs, max=max, min=min, remainder=lambda a, b: a % b)
    namespace = dict(SHIMS, torch=torch, **dict(zip(("B", "H", "HKV", "Q", "KV"), problem)))
    for name, (_, shape, values) in (captures or {}).items():
        namespace[name] = Gather(values, shape)
    exec(compile(python_text(source), "variant", "exec"), namespace)
    return namespace
