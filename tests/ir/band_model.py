"""Reads the text of flex.band and flex.mask_mod and evaluates it: the language's integers, written anew for the tests."""
import re

INT_MIN, INT_MAX = -2**63, 2**63 - 1
LINE = re.compile(r"^(%[\w-]+) = (flex|arith)\.(\w+)\s*(.*)$")


def wrap(x):
    return (x + 2**63) % 2**64 - 2**63


BINARY = {
    "add": lambda x, y: wrap(x + y), "sub": lambda x, y: wrap(x - y), "mul": lambda x, y: wrap(x * y),
    "floor_div": lambda x, y: 0 if y == 0 else wrap(x // y), "mod": lambda x, y: 0 if y == 0 else x % y,
    "min": min, "max": max, "and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y,
    "shl": lambda x, y: wrap(x << (y % 64)), "shr": lambda x, y: x >> (y % 64),
    "eq": lambda x, y: int(x == y), "ne": lambda x, y: int(x != y), "lt": lambda x, y: int(x < y),
    "le": lambda x, y: int(x <= y), "gt": lambda x, y: int(x > y), "ge": lambda x, y: int(x >= y),
}
UNARY = {"neg": lambda x: wrap(-x), "abs": lambda x: wrap(abs(x)), "sign": lambda x: (x > 0) - (x < 0),
         "wrap_i32": lambda x: (x + 2**31) % 2**32 - 2**31, "bool_to_int": lambda x: x}


class Region:
    """Straight-line code; `run` gives what it yields."""

    def __init__(self, lines):
        self.operations, self.results = [], []
        for line in lines:
            if line.startswith("flex.yield"):
                self.results = re.findall(r"%[\w-]+", line)
                continue
            name, dialect, kind, rest = LINE.match(line).groups()
            if dialect == "arith":
                word = rest.split()[0]
                self.operations.append((name, "constant", [], {"true": 1, "false": 0}.get(word) if word in ("true", "false") else int(word)))
            else:
                symbol = re.match(r"@(\w+)", rest) or re.match(r"(\w+)$", rest)
                self.operations.append((name, kind, re.findall(r"%[\w-]+", rest), symbol[1] if symbol else rest.endswith("i1")))

    def run(self, arguments, environment):
        values = dict(arguments)
        for name, kind, operands, extra in self.operations:
            x = [values[operand] for operand in operands]
            if kind == "constant":
                value = extra
            elif kind in BINARY:
                value = BINARY[kind](*x)
            elif kind == "not":
                value = 1 - x[0] if extra else ~x[0]
            elif kind in UNARY:
                value = UNARY[kind](*x)
            elif kind == "select":
                value = x[1] if x[0] else x[2]
            elif kind == "read" or kind == "dim":
                value = environment[extra]
            elif kind == "gather":
                value = gather(environment[extra], x[0])
            else:
                raise ValueError(f"{kind} is not in this model")
            values[name] = value
        return [values[result] for result in self.results]


def gather(elements, index):
    index = index + len(elements) if index < 0 else index
    return elements[index] if 0 <= index < len(elements) else 0


class Variant:
    """One flex.variant: `band` and `mask` may be missing."""

    def __init__(self, lines):
        self.band = self.mask = None
        inside = []
        for line in lines:
            if line.startswith("flex.band"):
                inside, kind = [], "band"
            elif line.startswith("flex.mask_mod"):
                inside, kind = [], "mask"
            elif line.startswith("flex.yield"):
                setattr(self, kind, Region([*inside, line]))
            else:
                inside.append(line)

    def limits(self, b, h, q, environment):
        """The intervals of a row; None where every position is kept."""
        if self.band is None:
            return None
        values = self.band.run({"%b": b, "%h": h, "%q_idx": q}, environment)
        return list(zip(values[::2], values[1::2]))

    def residual(self, b, h, q, kv, environment):
        return self.mask is None or bool(self.mask.run({"%b": b, "%h": h, "%q_idx": q, "%kv_idx": kv}, environment)[0])


def variants_of(text):
    """The variants of a module, in order."""
    found = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("flex.variant"):
            found.append([])
        elif found and (line.startswith(("flex.band", "flex.mask_mod", "flex.yield", "%"))):
            found[-1].append(line)
    return [Variant(lines) for lines in found]
