// sin, cos, tan. Payne and Hanek's reduction in 64-bit integers, without a table in memory: the words of 2/pi are constants
// chosen by comparisons. Below pi/4 the argument is used as it is.
#include "dsl/math/coefficients.h"
#include "dsl/math/functions.h"

namespace flexc::dsl {
namespace {

using namespace coefficients;

struct Angle {
  I32Register quadrant;  ///< 0 to 3
  F32Register high, low; ///< |x| - quadrant · pi/2 (modulo 2 pi), in ±pi/4
};

constexpr float kQuarterPi = 0x1.921fb6p-1f;
constexpr std::int32_t kExponentBias = 127, kMantissaBits = 23;
constexpr int kWordBits = 32, kWindows = 5;

Angle reduce(F32Register a) {
  Recorder& r = *a.recorder;
  const I32Register bits = bits_of(a), exponent = shift_right_logical(bits, kMantissaBits) - kExponentBias;
  const I64Register mantissa = zero_extend((bits & 0x7FFFFF) | 0x800000);
  // Of a · 2/pi only the value modulo 4 matters. With a = mantissa · 2^(exponent - 23), the first bit of 2/pi that
  // counts is number exponent - 24 after the point; kTwoOverPi has 32 zeros before its first. 96 bits from there on, times
  // the mantissa, leave 62 fraction bits, good to 2^-61, where the nearest f32 to a multiple of pi/2 is 2^-30 away.
  const I32Register offset = select(less(exponent, -1), r.constant(0), exponent + 7);
  const I32Register word = shift_right_logical(offset, 5);
  const I64Register shift = zero_extend(offset & (kWordBits - 1));
  const auto word_at = [&](int ahead) {
    I64Register chosen = r.constant(kTwoOverPi[ahead + kWindows - 1]);
    for (int i = kWindows - 2; i >= 0; --i) chosen = select(equal(word, i), r.constant(kTwoOverPi[ahead + i]), chosen);
    return chosen;
  };
  const I64Register words[] = {word_at(0), word_at(1), word_at(2), word_at(3)};
  const auto window = [&](int i) { return shift_right_logical(shift_left(shift_left(words[i], kWordBits) | words[i + 1], shift), kWordBits); };
  const I64Register product =
      shift_left(mantissa * window(0), kWordBits) + mantissa * window(1) + shift_right_logical(mantissa * window(2), kWordBits);

  const I64Register quadrant = shift_right_logical(product + (std::int64_t{1} << 61), 62);
  const I64Register fraction = product - shift_left(quadrant, 62);
  const F32Register f_high = to_float(fraction), f_low = to_float(fraction - to_i64(f_high));
  const F32Register high = f_high * kQuarterTurn[0];
  const F32Register low = fma(f_high, kQuarterTurn[0], -high) + fma(f_high, kQuarterTurn[1], f_low * kQuarterTurn[0]);
  const BoolRegister small = a < kQuarterPi;
  return {select(small, r.constant(0), truncate(quadrant)), select(small, a, high), select(small, 0.0f, low)};
}

F32Register sine(const Angle& angle) {
  const F32Register r = angle.high, u = r * r;
  return r + fma(r * u, polynomial(u, kSinTail), angle.low);
}

F32Register cosine(const Angle& angle) {
  const F32Register r = angle.high, u = r * r;
  const F32Register main = fma(u, -0.5f, 1.0f), lost = fma(u, -0.5f, 1.0f - main);
  return main + (lost + fma(u * u, polynomial(u, kCosTail), -(r * angle.low)));
}

/// Bit 1 of the quadrant as a float's sign bit.
I32Register half_turn_sign(I32Register quadrant) { return shift_left(quadrant & 2, 30); }

BoolRegister is_odd(I32Register quadrant) { return equal(quadrant & 1, 1); }

F32Register nan_unless_finite(F32Register a, F32Register value) { return select(a < kInfinityF, value, kNanF); }

}  // namespace

F32Register expand_sin(F32Register x) {
  const F32Register a = abs(x);
  const Angle angle = reduce(a);
  const F32Register value = select(is_odd(angle.quadrant), cosine(angle), sine(angle));
  const I32Register sign = half_turn_sign(angle.quadrant) ^ (bits_of(x) & kSignBit);
  return nan_unless_finite(a, float_of_bits(bits_of(value) ^ sign));
}

F32Register expand_cos(F32Register x) {
  const F32Register a = abs(x);
  const Angle angle = reduce(a);
  const F32Register value = select(is_odd(angle.quadrant), sine(angle), cosine(angle));
  const I32Register sign = half_turn_sign(angle.quadrant + 1);
  return nan_unless_finite(a, float_of_bits(bits_of(value) ^ sign));
}

F32Register expand_tan(F32Register x) {
  const F32Register a = abs(x);
  const Angle angle = reduce(a);
  const F32Register r = angle.high, u = r * r;
  const F32Register cubic = r * u * polynomial(u, kTanTail), rough = r + cubic;
  // tan' = 1 + tan² carries the angle's low part into the result.
  const F32Register tail = fma(fma(rough, rough, 1.0f), angle.low, cubic);
  const F32Register tangent = r + tail, lost = (r - tangent) + tail;
  // -1/(tangent + lost): one division and one step of correction.
  const F32Register inverse = -1.0f / tangent;
  const F32Register cotangent = fma(inverse, fma(inverse, lost, fma(inverse, tangent, 1.0f)), inverse);
  const F32Register value = select(is_odd(angle.quadrant), cotangent, tangent);
  return nan_unless_finite(a, float_of_bits(bits_of(value) ^ (bits_of(x) & kSignBit)));
}

}  // namespace flexc::dsl
