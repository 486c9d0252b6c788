// Range arithmetic on f32: an interval of numbers and whether a NaN is possible. Every operation is rounded once and rounding is
// monotone, so what the operation gives at the ends bounds it. A zero in a range stands for either zero.
#pragma once

#include "templates/tile/interval.h"
#include "templates/tile/opcodes.h"

namespace flexc::tile {

/// The numbers from lo to hi, none where lo > hi; and NaN where `nan`.
struct FloatRange {
  float lo = -kInf, hi = kInf;
  bool nan = true;
  bool empty() const { return lo > hi; }
  bool contains(float value) const { return std::isnan(value) ? nan : lo <= value && value <= hi; }
  bool has_zero() const { return lo <= 0 && 0 <= hi; }
  bool has_infinity() const { return !empty() && (lo == -kInf || hi == kInf); }
};
inline constexpr FloatRange kAnyFloat{};
inline constexpr FloatRange kOnlyNan{kInf, -kInf, true};

inline FloatRange point(float value) { return std::isnan(value) ? kOnlyNan : FloatRange{value, value, false}; }
inline FloatRange hull(FloatRange a, FloatRange b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi), a.nan || b.nan}; }
inline FloatRange choose(Truth condition, FloatRange a, FloatRange b) {
  if (condition == kTrue) return a;
  return condition == kFalse ? b : hull(a, b);
}

/// Numbers only where both operands may be one.
inline FloatRange settled(FloatRange result, FloatRange a, FloatRange b) {
  result.nan = result.nan || a.nan || b.nan;
  return a.empty() || b.empty() ? kOnlyNan : result;
}

inline FloatRange add(FloatRange a, FloatRange b) {
  FloatRange sum{a.lo + b.lo, a.hi + b.hi, (a.hi == kInf && b.lo == -kInf) || (a.lo == -kInf && b.hi == kInf)};
  if (std::isnan(sum.lo)) sum.lo = -kInf;
  if (std::isnan(sum.hi)) sum.hi = kInf;
  return settled(sum, a, b);
}
inline FloatRange negate(FloatRange a) { return {-a.hi, -a.lo, a.nan}; }
inline FloatRange subtract(FloatRange a, FloatRange b) { return add(a, negate(b)); }

namespace detail {
/// The hull of four corner values, NaN ones left out.
inline FloatRange corners(float a, float b, float c, float d) {
  FloatRange result{kInf, -kInf, false};
  for (const float value : {a, b, c, d}) {
    if (std::isnan(value)) continue;
    result.lo = std::min(result.lo, value);
    result.hi = std::max(result.hi, value);
  }
  return result;
}
}  // namespace detail

inline FloatRange multiply(FloatRange a, FloatRange b) {
  FloatRange product = detail::corners(a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi);
  const bool meets = (a.has_zero() && b.has_infinity()) || (b.has_zero() && a.has_infinity());  // 0 · inf
  if (meets && !sabotaged(Sabotage::FloatMulForgetsNan)) product = hull(product, {0, 0, true});
  return settled(product, a, b);
}

inline FloatRange divide(FloatRange a, FloatRange b) {
  if (b.has_zero() && !sabotaged(Sabotage::FloatDivIgnoresZero)) return settled({-kInf, kInf, a.has_zero()|| a.has_infinity()}, a, b);
  FloatRange quotient = detail::corners(a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi);
  quotient.nan = a.has_infinity() && b.has_infinity();
  return settled(quotient, a, b);
}

inline FloatRange fused_multiply_add(FloatRange a, FloatRange b, FloatRange c) {
  for (const FloatRange& x : {a, b, c})
    if (x.nan || x.has_infinity()) return kAnyFloat;
  const FloatRange low = detail::corners(std::fma(a.lo, b.lo, c.lo), std::fma(a.lo, b.hi, c.lo), std::fma(a.hi, b.lo, c.lo), std::fma(a.hi, b.hi, c.lo));
  const FloatRange high = detail::corners(std::fma(a.lo, b.lo, c.hi), std::fma(a.lo, b.hi, c.hi), std::fma(a.hi, b.lo, c.hi), std::fma(a.hi, b.hi, c.hi));
  return {low.lo, high.hi, false};
}

inline FloatRange absolute(FloatRange a) {
  if (a.empty() || a.lo >= 0) return a;
  if (a.hi <= 0) return {-a.hi, -a.lo, a.nan};
  return {0, std::max(-a.lo, a.hi), a.nan};
}
inline FloatRange sign(FloatRange a) {
  FloatRange result{float_sign(a.lo), float_sign(a.hi), false};
  if (a.empty()) result = {0, 0, false};
  return a.nan ? hull(result, {0, 0, false}) : result;
}
inline FloatRange minimum(FloatRange a, FloatRange b) {
  if (sabotaged(Sabotage::FloatMinForgetsNan)) return {std::min(a.lo, b.lo), std::min(a.hi, b.hi), false};
  return settled({std::min(a.lo, b.lo), std::min(a.hi, b.hi), false}, a, b);
}
inline FloatRange maximum(FloatRange a, FloatRange b) { return settled({std::max(a.lo, b.lo), std::max(a.hi, b.hi), false}, a, b); }

/// A function that never decreases.
template <class F>
FloatRange monotone(FloatRange a, F f) {
  return a.empty() ? a : FloatRange{f(a.lo), f(a.hi), a.nan};
}

inline FloatRange square_root(FloatRange a) {
  if (a.empty() || a.hi < 0) return kOnlyNan;
  return {std::sqrt(std::max(a.lo, 0.0f)), std::sqrt(a.hi), a.nan || a.lo < 0};
}

inline FloatRange floor_div(FloatRange x, FloatRange y) {
  FloatRange quotient = divide(x, y);
  if (quotient.empty()) return kAnyFloat;
  return {std::floor(quotient.lo) - 1, std::floor(quotient.hi), true};
}

inline FloatRange floor_mod(FloatRange x, FloatRange y) {
  if (x.empty() || y.empty()) return kOnlyNan;
  const bool nan = x.nan || y.nan || y.has_zero() || x.has_infinity();
  return {std::min(y.lo, 0.0f), std::max(y.hi, 0.0f), nan};
}

inline FloatRange float_of_range(IntRange a) { return {static_cast<float>(a.lo), static_cast<float>(a.hi), false}; }

inline IntRange float_to_int(FloatRange a) {
  IntRange result{float_to_int(a.lo), float_to_int(a.hi)};
  if (a.empty()) result = {0, 0};
  return a.nan && !sabotaged(Sabotage::FloatToIntForgetsNan) ? hull(result, IntRange{0, 0}) : result;
}

inline IntRange bits_of(FloatRange a) {
  if (!a.nan && !a.empty() && a.lo > 0) return {bits_of(a.lo), bits_of(a.hi)};
  if (!a.nan && !a.empty() && a.hi < 0) return {bits_of(a.hi), bits_of(a.lo)};  // magnitudes order backwards
  return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
}

inline FloatRange float_of_bits(IntRange a) {
  constexpr Int kInfinityBits = 0x7F800000, kMinus = std::numeric_limits<std::int32_t>::min();
  if (a.lo >= 0 && a.hi <= kInfinityBits) return {float_of_bits(a.lo), float_of_bits(a.hi), false};
  if (a.lo >= kMinus && a.hi <= kMinus + kInfinityBits) return {float_of_bits(a.hi), float_of_bits(a.lo), false};
  return kAnyFloat;
}

inline Truth is_nan(FloatRange a) { return truth_of(!a.empty(), a.nan); }
inline Truth is_infinite(FloatRange a) { return truth_of(a.nan || !(a.empty() || (a.lo == a.hi && std::isinf(a.lo))), a.has_infinity()); }

/// Adds what a comparison with a NaN gives.
inline Truth with_nan(Truth numbers, bool of_nan, FloatRange a, FloatRange b) {
  Truth result = a.empty() || b.empty() ? Truth{0} : numbers;
  if ((a.nan || b.nan) && !sabotaged(Sabotage::FloatCompareForgetsNan)) result = static_cast<Truth>(result | (of_nan ? kTrue : kFalse));
  return result == 0 ? kEither : result;
}
inline Truth less(FloatRange a, FloatRange b) { return with_nan(truth_of(a.hi >= b.lo, a.lo < b.hi), false, a, b); }
inline Truth less_equal(FloatRange a, FloatRange b) { return with_nan(truth_of(a.hi > b.lo, a.lo <= b.hi), false, a, b); }
inline Truth equal_numbers(FloatRange a, FloatRange b) { return truth_of(!(a.lo == a.hi && b.lo == b.hi && a.lo == b.lo), a.lo <= b.hi && b.lo <= a.hi); }
inline Truth equal(FloatRange a, FloatRange b) { return with_nan(equal_numbers(a, b), false, a, b); }
inline Truth unequal(FloatRange a, FloatRange b) { return with_nan(negation(equal_numbers(a, b)), true, a, b); }

/// `value` is function `f` of a member of `x`, computed by its expansion: intersects it with bounds of the function, widened by far
/// more than the expansions' documented errors (a few units in the last place).
inline FloatRange enclose(FloatRange value, Function f, FloatRange x) {
  if (x.empty()) return value;
  constexpr double kRelative = 0x1p-18, kAbsolute = 1e-37;
  double lo = -kInf, hi = kInf;
  switch (f) {
    case Function::Exp: lo = std::exp(double{x.lo}), hi = std::exp(double{x.hi}); break;
    case Function::Exp2: lo = std::exp2(double{x.lo}), hi = std::exp2(double{x.hi}); break;
    case Function::Expm1: lo = std::expm1(double{x.lo}), hi = std::expm1(double{x.hi}); break;
    case Function::Log: lo = std::log(std::max(0.0, double{x.lo})), hi = x.hi < 0 ? kInf : std::log(double{x.hi}); break;
    case Function::Log2: lo = std::log2(std::max(0.0, double{x.lo})), hi = x.hi < 0 ? kInf : std::log2(double{x.hi}); break;
    case Function::Log1p: lo = std::log1p(std::max(-1.0, double{x.lo})), hi = x.hi < -1 ? kInf : std::log1p(double{x.hi}); break;
    case Function::Tanh: lo = std::tanh(double{x.lo}), hi = std::tanh(double{x.hi}); break;
    case Function::Sigmoid: lo = 1 / (1 + std::exp(-double{x.lo})), hi = 1 / (1 + std::exp(-double{x.hi})); break;
    case Function::Erf: lo = std::erf(double{x.lo}), hi = std::erf(double{x.hi}); break;
    case Function::Sine: lo = -1, hi = 1; break;
    case Function::Count: break;
  }
  const bool widen = !sabotaged(Sabotage::EncloseWithoutMargin);
  lo = widen ? lo - std::fabs(lo) * kRelative - kAbsolute : lo + std::fabs(hi - lo) * 0.25;
  hi = widen ? hi + std::fabs(hi) * kRelative + kAbsolute : hi;
  // To f32: outwards. A bound beyond f32's range is an infinity.
  float low = static_cast<float>(lo), high = static_cast<float>(hi);
  if (double{low} > lo) low = std::nextafter(low, -kInf);
  if (double{high} < hi) high = std::nextafter(high, kInf);
  if (value.empty()) return value;
  return {std::max(value.lo, low), std::min(value.hi, high), value.nan};
}

}  // namespace flexc::tile
