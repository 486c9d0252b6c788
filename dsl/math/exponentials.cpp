// exp and its family: Cody and Waite's reduction by ln 2 and a polynomial (coefficients.h).
#include "dsl/math/coefficients.h"
#include "dsl/math/functions.h"

namespace flexc::dsl {
namespace {

using namespace coefficients;

/// Adding 1.5·2^23 rounds to an integer and leaves it in the low bits: no conversion that a NaN could upset.
constexpr float kRoundingShift = 0x1.8p23f;

F32Register clamp(F32Register x, float low, float high) {
  return select(x < low, low, select(x > high, high, x));  // a NaN stays
}

I32Register shifted_integer(F32Register shifted) { return bits_of(shifted) - std::bit_cast<std::int32_t>(kRoundingShift); }

/// Beyond, tanh and erf are 1 in f32.
constexpr float kTanhEnd = 9.02f, kErfEnd = 4.0f;
/// The least x where loose tanh is not below 1. It is 1 there, and so from there on.
constexpr float kLooseTanhEnd = 0x1.000b9ap+3f;
/// Below, erf's polynomial is used.
constexpr float kErfSmallEnd = 0.925f;
/// Adding it rounds to an integer n too, and leaves n + 127 in the low bits: shifted into place, the power 2^n.
constexpr float kPowerShift = kRoundingShift + 127.0f;

}  // namespace

F32Register polynomial(F32Register x, std::span<const float> coefficients) {
  F32Register sum = x.recorder->constant(coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) sum = fma(sum, x, coefficients[i]);
  return sum;
}

F32Register scale_by_power(F32Register value, I32Register n) {
  const auto power = [](I32Register k) { return float_of_bits(shift_left(k + 127, 23)); };
  const I32Register half = shift_right_arithmetic(n, 1);
  return value * power(half) * power(n - half);
}

F32Register with_sign_of(F32Register magnitude, F32Register from) { return float_of_bits(bits_of(magnitude) | (bits_of(from) & kSignBit)); }

Exponential split_exponential(F32Register x, float low, float high) {
  const F32Register c = clamp(x, low, high);
  const F32Register shifted = fma(c, kLog2E[0], kRoundingShift);
  const F32Register n = shifted - kRoundingShift;
  const F32Register r = fma(n, -kLn2[1], fma(n, -kLn2[0], c));
  return {fma(r * r, polynomial(r, kExpTail), r), shifted_integer(shifted)};
}

F32Register exp2_of_sum(F32Register high, F32Register low) {
  const F32Register shifted = high + kRoundingShift;
  const F32Register r = (high - (shifted - kRoundingShift)) + low;
  return scale_by_power(fma(r, polynomial(r, kExp2Tail), 1.0f), shifted_integer(shifted));
}

F32Register expand_exp(F32Register x) {
  // exp(89) overflows and exp(-104.5) is below half the least subnormal.
  const Exponential e = split_exponential(x, -104.5f, 89.0f);
  return scale_by_power(e.tail + 1.0f, e.power);
}

F32Register expand_exp2(F32Register x) {
  const F32Register c = clamp(x, -151.0f, 129.0f);
  return exp2_of_sum(c, x.recorder->constant(0.0f));
}

F32Register expand_expm1(F32Register x) {
  // 2^n e + (2^n - 1), halved, because 2^128 is no f32. From -30 on down the sum is -1.
  const Exponential e = split_exponential(x, -30.0f, 89.0f);
  const F32Register half_power = float_of_bits(shift_left(e.power + 126, 23));
  const F32Register sum = 2.0f * fma(e.tail, half_power, half_power - 0.5f);
  const F32Register unscaled = select(x == 0.0f, x, e.tail);  // a zero keeps its sign
  return select(equal(e.power, 0), unscaled, sum);
}

F32Register expand_tanh(F32Register x) {
  // H/(1 + H) with H = (exp(2a) - 1)/2 = 2^n h + (2^n - 1)/2, h the same of what n leaves of a. A quarter is taken off before n is rounded, so that
  // H is h alone up to a = 0.26 and cancels little beyond. The rounding of 1 + H is put right.
  const F32Register a = abs(x), c = select(a > kTanhEnd, kTanhEnd, a);
  const F32Register shifted = fma(c, kTwoLog2E[0], -0.25f) + kPowerShift;
  const F32Register r = fma(shifted - kPowerShift, -0.5f * kLn2[0], c);
  const F32Register h = fma(r * r, polynomial(r, kTanhTail), r);
  const F32Register power = float_of_bits(shift_left(bits_of(shifted), 23));
  const F32Register numerator = fma(h, power, fma(power, 0.5f, -0.5f));
  const F32Register sum = numerator + 1.0f, sum_low = (1.0f - sum) + numerator;
  const F32Register reciprocal = 1.0f / sum, quotient = numerator * reciprocal;
  const F32Register rest = fma(-quotient, sum_low, fma(-quotient, sum, numerator));
  return with_sign_of(fma(rest, reciprocal, quotient), x);
}

F32Register expand_loose_tanh(F32Register x) {
  // No exponential and one quotient. Both polynomials begin with 1, so what is small stays itself.
  const F32Register c = clamp(x, -kLooseTanhEnd, kLooseTanhEnd), u = c * c;
  return fma(c * u, polynomial(u, std::span(kLooseTanhNumerator).subspan(1)), c) / polynomial(u, kLooseTanhDenominator);
}

F32Register expand_sigmoid(F32Register x) {
  // e/(1 + e) or 1/(1 + e) with e = exp(-|x|): no overflow, and a denominator whose rounding is put right.
  const F32Register e = expand_exp(-abs(x));
  const F32Register numerator = select(x < 0.0f, e, 1.0f);
  const F32Register sum = 1.0f + e, sum_low = (1.0f - sum) + e;
  const F32Register reciprocal = 1.0f / sum, quotient = numerator * reciprocal;
  const F32Register rest = fma(-quotient, sum_low, fma(-quotient, sum, numerator));
  return fma(rest, reciprocal, quotient);
}

F32Register expand_erf(F32Register x) {
  const F32Register a = abs(x), u = a * a;
  const F32Register small = fma(a, polynomial(u, kErfSmall), a);
  const F32Register large = 1.0f - expand_exp(-polynomial(select(a > kErfEnd, kErfEnd, a), kErfLarge));
  return with_sign_of(select(a < kErfSmallEnd, small, large), x);
}

}  // namespace flexc::dsl
