"""What every operation computes, written from docs/language.md alone: the reference that flexc's evaluator is tested against.

Values are Python bools, Python ints within 64 bits, and NumPy float32 (or float64, for what lies outside the strict cone).
"""
import math
from fractions import Fraction

import numpy as np

INT64_MIN, INT64_MAX = -2**63, 2**63 - 1


def wrap(value):
    """Two's complement, 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


# ------------------------------------------------------------------ exact rounding

_FORMATS = {np.float32: (24, -149, 128), np.float64: (53, -1074, 1024)}


def round_fraction(value, real):
    """The float of type `real` nearest to the fraction, ties to even; overflow is infinite."""
    precision, least, overflow = _FORMATS[real]
    if value == 0:
        return real(0)
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < Fraction(2)**exponent:
        exponent -= 1
    unit = max(exponent - precision + 1, least)
    mantissa = round(magnitude / Fraction(2)**unit)  # Python rounds fractions half to even
    if mantissa * Fraction(2)**unit >= Fraction(2)**overflow:
        return real(math.copysign(math.inf, value))
    return real(math.copysign(math.ldexp(mantissa, unit), value))


def to_real(value, real=np.float32):
    """bool or i64 to a float, nearest even; floats as they are."""
    return round_fraction(Fraction(int(value)), real) if isinstance(value, (bool, int)) else real(value)


# ------------------------------------------------------------------ integers

def int_floor_div(a, b):
    return 0 if b == 0 else wrap(a // b)


def int_mod(a, b):
    return 0 if b == 0 else wrap(a % b)


def int_sign(a):
    return (a > 0) - (a < 0)


def float_to_int(a):
    if math.isnan(a):
        return 0
    if math.isinf(a):
        return INT64_MAX if a > 0 else INT64_MIN
    return max(INT64_MIN, min(INT64_MAX, int(a)))


# ------------------------------------------------------------------ floats

def _quiet(function):
    def quiet(*operands):
        with np.errstate(all="ignore"):
            return function(*operands)
    return quiet


def float_floor_div(a, b):
    """The floor of the true quotient, rounded once; by zero and of infinities, IEEE's quotient."""
    real = type(a)
    with np.errstate(all="ignore"):
        quotient = a / b
    if np.isinf(b) and np.isfinite(a):  # an infinitely small quotient
        return real(-1) if a != 0 and (a > 0) != (b > 0) else quotient
    if b == 0 or not (np.isfinite(a) and np.isfinite(b)):
        return np.floor(quotient)
    exact = Fraction(float(a)) / Fraction(float(b))
    if abs(quotient) > 2**_FORMATS[real][0]:  # every float out there is an integer
        return quotient
    whole = math.floor(exact)
    # Zero keeps the quotient's sign.
    return round_fraction(Fraction(whole), real) if whole else real(math.copysign(0, quotient))


def float_mod(a, b):
    """a - b * floor(a / b), rounded once; a zero takes the sign of b."""
    real = type(a)
    if np.isnan(a) or np.isnan(b) or b == 0 or np.isinf(a):
        return real(np.nan)
    if np.isinf(b):
        return real(math.copysign(0, b)) if a == 0 else a if (a > 0) == (b > 0) else b
    exact = Fraction(float(a)) - Fraction(float(b)) * math.floor(Fraction(float(a)) / Fraction(float(b)))
    return round_fraction(exact, real) if exact else real(math.copysign(0, b))


def float_min(a, b):
    return type(a)(np.nan) if np.isnan(a) or np.isnan(b) else a if a < b else b  # of two zeros, the second


def float_max(a, b):
    return type(a)(np.nan) if np.isnan(a) or np.isnan(b) else a if a > b else b


def float_sign(a):
    return type(a)((a > 0) * 1 - (a < 0) * 1)  # 0 for NaN


def _pow(a, b):
    """C's pow in f64."""
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b == math.floor(b) and b % 2 == 1 else math.inf
    except ValueError:
        if a == 0:  # zero to a negative power
            odd = math.isfinite(b) and b == math.floor(b) and b % 2 == 1
            return math.copysign(math.inf, a) if odd else math.inf
        return math.nan


def _total(function, *, below=math.nan, pole=None):
    """`function` in f64, total: NaN outside of its domain, `pole` = (where, value), overflow infinite."""
    def total(a):
        if math.isnan(a):
            return a
        if pole and a == pole[0]:
            return pole[1]
        try:
            return function(a)
        except OverflowError:
            return math.inf
        except ValueError:
            return below
    return total


def _exp2(a):
    return 0.0 if a < -1100 else math.pow(2.0, a)


def _sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a > -700 else math.exp(a)


# These are written out as other operations, whose errors add up: they are compared within an absolute bound.
COMPOSED = {"silu(a)", "gelu(a)", "softplus(a)"}
# Of one argument, in f64; a result in f32 is allowed the ulps of FUNCTION_ULPS, because only + - * / sqrt are correctly rounded.
FUNCTIONS = {
    "exp": _total(math.exp),
    "exp2": _total(_exp2),
    "expm1": _total(math.expm1),
    "log": _total(math.log, pole=(0, -math.inf)),
    "log2": _total(math.log2, pole=(0, -math.inf)),
    "log1p": _total(math.log1p, pole=(-1, -math.inf)),
    "sin": _total(math.sin),
    "cos": _total(math.cos),
    "tan": _total(math.tan),
    "tanh": _total(math.tanh),
    "sigmoid": _total(_sigmoid),
    "erf": _total(math.erf),
    "rsqrt": _total(lambda a: math.copysign(math.inf, a) if a == 0 else 1 / math.sqrt(a)),
    "silu": _total(lambda a: a * _sigmoid(a)),
    "gelu": _total(lambda a: 0.5 * a * (1 + math.erf(a / math.sqrt(2)))),
    "softplus": _total(lambda a: a if a > 20 else math.log1p(math.exp(a))),
}
EXACT_FUNCTIONS = {
    "floor": _quiet(np.floor), "ceil": _quiet(np.ceil), "round": _quiet(np.rint), "sqrt": _quiet(np.sqrt),
    "abs": lambda a: abs(a), "sign": float_sign, "square": _quiet(lambda a: a * a), "neg": lambda a: -a,
    "relu": lambda a: float_max(a, type(a)(0)),
}
BINARY_FLOAT = {
    "+": _quiet(lambda a, b: a + b), "-": _quiet(lambda a, b: a - b), "*": _quiet(lambda a, b: a * b), "/": _quiet(lambda a, b: a / b),
    "//": float_floor_div, "%": float_mod, "min": float_min, "max": float_max,
}
BINARY_INT = {
    "+": lambda a, b: wrap(a + b), "-": lambda a, b: wrap(a - b), "*": lambda a, b: wrap(a * b),
    "//": int_floor_div, "%": int_mod, "min": min, "max": max,
    "<<": lambda a, b: wrap(a << (b % 64)), ">>": lambda a, b: a >> (b % 64),
    "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b,
}
COMPARE = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
           ">=": lambda a, b: a >= b}


def power(a, b, real=np.float32):
    with np.errstate(all="ignore"):
        return real(_pow(float(a), float(b)))


def function(name, a):
    """An elementary function of a float, rounded to the float's type."""
    if name in EXACT_FUNCTIONS:
        return EXACT_FUNCTIONS[name](a)
    with np.errstate(all="ignore"):
        return type(a)(FUNCTIONS[name](float(a)))


# ------------------------------------------------------------------ the operations of the table

def is_integral(*values):
    return all(isinstance(v, (bool, int)) for v in values)


def unify(values, real):
    """Operands of one type: bool becomes i64; with a float, all become floats."""
    return [int(v) for v in values] if is_integral(*values) else [to_real(v, real) for v in values]


def _arithmetic(symbol):
    def apply(a, b, real):
        a, b = unify((a, b), real)
        return (BINARY_INT if is_integral(a) else BINARY_FLOAT)[symbol](a, b)
    return apply


def _bits(symbol):
    def apply(a, b, real):
        result = BINARY_INT[symbol](int(a), int(b))
        return bool(result) if isinstance(a, bool) and isinstance(b, bool) else result
    return apply


def _select(a, b, c, real):
    if not (isinstance(a, bool) and isinstance(b, bool)):
        a, b = unify((a, b), real)
    return a if c else b


def _keeping(integer, floating):
    """One operand; an integer stays an integer."""
    return lambda a, real: integer(int(a)) if is_integral(a) else floating(a)


def _int_power(exponent):
    return lambda a, real: wrap(int(a)**exponent) if is_integral(a) else power(a, exponent, real)


def _clamp(a, b, c, real):
    """min(max(a, b), c)."""
    a, b, c = unify((a, b, c), real)
    return min(max(a, b), c) if is_integral(a) else float_min(float_max(a, b), c)


# Label in the table → what it computes, of the operands and the float type. Rows and reductions are built from these in the tests.
OPERATIONS = {
    "+a": _keeping(lambda a: a, lambda a: a),
    "-a": _keeping(lambda a: wrap(-a), lambda a: -a),
    "~a": lambda a, real: (not a) if isinstance(a, bool) else ~a,
    "not a": lambda a, real: not a,
    "a / b": lambda a, b, real: BINARY_FLOAT["/"](to_real(a, real), to_real(b, real)),
    "a ** b": lambda a, b, real: power(to_real(a, real), to_real(b, real), real),
    "a ** 3": _int_power(3),
    "a ** -1": lambda a, real: power(to_real(a, real), -1, real),
    "a << b": lambda a, b, real: BINARY_INT["<<"](int(a), int(b)),
    "a >> b": lambda a, b, real: BINARY_INT[">>"](int(a), int(b)),
    "a and b": lambda a, b, real: a and b,
    "a or b": lambda a, b, real: a or b,
    "a if c else b": _select,
    "where(c, a, b)": _select,
    "clamp(a, b, c)": _clamp,
    "abs(a)": _keeping(lambda a: wrap(abs(a)), abs),
    "sign(a)": _keeping(int_sign, float_sign),
    "square(a)": _keeping(lambda a: wrap(a * a), EXACT_FUNCTIONS["square"]),
    "relu(a)": _keeping(lambda a: max(a, 0), EXACT_FUNCTIONS["relu"]),
    "isnan(a)": lambda a, real: bool(np.isnan(to_real(a, real))),
    "isinf(a)": lambda a, real: bool(np.isinf(to_real(a, real))),
    "int(a)": lambda a, real: int(a) if is_integral(a) else float_to_int(float(a)),
    "float(a)": lambda a, real: to_real(a, real),
    "bool(a)": lambda a, real: bool(a != 0),
    "logical_not(a)": lambda a, real: not a,
    "logical_and(a, b)": lambda a, b, real: a and b,
    "logical_or(a, b)": lambda a, b, real: a or b,
    "logical_xor(a, b)": lambda a, b, real: a != b,
}
OPERATIONS["pow(a, b)"] = OPERATIONS["a ** b"]
for _symbol in ("+", "-", "*", "//", "%"):
    OPERATIONS[f"a {_symbol} b"] = _arithmetic(_symbol)
for _symbol in ("&", "|", "^"):
    OPERATIONS[f"a {_symbol} b"] = _bits(_symbol)
for _symbol, _function in COMPARE.items():
    OPERATIONS[f"a {_symbol} b"] = lambda a, b, real, f=_function: bool(f(*unify((a, b), real)))
for _name, _symbol in (("min", "min"), ("max", "max"), ("minimum", "min"), ("maximum", "max")):
    OPERATIONS[f"{_name}(a, b)"] = _arithmetic(_symbol)
for _name in (*FUNCTIONS, "floor", "ceil", "round", "sqrt"):
    OPERATIONS[f"{_name}(a)"] = lambda a, real, n=_name: function(n, to_real(a, real))

# Results in f32 that need not be correctly rounded: those built on an elementary function.
INEXACT = {f"{name}(a)" for name in FUNCTIONS} | {"a ** b", "a ** 3", "a ** -1", "pow(a, b)"}


# ------------------------------------------------------------------ reductions of rows, from element 0 upwards

def row_sum(row, real):
    row = unify(row, real)
    total = row[0]
    for value in row[1:]:
        total = wrap(total + value) if is_integral(total) else BINARY_FLOAT["+"](total, value)
    return total


def row_dot(a, b, real):
    return row_sum([OPERATIONS["a * b"](*unify((x, y), real), real) for x, y in zip(a, b)], real)


def row_extreme(row, symbol, real):
    row = unify(row, real)
    result = row[0]
    for value in row[1:]:
        result = (BINARY_INT if is_integral(result) else BINARY_FLOAT)[symbol](result, value)
    return result
