// The formulas behind expand math, written over recorded registers. One function each; expand_math.cpp lists them.
#pragma once

#include <limits>
#include <span>

#include "dsl/math/recorder.h"

namespace flexc::dsl {

inline constexpr float kInfinityF = std::numeric_limits<float>::infinity();
inline constexpr float kNanF = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::int32_t kSignBit = std::numeric_limits<std::int32_t>::min();

/// Horner's scheme, coefficients from x^0 upwards.
F32Register polynomial(F32Register x, std::span<const float> coefficients);
/// value · 2^n for |n| ≤ 252, in two exact powers, so that only a subnormal result rounds again.
F32Register scale_by_power(F32Register value, I32Register n);
/// `magnitude` (not negative) with the sign of `from`.
F32Register with_sign_of(F32Register magnitude, F32Register from);

/// x as 2^n (1 + e): what exp, expm1 and exp2 share.
struct Exponential {
  F32Register tail;  ///< e
  I32Register power;
};
Exponential split_exponential(F32Register x, float low, float high);
/// 2^(high + low) for |high| ≤ 160.
F32Register exp2_of_sum(F32Register high, F32Register low);

/// x > 0 as 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); f is exact.
struct Logarithm {
  I32Register power;
  F32Register mantissa;  ///< 1 + f
};
Logarithm split_logarithm(F32Register x);

F32Register expand_ceil(F32Register x);
F32Register expand_exp(F32Register x);
F32Register expand_exp2(F32Register x);
F32Register expand_expm1(F32Register x);
F32Register expand_log(F32Register x);
F32Register expand_log2(F32Register x);
F32Register expand_log1p(F32Register x);
F32Register expand_rsqrt(F32Register x);
F32Register expand_sin(F32Register x);
F32Register expand_cos(F32Register x);
F32Register expand_tan(F32Register x);
F32Register expand_tanh(F32Register x);
/// For pairs outside of the strict cone (loose_expansion_of).
F32Register expand_loose_tanh(F32Register x);
F32Register expand_sigmoid(F32Register x);
F32Register expand_erf(F32Register x);
F32Register expand_pow(F32Register x, F32Register y);
F32Register expand_floor_div(F32Register x, F32Register y);
F32Register expand_mod(F32Register x, F32Register y);

}  // namespace flexc::dsl
