#include "tests/random_mods/range.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "dsl/evaluate/scalar_ops.h"
#include "runtime/kernel/members.h"
#include "tests/math/reference_math.h"

namespace random_mods {
namespace {

using flexc::dsl::Op;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPowUlps = 1.1;  // docs/math.md
/// Of the C library's f64 functions, in units of f32's last place.
constexpr double kReferenceUlps = 1e-6;

/// docs/math.md, "The GPU's units": ex2 and div.full, rcp; lg2, sqrt and rsqrt; tanh. Constants as templates/hooks_math.cuh has them.
constexpr double kUnitUlps = 2, kReciprocalUlps = 1, kUnitError = 0x1p-22, kTanhError = 0x1p-11, kLeastUnit = 0x1p-149;
constexpr float kLog2E = 1.44269504088896340736f, kLn2 = 0.693147180559945309417f;

bool is_f32(double x) { return std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x; }

/// A range from the values at its corners; NaN among them becomes the flag.
Range hull(std::initializer_list<double> corners) {
  Range r{kInfinity, -kInfinity, false, false};
  bool plus_zero = false, minus_zero = false;
  for (double x : corners) {
    if (std::isnan(x)) {
      r.may_be_nan = true;
      continue;
    }
    r.has_numbers = true;
    r.lo = std::min(r.lo, x);
    r.hi = std::max(r.hi, x);
    if (x == 0) (std::signbit(x) ? minus_zero : plus_zero) = true;
  }
  // The ends of a point at zero differ in sign where its sign is not known.
  if (r.has_numbers && r.lo == 0 && minus_zero) r.lo = -0.0;
  if (r.has_numbers && r.hi == 0) r.hi = plus_zero ? 0.0 : -0.0;
  return r;
}

/// Adds the rounding to f32 of an operation that rounds once; f64 values stay members.
Range rounded(Range r, bool exact_operands) {
  if (!r.has_numbers) return r;
  // Of operands that are no f32, f64 has already rounded the result.
  const auto outward = [&](double x, double toward) { return exact_operands || x == 0 || std::isinf(x) ? x : std::nextafter(x, toward); };
  const double lo = outward(r.lo, -kInfinity), hi = outward(r.hi, kInfinity);
  r.lo = std::min(lo, static_cast<double>(static_cast<float>(lo)));
  r.hi = std::max(hi, static_cast<double>(static_cast<float>(hi)));
  return r;
}

/// Adds `ulps` units in the last place of f32.
Range widened(Range r, double ulps) {
  if (!r.has_numbers) return r;
  const auto unit = [](double x) {
    int exponent = 0;
    std::frexp(x, &exponent);
    return std::ldexp(1.0, std::clamp(exponent - 24, -149, 104));
  };
  constexpr double kLargest = std::numeric_limits<float>::max();
  const auto moved = [&](double x, double sign) {
    if (x == 0 || std::isinf(x)) return x;
    const double wide = std::clamp(x, -0x1p128, 0x1p128);
    const double end = wide + sign * (ulps + kReferenceUlps) * unit(wide);
    if (sign > 0 ? end > kLargest : end < -kLargest) return sign * kInfinity;
    // Beyond the largest f32 an infinity is a result; so is the largest f32 within the error.
    return sign > 0 ? std::max(end, x) : std::min(end, x);
  };
  r.lo = moved(r.lo, -1);
  r.hi = moved(r.hi, 1);
  return r;
}

bool has_zero(const Range& r) { return r.has_numbers && r.lo <= 0 && r.hi >= 0; }
bool has_infinity(const Range& r) { return r.has_numbers && (std::isinf(r.lo) || std::isinf(r.hi)); }
bool is_signed_zero(const Range& r) { return r.lo == 0 && r.hi == 0 && std::signbit(r.lo) == std::signbit(r.hi); }

Range add(const Range& a, const Range& b) {
  Range r{a.lo + b.lo, a.hi + b.hi, true, false};
  r.may_be_nan = (a.hi == kInfinity && b.lo == -kInfinity) || (a.lo == -kInfinity && b.hi == kInfinity);
  if (a.is_point() && b.is_point() && r.may_be_nan) return {0, 0, false, true};
  if (std::isnan(r.lo)) r.lo = -kInfinity;
  if (std::isnan(r.hi)) r.hi = kInfinity;
  return r;
}

Range negated(const Range& a) { return {-a.hi, -a.lo, a.has_numbers, a.may_be_nan}; }

Range multiply(const Range& a, const Range& b) {
  if (a.is_point() && b.is_point()) return hull({a.lo * b.lo});
  const bool nan = (has_zero(a) && has_infinity(b)) || (has_infinity(a) && has_zero(b));
  const auto times = [](double x, double y) {
    const double product = x * y;
    return std::isnan(product) ? 0.0 : product;
  };
  Range r = hull({times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)});
  if (nan) r = {-kInfinity, kInfinity, true, true};  // next to the NaN, tiny · large may be anything
  return r;
}

Range divide(const Range& a, const Range& b) {
  if (a.is_point() && b.is_point() && (b.lo != 0 || is_signed_zero(b))) return hull({a.lo / b.lo});
  if (has_zero(b)) return {-kInfinity, kInfinity, true, has_zero(a) || has_infinity(a)};
  if (has_infinity(a) && has_infinity(b)) return Range::anything();
  return hull({a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi});
}

/// The floor of the true quotient; f32 and f64 round it apart where it is large.
Range floor_divide(const Range& a, const Range& b) {
  if (a.is_point() && b.is_point() && is_f32(a.lo) && is_f32(b.lo) && (b.lo != 0 || is_signed_zero(b)))
    return hull({flexc::dsl::float_floor_div(a.lo, b.lo),
                 static_cast<double>(flexc::dsl::float_floor_div(static_cast<float>(a.lo), static_cast<float>(b.lo)))});
  if (has_infinity(a) || has_infinity(b)) return Range::anything();
  Range r = divide(a, b);
  if (!r.has_numbers) return r;
  // A quotient may be an integer only after rounding: its floor is then one less.
  const auto below = [](double x) { return std::isinf(x) ? x : std::floor(std::nextafter(x, -kInfinity)); };
  const auto above = [](double x) { return std::isinf(x) ? x : std::floor(std::nextafter(x, kInfinity)); };
  r = rounded({below(r.lo), above(r.hi), true, r.may_be_nan}, true);
  return r;
}

Range modulo(const Range& a, const Range& b) {
  if (a.is_point() && b.is_point() && is_f32(a.lo) && is_f32(b.lo) && (b.lo != 0 || is_signed_zero(b)))
    return hull({flexc::dsl::float_mod(a.lo, b.lo), static_cast<double>(flexc::dsl::float_mod(static_cast<float>(a.lo), static_cast<float>(b.lo)))});
  if (has_infinity(a) || has_infinity(b) || has_zero(b)) return Range::anything();
  const double low = std::min(a.lo / b.lo, a.hi / b.lo), high = std::max(a.lo / b.lo, a.hi / b.lo);
  if (b.is_point() && std::floor(std::nextafter(low, -kInfinity)) == std::floor(std::nextafter(high, kInfinity))) {
    const double first = flexc::dsl::float_mod(a.lo, b.lo), second = flexc::dsl::float_mod(a.hi, b.lo);
    return rounded(hull({first, second}), false);
  }
  return {std::min(-0.0, b.lo), std::max(0.0, b.hi), true, false};
}

template <class F>
Range increasing(const Range& a, F f) {
  return hull({f(a.lo), f(a.hi)});
}

/// log and the like: a NaN below `from`.
template <class F>
Range increasing_from(const Range& a, double from, F f) {
  if (a.hi < from) return {0, 0, false, true};
  Range r = hull({f(std::max(a.lo, from)), f(a.hi)});
  r.may_be_nan |= a.lo < from;
  return r;
}

Range reciprocal_root(const Range& a) {
  if (a.hi < 0) return {0, 0, false, true};
  if (is_signed_zero(a)) return hull({1 / a.lo});
  if (has_zero(a)) return {-kInfinity, kInfinity, true, a.lo < 0};
  return hull({1 / std::sqrt(a.lo), 1 / std::sqrt(a.hi)});
}

template <class F>
Range wave(const Range& a, F f) {
  if (a.is_point()) return hull({f(a.lo)});
  Range r{-1, 1, true, has_infinity(a)};
  const double width = a.hi - a.lo;
  if (width < 1) {  // |f'| ≤ 1
    r.lo = std::max(-1.0, std::min(f(a.lo), f(a.hi)) - width);
    r.hi = std::min(1.0, std::max(f(a.lo), f(a.hi)) + width);
  }
  return r;
}

Range tangent(const Range& a) {
  if (a.is_point()) return hull({std::tan(a.lo)});
  if (has_infinity(a)) return Range::anything();
  constexpr double kTrusted = 1e6;  // where f64 still tells on which side of a pole an end lies
  const auto branch = [](double x) { return std::floor(x / std::numbers::pi - 0.5); };
  const double margin = 1e-9;
  if (std::fabs(a.lo) > kTrusted || std::fabs(a.hi) > kTrusted || branch(a.lo - margin) != branch(a.hi + margin))
    return {-kInfinity, kInfinity, true, false};
  return increasing(a, static_cast<double (*)(double)>(std::tan));
}

Range power(const Range& a, const Range& b) {
  if (a.is_point() && b.is_point() && (a.lo != 0 || is_signed_zero(a))) return hull({std::pow(a.lo, b.lo)});
  if (!(a.lo > 0)) return Range::anything();
  // Monotone in either operand, with 1 on both axes.
  Range r = hull({std::pow(a.lo, b.lo), std::pow(a.lo, b.hi), std::pow(a.hi, b.lo), std::pow(a.hi, b.hi)});
  if (has_zero(b) || (a.lo <= 1 && a.hi >= 1)) r = {std::min(r.lo, 1.0), std::max(r.hi, 1.0), true, r.may_be_nan};
  return r;
}

/// The error of an operation, in units of the last place: half of one is rounding once.
double ulps_of(Op op, bool loose = false) {
  if (op == Op::Pow) return kPowUlps;
  for (const math_test::Reference& reference : math_test::kUnary)
    if (reference.function == op && reference.is_loose == loose) return reference.max_ulp;
  return 0;
}

Range of_numbers(Op op, const Range& a, const Range& b) {
  const bool exact = is_f32(a.lo) && is_f32(a.hi) && is_f32(b.lo) && is_f32(b.hi);
  const auto function = [&](Range r) { return widened(r, ulps_of(op)); };
  switch (op) {
    case Op::Add:
      return rounded(add(a, b), exact);
    case Op::Sub:
      return rounded(add(a, negated(b)), exact);
    case Op::Mul:
      return rounded(multiply(a, b), exact);
    case Op::Div:
      return rounded(divide(a, b), exact);
    case Op::FloorDiv:
      return floor_divide(a, b);
    case Op::Mod:
      return modulo(a, b);
    case Op::Neg:
      return negated(a);
    case Op::Abs:
      return a.lo >= 0 && !std::signbit(a.lo) ? a : a.hi <= 0 && std::signbit(a.hi) ? negated(a) : Range{0, std::max(-a.lo, a.hi), true, false};
    case Op::Sign:
      return increasing(a, [](double x) { return static_cast<double>((x > 0) - (x < 0)); });
    case Op::Min:
      return a.is_point() && b.is_point() ? hull({flexc::dsl::float_min(a.lo, b.lo)})
                                          : Range{std::min(a.lo, b.lo), std::min(a.hi, b.hi), true, false};
    case Op::Max:
      return a.is_point() && b.is_point() ? hull({flexc::dsl::float_max(a.lo, b.lo)})
                                          : Range{std::max(a.lo, b.lo), std::max(a.hi, b.hi), true, false};
    case Op::Floor:
      return increasing(a, static_cast<double (*)(double)>(std::floor));
    case Op::Ceil:
      return increasing(a, static_cast<double (*)(double)>(std::ceil));
    case Op::Round:
      return increasing(a, [](double x) { return flexc::dsl::round_half_even(x); });
    case Op::Sqrt:
      return rounded(increasing_from(a, 0, static_cast<double (*)(double)>(std::sqrt)), exact);
    case Op::Rsqrt:
      return function(reciprocal_root(a));
    case Op::Exp:
      return function(increasing(a, static_cast<double (*)(double)>(std::exp)));
    case Op::Exp2:
      return function(increasing(a, static_cast<double (*)(double)>(std::exp2)));
    case Op::Expm1:
      return function(increasing(a, static_cast<double (*)(double)>(std::expm1)));
    case Op::Log:
      return function(increasing_from(a, 0, static_cast<double (*)(double)>(std::log)));
    case Op::Log2:
      return function(increasing_from(a, 0, static_cast<double (*)(double)>(std::log2)));
    case Op::Log1p:
      return function(increasing_from(a, -1, static_cast<double (*)(double)>(std::log1p)));
    case Op::Sin:
      return function(wave(a, static_cast<double (*)(double)>(std::sin)));
    case Op::Cos:
      return function(wave(a, static_cast<double (*)(double)>(std::cos)));
    case Op::Tan:
      return function(tangent(a));
    case Op::Tanh:
      return function(increasing(a, static_cast<double (*)(double)>(std::tanh)));
    case Op::Sigmoid:
      return function(increasing(a, math_test::sigmoid));
    case Op::Erf:
      return function(increasing(a, static_cast<double (*)(double)>(std::erf)));
    case Op::Pow:
      return function(power(a, b));
    default:
      return Range::anything();
  }
}

/// Adds an error relative to the value, and an absolute one.
Range off_by(Range r, double relative, double absolute) {
  if (!r.has_numbers) return r;
  const auto margin = [&](double x) { return std::isinf(x) ? 0.0 : std::fabs(x) * relative + (x == 0 ? 0.0 : kLeastUnit) + absolute; };
  r.lo -= margin(r.lo);
  r.hi += margin(r.hi);
  return rounded(r, false);
}

Range rounded_product(const Range& a, double factor) { return of_numbers(Op::Mul, a, Range::point(factor)); }

/// exp2 by the unit.
Range exp2_by_unit(const Range& a) { return widened(increasing(a, static_cast<double (*)(double)>(std::exp2)), kUnitUlps); }

/// log2 by the unit: absolute near 1, relative elsewhere.
Range log2_by_unit(const Range& a) {
  const Range r = increasing_from(a, 0, static_cast<double (*)(double)>(std::log2));
  return off_by(r, kUnitError, a.lo <= 2 && a.hi >= 0.5 ? kUnitError : 0);
}

/// What the GPU's units may give, and the exact value: docs/math.md, "The GPU's units".
Range unit_of_numbers(Op op, const Range& a, const Range& b, Divisor divisor) {
  const Range exact = of_numbers(op, a, b);
  switch (op) {
    case Op::Exp2:
      return united(exact, exp2_by_unit(a));
    case Op::Exp:
      return united(exact, exp2_by_unit(rounded_product(a, kLog2E)));
    case Op::Log2:
      return united(exact, log2_by_unit(a));
    case Op::Log: {
      const Range log2 = log2_by_unit(a);
      return united(exact, log2.has_numbers ? rounded_product(log2, kLn2) : log2);
    }
    case Op::Tanh:
      return united(exact, off_by(exact, kTanhError, 0));
    case Op::Sigmoid: {
      const Range sum = of_numbers(Op::Add, Range::point(1), exp2_by_unit(rounded_product(a, -kLog2E)));
      return united(exact, widened(divide(Range::point(1), sum), kReciprocalUlps));
    }
    case Op::Sqrt:
    case Op::Rsqrt:
      return united(exact, off_by(exact, kUnitError, 0));
    case Op::Div:
      if (divisor == Divisor::OfThePair) return united(exact, widened(divide(a, b), kUnitUlps));
      return united(exact, of_numbers(Op::Mul, a, of_numbers(Op::Div, Range::point(1), b)));
    default:
      return exact;
  }
}

Range loose_of_numbers(Op op, const Range& a, const Range& b) {
  const Range exact = of_numbers(op, a, b);
  if (op == Op::Tanh) return united(exact, widened(increasing(a, static_cast<double (*)(double)>(std::tanh)), ulps_of(op, true)));
  if (op != Op::Div || !b.is_point() || !flexc::runtime::has_normal_reciprocal(static_cast<float>(b.lo))) return exact;
  return united(exact, of_numbers(Op::Mul, a, of_numbers(Op::Div, Range::point(1), b)));
}

}  // namespace

Range united(const Range& a, const Range& b) {
  Range r = !a.has_numbers ? b : !b.has_numbers ? a : hull({a.lo, a.hi, b.lo, b.hi});
  r.may_be_nan = a.may_be_nan || b.may_be_nan;
  return r;
}

Range Range::point(double value) { return hull({value}); }

Range Range::anything() { return {-kInfinity, kInfinity, true, true}; }

bool Range::contains(double value) const { return std::isnan(value) ? may_be_nan : has_numbers && lo <= value && value <= hi; }

bool Range::is_narrow() const {
  if (!has_numbers || may_be_nan) return !has_numbers;
  if (lo == hi) return true;
  return hi - lo <= 1e-3 * std::max(std::fabs(lo), std::fabs(hi));
}

namespace {

/// The same for any of the ways to compute the operation on numbers: NaN operands, which all ways treat alike.
template <class OfNumbers>
Range with_nan(Op op, const Range& a, const Range& b, OfNumbers of_operands) {
  const bool is_binary = op == Op::Add || op == Op::Sub || op == Op::Mul || op == Op::Div || op == Op::FloorDiv || op == Op::Mod || op == Op::Min ||
                         op == Op::Max || op == Op::Pow;
  const bool nan = a.may_be_nan || (is_binary && b.may_be_nan);
  const bool numbers = a.has_numbers && (!is_binary || b.has_numbers);
  Range r{0, 0, false, false};
  if (numbers) r = of_operands(a, is_binary ? b : a);
  if (!nan) return r;
  // A NaN gives a NaN, but for sign (0) and for pow where the other operand decides (1).
  if (op == Op::Sign) return r.has_numbers ? Range{std::min(r.lo, 0.0), std::max(r.hi, 0.0), true, r.may_be_nan} : Range::point(0);
  if (op == Op::Pow) {
    const bool always_one = (b.is_point() && b.lo == 0) || (a.is_point() && a.lo == 1);
    if (always_one) return Range::point(1);
    return Range::anything();
  }
  r.may_be_nan = true;
  return r;
}

}  // namespace

Range of_integer(std::int64_t value) { return hull({static_cast<double>(value), static_cast<double>(static_cast<float>(value))}); }

Range apply(Op op, const Range& a, const Range& b) {
  return with_nan(op, a, b, [op](const Range& x, const Range& y) { return of_numbers(op, x, y); });
}

Range apply_loose(Op op, const Range& a, const Range& b) {
  return with_nan(op, a, b, [op](const Range& x, const Range& y) { return loose_of_numbers(op, x, y); });
}

Range reciprocal(const Range& a) { return apply(Op::Div, Range::point(1), a); }

Range apply_unit(Op op, const Range& a, const Range& b, Divisor divisor) {
  return with_nan(op, a, b, [&](const Range& x, const Range& y) { return unit_of_numbers(op, x, y, divisor); });
}

}  // namespace random_mods
