// The operations of the language on single values: integers wrap, everything is total.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "dsl/evaluate/sabotage.h"
#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

/// A scalar: Bool and I64 in `integer`, F32 in `real`, which holds an f32 exactly inside the strict cone.
struct Value {
  std::int64_t integer = 0;
  double real = 0;
};

inline std::int64_t wrap_add(std::int64_t a, std::int64_t b) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b)); }
inline std::int64_t wrap_sub(std::int64_t a, std::int64_t b) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)); }
inline std::int64_t wrap_mul(std::int64_t a, std::int64_t b) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b)); }

/// Python's //, with x // 0 = 0 and INT64_MIN // -1 = INT64_MIN.
inline std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  if (b == 0) return sabotaged(Sabotage::DivisionByZeroIsOne) ? 1 : 0;
  if (b == -1) return wrap_sub(0, a);
  const std::int64_t quotient = a / b;
  if (sabotaged(Sabotage::TruncatingFloorDiv)) return quotient;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

/// Python's %: the divisor's sign, with x % 0 = 0.
inline std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  if (b == 0 || b == -1) return 0;
  const std::int64_t remainder = a % b;
  if (sabotaged(Sabotage::ModSignOfDividend)) return remainder;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

inline std::int64_t shift_left(std::int64_t a, std::int64_t count) {
  if (sabotaged(Sabotage::ShiftNotModulo64) && (count < 0 || count > 63)) return 0;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << (static_cast<std::uint64_t>(count) & 63u));
}

inline std::int64_t shift_right(std::int64_t a, std::int64_t count) {
  if (sabotaged(Sabotage::ShiftNotModulo64) && (count < 0 || count > 63)) return a < 0 ? -1 : 0;
  if (sabotaged(Sabotage::LogicalShiftRight)) return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) >> (static_cast<std::uint64_t>(count) & 63u));
  return a >> (static_cast<std::uint64_t>(count) & 63u);
}

inline std::int64_t wrap_i32(std::int64_t a) {
  if (sabotaged(Sabotage::WrapI32Forgotten)) return a;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(a)));
}

/// Truncates, saturates, NaN gives 0.
inline std::int64_t float_to_int(float a) {
  if (std::isnan(a)) return sabotaged(Sabotage::NanToIntNotZero) ? std::numeric_limits<std::int64_t>::min() : 0;
  if (sabotaged(Sabotage::ConversionNotSaturating) && std::fabs(a) >= 0x1p63f) return std::numeric_limits<std::int64_t>::min();
  if (a >= 0x1p63f) return std::numeric_limits<std::int64_t>::max();
  if (a < -0x1p63f) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(a);
}

template <class Real>
Real float_min(Real a, Real b) {
  if (sabotaged(Sabotage::MinIgnoresNan)) return std::fmin(a, b);
  return a < b || std::isnan(a) ? a : b;
}

template <class Real>
Real float_max(Real a, Real b) {
  if (sabotaged(Sabotage::MaxIgnoresNan)) return std::fmax(a, b);
  return a > b || std::isnan(a) ? a : b;
}

/// (x > 0) - (x < 0): 0 for a NaN.
template <class Real>
Real float_sign(Real a) {
  if (sabotaged(Sabotage::SignOfNanIsNan) && std::isnan(a)) return a;
  return static_cast<Real>((a > 0) - (a < 0));
}

/// Half to even, whatever the rounding mode.
template <class Real>
Real round_half_even(Real a) {
  if (sabotaged(Sabotage::RoundHalfAway)) return std::round(a);
  const Real down = std::floor(a), rest = a - down;
  Real rounded = down;
  if (rest > Real(0.5) || (rest == Real(0.5) && std::floor(down / 2) * 2 != down)) rounded = down + 1;
  return std::copysign(rounded, a);  // keeps -0; NaN and infinities pass through down
}

/// Floor of the true quotient, by zero as IEEE divides. Where the quotient is so large that every value of the type there is
/// an integer (2^24 for f32), it is the correctly rounded quotient. A finite x over an infinite y of the other sign gives
/// -1, as in Python and torch.
template <class Real>
Real float_floor_div(Real x, Real y) {
  constexpr Real kAllIntegers = static_cast<Real>(std::int64_t{1} << std::numeric_limits<Real>::digits);
  const Real quotient = x / y;
  if (sabotaged(Sabotage::FloatFloorDivTruncates)) return std::trunc(quotient);
  const Real down = std::floor(quotient);
  if (y == 0 || !(std::fabs(quotient) <= kAllIntegers)) return down;
  if (std::isinf(y)) return x != 0 && (x < 0) != (y < 0) ? Real(-1) : down;
  // Rounding can only have lifted the quotient on to the integer above it; the exact remainder tells.
  if (down != quotient) return down;
  const Real remainder = std::fma(-quotient, y, x);
  return remainder != 0 && (remainder < 0) != (y < 0) ? down - 1 : down;
}

/// Python's %: the exact remainder, moved by y (rounded once) where its sign is not y's; zeros take y's sign. By 0: NaN.
template <class Real>
Real float_mod(Real x, Real y) {
  const Real remainder = std::fmod(x, y);
  if (sabotaged(Sabotage::FloatModSignOfDividend)) return remainder;
  if (remainder == 0) return std::copysign(Real(0), y);
  return (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

/// An elementwise operation whose operands are Bool or I64.
Value integer_operation(Op op, bool strict, Value a, Value b);
/// An elementwise operation whose operands are F32: in f32 and by the expansions where `strict`, else in f64 by libm.
Value float_operation(Op op, bool strict, Value a, Value b);

}  // namespace flexc::dsl
