// The arithmetic that emitted code is written in (templates/hooks.cuh): the language's totality, correctly rounded f32 without
// contraction for the strict cone, and the approximate units for what lies outside of it. Nothing here calls libdevice. The host forms
// are meant for a compiler that contracts nothing (-ffp-contract=off).
#pragma once

namespace flexc::mods {

//===-- Bits ------------------------------------------------------------------------------------------------------------------===//

#if defined(__CUDACC__)
FLEXC_HOOK u32 bits_of(float x) { return __float_as_uint(x); }
FLEXC_HOOK float float_of(u32 bits) { return __uint_as_float(bits); }
#else
FLEXC_HOOK u32 bits_of(float x) {
  u32 bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
FLEXC_HOOK float float_of(u32 bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
#endif

//===-- Strict f32: each operation rounded once, never contracted -------------------------------------------------------------===//

#if defined(__CUDACC__)
FLEXC_HOOK float add_rn(float a, float b) { return __fadd_rn(a, b); }
FLEXC_HOOK float sub_rn(float a, float b) { return __fsub_rn(a, b); }
FLEXC_HOOK float mul_rn(float a, float b) { return __fmul_rn(a, b); }
FLEXC_HOOK float div_rn(float a, float b) { return __fdiv_rn(a, b); }
FLEXC_HOOK float fma_rn(float a, float b, float c) { return __fmaf_rn(a, b, c); }
FLEXC_HOOK float sqrt_rn(float a) { return __fsqrt_rn(a); }
FLEXC_HOOK float floor_f(float a) {
  float r;
  asm("cvt.rmi.f32.f32 %0, %1;" : "=f"(r) : "f"(a));
  return r;
}
FLEXC_HOOK float round_even(float a) {
  float r;
  asm("cvt.rni.f32.f32 %0, %1;" : "=f"(r) : "f"(a));
  return r;
}
#else
FLEXC_HOOK float add_rn(float a, float b) { return a + b; }
FLEXC_HOOK float sub_rn(float a, float b) { return a - b; }
FLEXC_HOOK float mul_rn(float a, float b) { return a * b; }
FLEXC_HOOK float div_rn(float a, float b) { return a / b; }
FLEXC_HOOK float fma_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
FLEXC_HOOK float sqrt_rn(float a) { return __builtin_sqrtf(a); }
FLEXC_HOOK float floor_f(float a) { return __builtin_floorf(a); }
FLEXC_HOOK float round_even(float a) { return __builtin_rintf(a); }
#endif

FLEXC_HOOK float neg_f(float a) { return float_of(bits_of(a) ^ 0x80000000u); }
FLEXC_HOOK float abs_f(float a) { return float_of(bits_of(a) & 0x7fffffffu); }
FLEXC_HOOK bool is_nan(float a) { return a != a; }
FLEXC_HOOK bool is_inf(float a) { return (bits_of(a) & 0x7fffffffu) == 0x7f800000u; }
FLEXC_HOOK float sign_f(float a) { return a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : 0.0f; }
/// A NaN stays; of equal ones the second.
FLEXC_HOOK float min_f(float a, float b) { return a < b || a != a ? a : b; }
FLEXC_HOOK float max_f(float a, float b) { return a > b || a != a ? a : b; }

//===-- Approximate units, outside of the strict cone (docs/math.md has their bounds) -----------------------------------------===//

#if defined(__CUDACC__)
#define FLEXC_UNIT(name, instruction)                        \
  FLEXC_HOOK float name(float a) {                           \
    float r;                                                 \
    asm(instruction " %0, %1;" : "=f"(r) : "f"(a));          \
    return r;                                                \
  }
FLEXC_UNIT(exp2_unit, "ex2.approx.f32")
FLEXC_UNIT(log2_unit, "lg2.approx.f32")
FLEXC_UNIT(rcp_unit, "rcp.approx.f32")
FLEXC_UNIT(sqrt_unit, "sqrt.approx.f32")
FLEXC_UNIT(rsqrt_unit, "rsqrt.approx.f32")
FLEXC_UNIT(tanh_unit, "tanh.approx.f32")
#undef FLEXC_UNIT
FLEXC_HOOK float div_unit(float a, float b) {
  float r;
  asm("div.full.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
#else
FLEXC_HOOK float exp2_unit(float a) { return __builtin_exp2f(a); }
FLEXC_HOOK float log2_unit(float a) { return __builtin_log2f(a); }
FLEXC_HOOK float rcp_unit(float a) { return 1.0f / a; }
FLEXC_HOOK float sqrt_unit(float a) { return __builtin_sqrtf(a); }
FLEXC_HOOK float rsqrt_unit(float a) { return 1.0f / __builtin_sqrtf(a); }
FLEXC_HOOK float tanh_unit(float a) { return __builtin_tanhf(a); }
FLEXC_HOOK float div_unit(float a, float b) { return a / b; }
#endif

constexpr float kLog2E = 1.44269504088896340736f, kLn2 = 0.693147180559945309417f;
FLEXC_HOOK float exp_unit(float a) { return exp2_unit(a * kLog2E); }
FLEXC_HOOK float log_unit(float a) { return log2_unit(a) * kLn2; }
FLEXC_HOOK float sigmoid_unit(float a) { return rcp_unit(1.0f + exp2_unit(a * -kLog2E)); }

//===-- Integers: 64 bits, wrapping, total ------------------------------------------------------------------------------------===//

FLEXC_HOOK i64 wrap_add(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) + static_cast<u64>(b)); }
FLEXC_HOOK i64 wrap_sub(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) - static_cast<u64>(b)); }
FLEXC_HOOK i64 wrap_mul(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) * static_cast<u64>(b)); }
FLEXC_HOOK i64 wrap_neg(i64 a) { return static_cast<i64>(u64{0} - static_cast<u64>(a)); }
FLEXC_HOOK i64 wrap_abs(i64 a) { return a < 0 ? wrap_neg(a) : a; }
FLEXC_HOOK i64 sign_i(i64 a) { return static_cast<i64>(a > 0) - static_cast<i64>(a < 0); }
FLEXC_HOOK i64 min_i(i64 a, i64 b) { return a < b ? a : b; }
FLEXC_HOOK i64 max_i(i64 a, i64 b) { return a > b ? a : b; }
/// Shift counts are taken modulo 64.
FLEXC_HOOK i64 shift_left(i64 a, i64 n) { return static_cast<i64>(static_cast<u64>(a) << (n & 63)); }
FLEXC_HOOK i64 shift_right(i64 a, i64 n) { return a >> (n & 63); }
/// Sign extension of the low 32 bits.
FLEXC_HOOK i64 wrap_i32(i64 a) { return static_cast<i64>(static_cast<i32>(static_cast<u32>(static_cast<u64>(a)))); }

/// To the nearest f32, ties to even.
FLEXC_HOOK float int_to_float(i64 a) { return static_cast<float>(a); }
/// Truncates and saturates; NaN gives 0.
FLEXC_HOOK i64 float_to_int(float a) {
  const bool is_high = a >= 0x1p63f, is_low = a < -0x1p63f;
  const i64 inside = static_cast<i64>(is_high || is_low || a != a ? 0.0f : a);
  return is_high ? 0x7fffffffffffffffll : is_low ? -0x7fffffffffffffffll - 1 : inside;
}

/// Rounds to minus infinity; x // 0 is 0, INT64_MIN // -1 wraps.
FLEXC_HOOK i64 floor_div(i64 a, i64 b) {
  if (b == 0) return 0;
  if (b == -1) return wrap_neg(a);
  const i64 quotient = a / b, rest = a - quotient * b;
  return rest != 0 && (rest ^ b) < 0 ? quotient - 1 : quotient;
}
/// With the divisor's sign; x % 0 is 0.
FLEXC_HOOK i64 floor_mod(i64 a, i64 b) {
  if (b == 0 || b == -1) return 0;
  const i64 rest = a % b;
  return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

/// Division by a number that the host knows at launch (templates/cpu/row_segment.h has the formula).
struct Divisor {
  i64 divisor;
  u64 multiplier;
  i32 shift1, shift2;
};

#if defined(__CUDACC__)
FLEXC_HOOK u64 high_product(u64 a, u64 b) { return __umul64hi(a, b); }
#else
FLEXC_HOOK u64 high_product(u64 a, u64 b) {
  __extension__ using u128 = unsigned __int128;
  return static_cast<u64>(static_cast<u128>(a) * b >> 64);
}
/// The host's part of it.
inline Divisor make_divisor(i64 divisor) {
  __extension__ using u128 = unsigned __int128;
  if (divisor == 0) return {0, 0, 0, 0};
  const u64 magnitude = divisor < 0 ? u64{0} - static_cast<u64>(divisor) : static_cast<u64>(divisor);
  const int length = magnitude == 1 ? 0 : 64 - __builtin_clzll(magnitude - 1);
  const u128 power = static_cast<u128>(1) << length;
  const u64 multiplier = static_cast<u64>(((power - magnitude) << 64) / magnitude + 1);
  return {divisor, multiplier, length < 1 ? length : 1, length > 1 ? length - 1 : 0};
}
#endif

/// n / |divisor|, which is not 0.
FLEXC_HOOK u64 quotient(u64 n, const Divisor& by) {
  const u64 t = high_product(by.multiplier, n);
  return (t + ((n - t) >> by.shift1)) >> by.shift2;
}
FLEXC_HOOK i64 floor_div(i64 a, const Divisor& by) {
  if (by.divisor == 0) return 0;
  const bool is_negative = (a < 0) != (by.divisor < 0) && a != 0;
  const u64 magnitude = a < 0 ? u64{0} - static_cast<u64>(a) : static_cast<u64>(a);
  const u64 whole = quotient(magnitude - (is_negative ? 1u : 0u), by);
  return static_cast<i64>(is_negative ? ~whole : whole);
}
FLEXC_HOOK i64 floor_mod(i64 a, const Divisor& by) {
  return by.divisor == 0 ? 0 : wrap_sub(a, wrap_mul(floor_div(a, by), by.divisor));
}

//===-- Words of the table of columns -----------------------------------------------------------------------------------------===//

FLEXC_HOOK u32 high_word(i64 a) { return static_cast<u32>(static_cast<u64>(a) >> 32); }
FLEXC_HOOK i64 join_words(u32 low, u32 high) { return static_cast<i64>(static_cast<u64>(high) << 32 | low); }
FLEXC_HOOK i64 sign_extend(u32 word) { return static_cast<i64>(static_cast<i32>(word)); }

//===-- 32 bits: steps of expand math, and integers that are known to be small. The low half of what 64 bits give -----------------===//

FLEXC_HOOK i32 wrap_add(i32 a, i32 b) { return static_cast<i32>(static_cast<u32>(a) + static_cast<u32>(b)); }
FLEXC_HOOK i32 wrap_sub(i32 a, i32 b) { return static_cast<i32>(static_cast<u32>(a) - static_cast<u32>(b)); }
FLEXC_HOOK i32 wrap_mul(i32 a, i32 b) { return static_cast<i32>(static_cast<u32>(a) * static_cast<u32>(b)); }
FLEXC_HOOK i32 wrap_neg(i32 a) { return static_cast<i32>(0u - static_cast<u32>(a)); }
FLEXC_HOOK i32 wrap_abs(i32 a) { return a < 0 ? wrap_neg(a) : a; }
FLEXC_HOOK i32 sign_i(i32 a) { return static_cast<i32>(a > 0) - static_cast<i32>(a < 0); }
FLEXC_HOOK i32 min_i(i32 a, i32 b) { return a < b ? a : b; }
FLEXC_HOOK i32 max_i(i32 a, i32 b) { return a > b ? a : b; }
FLEXC_HOOK float int_to_float(i32 a) { return static_cast<float>(a); }
/// Counts are taken modulo 64; from 32 on nothing of the low half is left but the sign.
FLEXC_HOOK i32 shift_left(i32 a, i32 n) { return (n & 32) != 0 ? 0 : static_cast<i32>(static_cast<u32>(a) << (n & 31)); }
FLEXC_HOOK i32 shift_right(i32 a, i32 n) { return a >> ((n & 32) != 0 ? 31 : n & 31); }
FLEXC_HOOK i32 shift_right_logical(i32 a, i32 n) { return static_cast<i32>(static_cast<u32>(a) >> n); }
FLEXC_HOOK i32 floor_div(i32 a, i32 b) {
  if (b == 0) return 0;
  if (b == -1) return wrap_neg(a);
  const i32 quotient = a / b, rest = a - quotient * b;
  return rest != 0 && (rest ^ b) < 0 ? quotient - 1 : quotient;
}
FLEXC_HOOK i32 floor_mod(i32 a, i32 b) {
  if (b == 0 || b == -1) return 0;
  const i32 rest = a % b;
  return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}
FLEXC_HOOK i64 shift_right_logical(i64 a, i64 n) { return static_cast<i64>(static_cast<u64>(a) >> n); }
FLEXC_HOOK i64 rest_unsigned(i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) % static_cast<u64>(b)); }
FLEXC_HOOK i32 bits_from_float(float a) { return static_cast<i32>(bits_of(a)); }
FLEXC_HOOK float float_from_bits(i32 a) { return float_of(static_cast<u32>(a)); }
FLEXC_HOOK i64 zero_extend(i32 a) { return static_cast<i64>(static_cast<u32>(a)); }
FLEXC_HOOK i64 zero_extend(bool a) { return a ? 1 : 0; }
FLEXC_HOOK i32 truncate(i64 a) { return static_cast<i32>(static_cast<u32>(static_cast<u64>(a))); }

//===-- Gathers: -n <= i < 0 wraps, beyond that no memory is touched and the value is 0 ----------------------------------------===//

/// Where an element lies.
struct Element {
  i64 offset;
  bool is_inside;
};

template <int kRank, class... Indices>
FLEXC_HOOK Element element_of(const Capture<kRank>& capture, Indices... indices) {
  static_assert(sizeof...(Indices) == kRank, "as many indices as dimensions");
  Element element{0, true};
  if constexpr (kRank > 0) {
    const i64 index[] = {static_cast<i64>(indices)...};
    FLEXC_UNROLL
    for (int axis = 0; axis < kRank; ++axis) {
      const i64 size = capture.sizes[axis];
      const i64 wrapped = index[axis] < 0 ? wrap_add(index[axis], size) : index[axis];
      element.is_inside = element.is_inside && static_cast<u64>(wrapped) < static_cast<u64>(size);
      element.offset = wrap_add(element.offset, wrap_mul(wrapped, capture.strides[axis]));
    }
  }
  return element;
}

template <class T>
FLEXC_HOOK T load_or_zero(const void* data, const Element& element) {
  return element.is_inside ? static_cast<const T*>(data)[element.offset] : T(0);
}

FLEXC_HOOK float widen_bf16(unsigned short bits) { return float_of(static_cast<u32>(bits) << 16); }
#if defined(__CUDACC__)
FLEXC_HOOK float widen_f16(unsigned short bits) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(bits));
  return r;
}
#else
FLEXC_HOOK float widen_f16(unsigned short bits) {
  const u32 sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, mantissa = bits & 1023u;
  if (exponent == 31) return float_of(sign | 0x7f800000u | mantissa << 13);
  const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-24f : float_of((exponent + 112) << 23 | mantissa << 13);
  return float_of(sign | bits_of(magnitude));
}
#endif

template <int kRank, class... I>
FLEXC_HOOK float gather_f32(const Capture<kRank>& c, I... i) { return load_or_zero<float>(c.data, element_of(c, i...)); }
template <int kRank, class... I>
FLEXC_HOOK float gather_f16(const Capture<kRank>& c, I... i) { return widen_f16(load_or_zero<unsigned short>(c.data, element_of(c, i...))); }
template <int kRank, class... I>
FLEXC_HOOK float gather_bf16(const Capture<kRank>& c, I... i) { return widen_bf16(load_or_zero<unsigned short>(c.data, element_of(c, i...))); }
template <int kRank, class... I>
FLEXC_HOOK i64 gather_i64(const Capture<kRank>& c, I... i) { return load_or_zero<i64>(c.data, element_of(c, i...)); }
template <int kRank, class... I>
FLEXC_HOOK i32 gather_i32(const Capture<kRank>& c, I... i) { return load_or_zero<i32>(c.data, element_of(c, i...)); }
template <int kRank, class... I>
FLEXC_HOOK i32 gather_u8(const Capture<kRank>& c, I... i) { return load_or_zero<unsigned char>(c.data, element_of(c, i...)); }
template <int kRank, class... I>
FLEXC_HOOK bool gather_bool(const Capture<kRank>& c, I... i) { return load_or_zero<unsigned char>(c.data, element_of(c, i...)) != 0; }

}  // namespace flexc::mods
