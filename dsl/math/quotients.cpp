// Functions that are exact or one rounding away from it: ceil, rsqrt, floor division and remainder.
#include "dsl/math/functions.h"

namespace flexc::dsl {
namespace {

constexpr std::int32_t kMantissaBits = 23;

/// A finite magnitude as mantissa · 2^(exponent - 150), subnormals with exponent 1.
struct Magnitude {
  I64Register mantissa;
  I32Register exponent;
};

Magnitude split(F32Register a) {
  Recorder& r = *a.recorder;
  const I32Register bits = bits_of(a), exponent = shift_right_logical(bits, kMantissaBits), fraction = bits & 0x7FFFFF;
  const BoolRegister subnormal = equal(exponent, 0);
  return {zero_extend(select(subnormal, fraction, fraction | 0x800000)), select(subnormal, r.constant(1), exponent)};
}

/// The exact remainder of finite magnitudes, a mod b, for b > 0: the quotient's bits are divided away 40 at a time.
F32Register exact_remainder(F32Register a, F32Register b) {
  constexpr std::int32_t kBitsPerStep = 40, kLargestDifference = 254;
  Recorder& r = *a.recorder;
  const Magnitude x = split(a), y = split(b);
  const I64Register divisor = select(equal(y.mantissa, 0), r.constant(std::int64_t{1}), y.mantissa);
  I64Register rest = remainder_unsigned(x.mantissa, divisor);
  const I32Register difference = x.exponent - y.exponent;
  I32Register left = select(less(difference, 0), r.constant(0), difference);
  for (std::int32_t done = 0; done < kLargestDifference; done += kBitsPerStep) {
    const I32Register count = select(less(left, kBitsPerStep), left, r.constant(kBitsPerStep));
    rest = remainder_unsigned(shift_left(rest, sign_extend(count)), divisor);
    left = left - count;
  }
  return select(a < b, a, scale_by_power(to_float(rest), y.exponent - 150));
}

}  // namespace

F32Register expand_ceil(F32Register x) { return -floor(-x); }

F32Register expand_rsqrt(F32Register x) { return 1.0f / sqrt(x); }

F32Register expand_floor_div(F32Register x, F32Register y) {
  // Rounding can only have lifted the quotient on to the integer above it; the sign of the exact remainder tells. From 2^24
  // on every f32 is an integer, and the rounded quotient is the result.
  constexpr float kAllIntegers = 0x1p24f;
  const F32Register quotient = x / y, down = floor(quotient);
  const F32Register remainder = fma(-quotient, y, x);
  const BoolRegister opposite = differ(remainder < 0.0f, y < 0.0f) & !(remainder == 0.0f);
  const BoolRegister lifted = (down == quotient) & (abs(quotient) <= kAllIntegers) & !is_nan(remainder) & opposite & !(y == 0.0f);
  const F32Register finite = select(lifted, down - 1.0f, down);
  const BoolRegister below_zero = differ(x < 0.0f, y < 0.0f) & !(x == 0.0f) & (abs(x) < kInfinityF);
  return select(abs(y) == kInfinityF, select(below_zero, -1.0f, down), finite);
}

F32Register expand_mod(F32Register x, F32Register y) {
  Recorder& r = *x.recorder;
  const F32Register a = abs(x), b = abs(y);
  const F32Register magnitude = exact_remainder(a, b), remainder = with_sign_of(magnitude, x);
  const F32Register moved = select(differ(remainder < 0.0f, y < 0.0f), remainder + y, remainder);
  const F32Register value = select(magnitude == 0.0f, with_sign_of(r.constant(0.0f), y), moved);
  return select((a < kInfinityF) & (b > 0.0f), value, kNanF);
}

}  // namespace flexc::dsl
