#!/usr/bin/env python3
"""Derives the polynomials of dsl/math/coefficients.h: weighted minimax fits (Remez exchange on a fine grid, 100 digits).

Each coefficient is rounded to f32 in turn, from the lowest power on, and those after it are fitted again, so that the
roundings compensate each other. Usage: fit_polynomials.py > coefficients.h
"""
import struct
from decimal import Decimal as D, getcontext

getcontext().prec = 100
GRID = 600
ROUNDS = 12


def series(term, ratio):
    """Sum of a series given its first term and ratio(k), the quotient of the terms k+1 and k."""
    total, k = D(0), 0
    while abs(term) > D(10) ** -98:
        total += term
        term *= ratio(k)
        k += 1
    return total


def sin(x):
    return series(x, lambda k: -x * x / ((2 * k + 2) * (2 * k + 3)))


def cos(x):
    return series(D(1), lambda k: -x * x / ((2 * k + 1) * (2 * k + 2)))


def atanh(x):
    return ((1 + x) / (1 - x)).ln() / 2


PI = 4 * (4 * series(D(1) / 5, lambda k: -D(2 * k + 1) / (2 * k + 3) / 25) - series(D(1) / 239, lambda k: -D(2 * k + 1) / (2 * k + 3) / 57121))


def erf(x):
    return 2 / PI.sqrt() * series(x, lambda k: -x * x * (2 * k + 1) / ((k + 1) * (2 * k + 3)))


def to_f32(value):
    """Nearest f32 (the double in between is far more precise than any tie could matter)."""
    return struct.unpack("<f", struct.pack("<f", float(value)))[0]


def literal(value):
    """A C++ hexadecimal literal."""
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f" if "." in mantissa else f"{mantissa}p{exponent}f"


def solve(matrix, right):
    n = len(right)
    rows = [list(row) + [r] for row, r in zip(matrix, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            for c in range(i, n + 1):
                rows[r][c] -= factor * rows[i][c]
    out = [D(0)] * n
    for i in reversed(range(n)):
        out[i] = (rows[i][n] - sum(rows[i][c] * out[c] for c in range(i + 1, n))) / rows[i][i]
    return out


def alternating_extrema(errors):
    picks = []
    for i, e in enumerate(errors):
        if picks and (errors[picks[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[picks[-1]]):
                picks[-1] = i
        else:
            picks.append(i)
    return picks


def next_reference(errors, size):
    """Where the errors alternate, the largest ones in a row; None where they alternate too seldom."""
    picks = alternating_extrema(errors)
    while len(picks) > size:
        picks.pop(0 if abs(errors[picks[0]]) < abs(errors[picks[-1]]) else -1)
    return picks if len(picks) == size else None


def minimax(points, values, weights, powers):
    """Coefficients of sum c_p x^p minimising max |w (f - poly)| over the grid."""
    n = len(powers)
    reference = [int(i * (len(points) - 1) / n) for i in range(n + 1)]
    best = None
    for _ in range(ROUNDS):
        matrix = [[points[i] ** p for p in powers] + [(-1) ** k / weights[i]] for k, i in enumerate(reference)]
        coefficients = solve(matrix, [values[i] for i in reference])[:n]
        errors = [w * (f - sum(c * x ** p for c, p in zip(coefficients, powers))) for x, f, w in zip(points, values, weights)]
        worst = max(map(abs, errors))
        if best is None or worst < best[0]:
            best = (worst, coefficients)
        picks = next_reference(errors, n + 1)
        if picks is None or picks == reference:
            break
        reference = picks
    return best


def fit(name, comment, low, high, function, weight, degree):
    points = [low + (high - low) * (1 - cos(PI * i / GRID)) / 2 for i in range(GRID + 1)]
    points = [x for x in points if abs(x) > D(10) ** -12]  # nearer to 0 the difference quotients cancel
    weights = [weight(x) for x in points]
    rest = [function(x) for x in points]
    exact_worst = None
    chosen = []
    for power in range(degree + 1):
        worst, coefficients = minimax(points, rest, weights, list(range(power, degree + 1)))
        exact_worst = exact_worst or worst
        rounded = to_f32(coefficients[0])
        chosen.append(rounded)
        rest = [f - D(rounded) * x ** power for f, x in zip(rest, points)]
    final = max(abs(w * f) for w, f in zip(weights, rest))
    print(f"/// {comment}")
    print(f"/// Weighted error 2^{float(final.ln() / D(2).ln()):.1f} (2^{float(exact_worst.ln() / D(2).ln()):.1f} before rounding to f32).")
    print(f"inline constexpr float {name}[] = {{" + ", ".join(map(literal, chosen)) + "};\n", flush=True)


def minimax_ratio(points, values, numerator, denominator, degree):
    """Coefficients p, q of powers 0 to `degree` that minimise max |(p(x) / q(x)) / f - 1| over the grid; those given are kept.

    A Remez exchange: at the reference p - f (1 ± e) q = 0, which is linear but for e q, taken from the last q.
    """
    first_p, first_q = len(numerator), len(denominator)
    n = 2 * (degree + 1) - first_p - first_q
    reference = [(len(points) - 1) * i // n for i in range(n + 1)]
    p, q, error = list(numerator), list(denominator), D(0)
    best = None
    at = lambda coefficients, x: sum(c * x ** k for k, c in enumerate(coefficients))
    for _ in range(ROUNDS):
        for _ in range(4):
            matrix, right = [], []
            for k, i in enumerate(reference):
                x, f, sign = points[i], values[i], (-1) ** k
                goal, slope = f * (1 + sign * error), sign * f * at(q, x)
                matrix.append([x ** j for j in range(first_p, degree + 1)] + [-goal * x ** j for j in range(first_q, degree + 1)] + [-slope])
                right.append(goal * at(denominator, x) - at(numerator, x) - slope * error)
            found = solve(matrix, right)
            p, q, error = numerator + found[:degree + 1 - first_p], denominator + found[degree + 1 - first_p:n], found[n]
        errors = [at(p, x) / at(q, x) / f - 1 for x, f in zip(points, values)]
        worst = max(map(abs, errors))
        if best is None or worst < best[0]:
            best = (worst, p, q)
        picks = next_reference(errors, n + 1)
        if picks is None or picks == reference:
            break
        reference = picks
    return best


def fit_ratio(name, comment, high, function, degree):
    """Of x^2, up to high^2; both begin with 1. Numerator and denominator are rounded in turn, a power at a time."""
    points = [(high * (1 - cos(PI * i / GRID)) / 2) ** 2 for i in range(1, GRID + 1)]
    values = [function(u.sqrt()) for u in points]
    p, q = [D(1)], [D(1)]
    exact_worst, _, fitted_q = minimax_ratio(points, values, p, q, degree)
    for power in range(1, degree + 1):
        q = q + [D(to_f32(fitted_q[power]))]
        _, fitted_p, fitted_q = minimax_ratio(points, values, p, q, degree)
        p = p + [D(to_f32(fitted_p[power]))]
        if power < degree:
            _, _, fitted_q = minimax_ratio(points, values, p, q, degree)
    final = max(abs(sum(c * u ** k for k, c in enumerate(p)) / sum(c * u ** k for k, c in enumerate(q)) / f - 1) for u, f in zip(points, values))
    print(f"/// {comment}")
    print(f"/// Relative error 2^{float(final.ln() / D(2).ln()):.1f} (2^{float(exact_worst.ln() / D(2).ln()):.1f} before rounding to f32).")
    for part, coefficients in (("Numerator", p), ("Denominator", q)):
        print(f"inline constexpr float {name}{part}[] = {{" + ", ".join(literal(float(c)) for c in coefficients) + "};")
    print(flush=True)


def split(name, comment, value, parts):
    out = []
    for _ in range(parts):
        out.append(to_f32(value))
        value -= D(out[-1])
    print(f"/// {comment}.")
    print(f"inline constexpr float {name}[] = {{" + ", ".join(map(literal, out)) + "};\n")


def main():
    ln2, log2e = D(2).ln(), 1 / D(2).ln()
    quarter = PI / 4
    print("// Polynomials and constants of expand math, written by dsl/math/fit_polynomials.py: coefficients from x^0 upwards.")
    print("#pragma once\n\n#include <cstdint>\n\nnamespace flexc::dsl::coefficients {\n")
    fit("kExpTail", "(exp(r) - 1 - r) / r^2 for |r| <= 0.3475; the error is that of exp(r) - 1, relative.", D("-0.3475"), D("0.3475"),
        lambda r: (r.exp() - 1 - r) / (r * r), lambda r: abs(r * r / (r.exp() - 1)), 5)
    fit("kExp2Tail", "(2^r - 1) / r for |r| <= 0.5; the error is that of 2^r - 1, relative.", D("-0.5"), D("0.5"),
        lambda r: ((r * ln2).exp() - 1) / r, lambda r: abs(r / ((r * ln2).exp() - 1)), 6)
    low, high = D("0.5").sqrt() - 1, D(2).sqrt() - 1
    fit("kLogTail", "(log(1 + f) - f) / f^2 for 1 + f in [sqrt(1/2), sqrt(2)]; the error is relative to log(1 + f).", low, high,
        lambda f: ((1 + f).ln() - f) / (f * f), lambda f: abs(f * f / (1 + f).ln()), 9)
    fit("kAtanhTail", "(atanh(s)/s - 1 - u/3) / u^2 for u = s^2, s <= 0.1716; the error is relative to atanh(s).", D(0), D("0.02945"),
        lambda u: (atanh(u.sqrt()) / u.sqrt() - 1 - u / 3) / (u * u), lambda u: u * u, 3)
    end = quarter * quarter
    fit("kSinTail", "(sin(r) - r) / r^3 in u = r^2, |r| <= pi/4; relative to sin(r).", D(0), end,
        lambda u: (sin(u.sqrt()) / u.sqrt() - 1) / u, lambda u: u, 3)
    fit("kCosTail", "(cos(r) - 1 + u/2) / u^2 in u = r^2, |r| <= pi/4; absolute.", D(0), end,
        lambda u: (cos(u.sqrt()) - 1 + u / 2) / (u * u), lambda u: u * u, 3)
    fit("kTanTail", "(tan(r) - r) / r^3 in u = r^2, |r| <= pi/4; relative to tan(r).", D(0), end,
        lambda u: (sin(u.sqrt()) / cos(u.sqrt()) / u.sqrt() - 1) / u, lambda u: u * u.sqrt() * cos(u.sqrt()) / sin(u.sqrt()), 7)
    fit("kTanhTail", "(exp(2r) - 1 - 2r) / (2 r^2) for -0.0869 <= r <= 0.2602; the error is that of exp(2r) - 1, relative.", D("-0.0869"), D("0.2602"),
        lambda r: ((2 * r).exp() - 1 - 2 * r) / (2 * r * r), lambda r: abs(2 * r * r / ((2 * r).exp() - 1)), 5)
    fit_ratio("kLooseTanh", "tanh(x) / x for |x| <= 8, as a quotient of two polynomials of x^2.", D(8),
              lambda x: ((2 * x).exp() - 1) / ((2 * x).exp() + 1) / x, 4)
    fit("kErfSmall", "erf(x) / x - 1 in u = x^2, |x| <= 0.93; relative to erf(x).", D(0), D("0.865"),
        lambda u: erf(u.sqrt()) / u.sqrt() - 1, lambda u: u.sqrt() / erf(u.sqrt()), 6)
    fit("kErfLarge", "-log(1 - erf(x)) for 0.92 <= x <= 4; the error is that of erf(x), relative.", D("0.92"), D(4),
        lambda x: -(1 - erf(x)).ln(), lambda x: (1 - erf(x)) / erf(x), 8)
    split("kLn2", "ln 2 as a sum of f32", ln2, 3)
    split("kLog2E", "log2(e) as a sum of f32", log2e, 3)
    split("kTwoLog2E", "2 log2(e) as a sum of f32", 2 * log2e, 2)
    split("kThird", "1/3 as a sum of f32", D(1) / 3, 2)
    split("kQuarterTurn", "pi/2 * 2^-62, the quadrant's fraction as an integer to radians, as a sum of f32", PI / 2 / D(2) ** 62, 2)
    words, fraction = [0], 2 / PI
    for _ in range(8):
        fraction *= 2 ** 32
        words.append(int(fraction))
        fraction -= words[-1]
    print("/// Bits of 2/pi, 32 a word, after one word of zeros (for Payne and Hanek's reduction).")
    print("inline constexpr std::int64_t kTwoOverPi[] = {" + ", ".join(f"0x{w:08X}" for w in words) + "};\n")
    print("}  // namespace flexc::dsl::coefficients")


if __name__ == "__main__":
    main()
