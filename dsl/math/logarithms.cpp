// Logarithms by splitting off the power of two, and pow with its logarithm in two f32.
#include "dsl/math/coefficients.h"
#include "dsl/math/functions.h"

namespace flexc::dsl {
namespace {

using namespace coefficients;

constexpr std::int32_t kSqrtHalfBits = std::bit_cast<std::int32_t>(0x1.6a09e6p-1f);
constexpr int kMantissaBits = 23;
constexpr float kLeastNormal = 0x1p-126f;

I32Register power_of(I32Register bits) { return shift_right_arithmetic(bits - kSqrtHalfBits, kMantissaBits); }

/// The logarithms' special values around `value`, which holds for finite x > low.
F32Register with_log_specials(F32Register x, F32Register value, float low) {
  Recorder& r = *x.recorder;
  const F32Register special = select(x == low, r.constant(-kInfinityF), select(x == kInfinityF, kInfinityF, r.constant(kNanF)));
  return select((x > low) & (x < kInfinityF), value, special);
}

/// An unevaluated sum of two f32.
struct Pair {
  F32Register high, low;
};

/// a + (b + low) for |a| ≥ |b|.
Pair fast_sum(F32Register a, F32Register b, F32Register low) {
  const F32Register sum = a + b;
  return {sum, ((a - sum) + b) + low};
}

Pair product(Pair a, Pair b) {
  const F32Register high = a.high * b.high;
  return {high, fma(a.high, b.high, -high) + fma(a.high, b.low, a.low * b.high)};
}

/// log2 of a finite x > 0 to about 2^-36, relative: 2 log2(e) · atanh((m - 1)/(m + 1)) + k.
Pair log2_pair(F32Register x) {
  Recorder& r = *x.recorder;
  const Logarithm split = split_logarithm(x);
  const F32Register m = split.mantissa, p = m + 1.0f, p_low = m - (p - 1.0f), q = m - 1.0f;
  const F32Register s_high = q / p;
  const Pair s{s_high, fma(-s_high, p_low, fma(-s_high, p, q)) / p};
  const Pair u = product(s, s);
  const F32Register third = r.constant(kThird[0]);
  const Pair factor = product(u, fast_sum(third, u.high * polynomial(u.high, kAtanhTail), r.constant(kThird[1])));
  const Pair rest = product(s, factor);
  const Pair atanh = fast_sum(s.high, rest.high, rest.low + s.low);
  const Pair log2_m = product(atanh, {r.constant(kTwoLog2E[0]), r.constant(kTwoLog2E[1])});
  return fast_sum(to_float(split.power), log2_m.high, log2_m.low);
}

}  // namespace

Logarithm split_logarithm(F32Register x) {
  Recorder& r = *x.recorder;
  const BoolRegister subnormal = x < kLeastNormal;
  const I32Register bits = bits_of(select(subnormal, x * 0x1p23f, x));
  const I32Register power = power_of(bits);
  return {power + select(subnormal, r.constant(-kMantissaBits), r.constant(0)), float_of_bits(bits - shift_left(power, kMantissaBits))};
}

F32Register expand_log(F32Register x) {
  const Logarithm split = split_logarithm(x);
  const F32Register f = split.mantissa - 1.0f, k = to_float(split.power);
  const F32Register tail = fma(f * f, polynomial(f, kLogTail), k * kLn2[1]);
  return with_log_specials(x, fma(k, kLn2[0], f + tail), 0.0f);
}

F32Register expand_log2(F32Register x) {
  const Logarithm split = split_logarithm(x);
  const F32Register f = split.mantissa - 1.0f, tail = f * f * polynomial(f, kLogTail);
  return with_log_specials(x, to_float(split.power) + fma(f, kLog2E[0], fma(tail, kLog2E[0], f * kLog2E[1])), 0.0f);
}

F32Register expand_log1p(F32Register x) {
  // 1 + x gives the power of two, but f comes from x itself, rounded once. Above 2^25 the 1 no longer matters.
  constexpr float kOneVanishes = 0x1p25f;
  Recorder& r = *x.recorder;
  const I32Register bits = bits_of(x + 1.0f), power = power_of(bits);
  const F32Register scale = float_of_bits(shift_left(r.constant(127) - power, kMantissaBits));
  const F32Register direct = float_of_bits(bits - shift_left(power, kMantissaBits)) - 1.0f;
  const F32Register f = select(x < kOneVanishes, fma(x, scale, scale - 1.0f), direct), k = to_float(power);
  const F32Register tail = fma(f * f, polynomial(f, kLogTail), k * kLn2[1]);
  return select(x == 0.0f, x, with_log_specials(x, fma(k, kLn2[0], f + tail), -1.0f));
}

F32Register expand_pow(F32Register x, F32Register y) {
  constexpr float kSaturated = 160.0f;  // 2^±160 is infinite or 0 in f32
  Recorder& r = *x.recorder;
  const F32Register a = abs(x), one = r.constant(1.0f), zero = r.constant(0.0f), infinity = r.constant(kInfinityF), nan = r.constant(kNanF);
  const Pair log2_a = log2_pair(a);
  const F32Register high = y * log2_a.high, low = fma(y, log2_a.high, -high) + y * log2_a.low;
  const BoolRegister inside = abs(high) < kSaturated;
  const F32Register clamped = select(high > kSaturated, kSaturated, select(high < -kSaturated, -kSaturated, high));
  F32Register result = exp2_of_sum(clamped, select(inside, low, zero));

  const BoolRegister y_negative = y < 0.0f, a_infinite = a == kInfinityF;
  result = select((a == 0.0f) | a_infinite, select(differ(a_infinite, y_negative), infinity, zero), result);
  result = select(abs(y) == kInfinityF, select(a == 1.0f, one, select(differ(a > 1.0f, y_negative), infinity, zero)), result);
  const F32Register half_y = y * 0.5f;
  const BoolRegister y_integral = round_even(y) == y, y_odd = y_integral & !(round_even(half_y) == half_y);
  const BoolRegister sign_bit = less(bits_of(x), 0);
  result = select(sign_bit & y_odd, -result, result);
  result = select((x < 0.0f) & (a < kInfinityF) & !y_integral, nan, result);
  result = select(is_nan(x) | is_nan(y), nan, result);
  return select((y == 0.0f) | (x == 1.0f), one, result);
}

}  // namespace flexc::dsl
