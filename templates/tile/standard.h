// What range arithmetic uses of the standard library. NVRTC has no headers, so that a GPU gets the few functions here, with the meaning that the library
// gives them (the order of comparisons counts: NaN). Elementary functions of doubles may differ in the last place from the host's; their callers widen.
#pragma once

#if !defined(__CUDACC_RTC__)
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace flexc::tile {
template <class T> bool add_overflows(T a, T b, T* sum) { return __builtin_add_overflow(a, b, sum); }
template <class T> bool subtract_overflows(T a, T b, T* difference) { return __builtin_sub_overflow(a, b, difference); }
template <class T> bool multiply_overflows(T a, T b, T* product) { return __builtin_mul_overflow(a, b, product); }
}  // namespace flexc::tile
#else

namespace std {

using int32_t = int;
using uint32_t = unsigned int;
using int64_t = long long;
using uint64_t = unsigned long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using size_t = decltype(sizeof(0));

template <class T> constexpr const T& min(const T& a, const T& b) { return b < a ? b : a; }
template <class T> constexpr const T& max(const T& a, const T& b) { return a < b ? b : a; }
template <class T> constexpr const T& clamp(const T& a, const T& lo, const T& hi) { return a < lo ? lo : hi < a ? hi : a; }

template <class T> struct numeric_limits;
template <> struct numeric_limits<long long> {
  static constexpr long long min() { return -0x7fffffffffffffffll - 1; }
  static constexpr long long max() { return 0x7fffffffffffffffll; }
};
template <> struct numeric_limits<int> {
  static constexpr int min() { return -0x7fffffff - 1; }
  static constexpr int max() { return 0x7fffffff; }
};
template <> struct numeric_limits<float> {
  static constexpr float infinity() { return __builtin_bit_cast(float, 0x7f800000); }
};

template <class To, class From>
To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
inline int countl_zero(uint64_t a) { return __clzll(static_cast<long long>(a)); }
inline int countr_zero(uint64_t a) { return a == 0 ? 64 : __ffsll(static_cast<long long>(a)) - 1; }
inline int countr_one(uint64_t a) { return countr_zero(~a); }
inline int bit_width(uint64_t a) { return 64 - countl_zero(a); }
inline bool has_single_bit(uint64_t a) { return a != 0 && (a & (a - 1)) == 0; }

inline bool isnan(float a) { return a != a; }
inline bool isinf(float a) { return a == numeric_limits<float>::infinity() || a == -numeric_limits<float>::infinity(); }
inline float fabs(float a) { return ::fabsf(a); }
inline double fabs(double a) { return ::fabs(a); }
inline float floor(float a) { return ::floorf(a); }
inline float ceil(float a) { return ::ceilf(a); }
inline float sqrt(float a) { return __fsqrt_rn(a); }
inline float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
inline float fmod(float a, float b) { return ::fmodf(a, b); }
inline float copysign(float a, float b) { return ::copysignf(a, b); }
inline float nextafter(float a, float b) { return ::nextafterf(a, b); }
inline double exp(double a) { return ::exp(a); }
inline double exp2(double a) { return ::exp2(a); }
inline double expm1(double a) { return ::expm1(a); }
inline double log(double a) { return ::log(a); }
inline double log2(double a) { return ::log2(a); }
inline double log1p(double a) { return ::log1p(a); }
inline double tanh(double a) { return ::tanh(a); }
inline double erf(double a) { return ::erf(a); }

}  // namespace std

namespace flexc::tile {

inline bool add_overflows(long long a, long long b, long long* sum) {
  *sum = static_cast<long long>(static_cast<unsigned long long>(a) + static_cast<unsigned long long>(b));
  return ((a ^ *sum) & (b ^ *sum)) < 0;
}
inline bool subtract_overflows(long long a, long long b, long long* difference) {
  *difference = static_cast<long long>(static_cast<unsigned long long>(a) - static_cast<unsigned long long>(b));
  return ((a ^ b) & (a ^ *difference)) < 0;
}
inline bool multiply_overflows(long long a, long long b, long long* product) {
  *product = static_cast<long long>(static_cast<unsigned long long>(a) * static_cast<unsigned long long>(b));
  return __mul64hi(a, b) != *product >> 63;
}

}  // namespace flexc::tile
#endif
