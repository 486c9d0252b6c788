// The language's operations on single values, as the runtime has them: dsl/evaluate/scalar_ops.h defines the same meaning for the
// oracle, and tests/tile compares the two at edge values. Integers wrap; everything is total.
#pragma once

#include "templates/tile/standard.h"

namespace flexc::tile {

using Int = std::int64_t;
using Word = std::uint64_t;
inline constexpr Int kIntMin = std::numeric_limits<Int>::min(), kIntMax = std::numeric_limits<Int>::max();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

inline Word word(Int value) { return static_cast<Word>(value); }
inline Int wrap_add(Int a, Int b) { return static_cast<Int>(word(a) + word(b)); }
inline Int wrap_sub(Int a, Int b) { return static_cast<Int>(word(a) - word(b)); }
inline Int wrap_mul(Int a, Int b) { return static_cast<Int>(word(a) * word(b)); }

inline Int floor_div(Int a, Int b) {
  if (b == 0) return 0;
  if (b == -1) return wrap_sub(0, a);
  const Int quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

inline Int floor_mod(Int a, Int b) {
  if (b == 0 || b == -1) return 0;
  const Int rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

inline Int shift_left(Int a, Int count) { return static_cast<Int>(word(a) << (word(count) & 63u)); }
inline Int shift_right(Int a, Int count) { return a >> (word(count) & 63u); }
inline Int shift_right_logical(Int a, Int count) { return static_cast<Int>(word(a) >> (word(count) & 63u)); }
inline Int remainder_unsigned(Int a, Int b) { return b == 0 ? 0 : static_cast<Int>(word(a) % word(b)); }
inline Int wrap_i32(Int a) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(word(a))); }
inline Int absolute(Int a) { return a < 0 ? wrap_sub(0, a) : a; }
inline Int sign(Int a) { return (a > 0) - (a < 0); }

inline Int float_to_int(float a) {
  if (std::isnan(a)) return 0;
  if (a >= 0x1p63f) return kIntMax;
  if (a < -0x1p63f) return kIntMin;
  return static_cast<Int>(a);
}

inline Int bits_of(float a) { return std::bit_cast<std::int32_t>(a); }
inline float float_of_bits(Int a) { return std::bit_cast<float>(static_cast<std::uint32_t>(word(a))); }

inline float float_min(float a, float b) { return a < b || std::isnan(a) ? a : b; }
inline float float_max(float a, float b) { return a > b || std::isnan(a) ? a : b; }
inline float float_sign(float a) { return static_cast<float>((a > 0) - (a < 0)); }

/// Half to even, whatever the rounding mode.
inline float round_half_even(float a) {
  const float down = std::floor(a), rest = a - down;
  float rounded = down;
  if (rest > 0.5f || (rest == 0.5f && std::floor(down / 2) * 2 != down)) rounded = down + 1;
  return std::copysign(rounded, a);
}

/// Floor of the true quotient; the correctly rounded quotient where every f32 of its size is an integer.
inline float float_floor_div(float x, float y) {
  constexpr float kAllIntegers = 0x1p24f;
  const float quotient = x / y, down = std::floor(quotient);
  if (y == 0 || !(std::fabs(quotient) <= kAllIntegers)) return down;
  if (std::isinf(y)) return x != 0 && (x < 0) != (y < 0) ? -1.0f : down;
  if (down != quotient) return down;
  const float rest = std::fma(-quotient, y, x);
  return rest != 0 && (rest < 0) != (y < 0) ? down - 1 : down;
}

inline float float_mod(float x, float y) {
  const float rest = std::fmod(x, y);
  if (rest == 0) return std::copysign(0.0f, y);
  return (rest < 0) != (y < 0) ? rest + y : rest;
}

}  // namespace flexc::tile
