// Polynomials and constants of expand math, written by dsl/math/fit_polynomials.py: coefficients from x^0 upwards.
#pragma once

#include <cstdint>

namespace flexc::dsl::coefficients {

/// (exp(r) - 1 - r) / r^2 for |r| <= 0.3475; the error is that of exp(r) - 1, relative.
/// Weighted error 2^-28.2 (2^-31.9 before rounding to f32).
inline constexpr float kExpTail[] = {0x1p-1f, 0x1.55552ep-3f, 0x1.555504p-5f, 0x1.11518ep-7f, 0x1.6d2b0ep-10f, 0x1.42baa2p-13f};

/// (2^r - 1) / r for |r| <= 0.5; the error is that of 2^r - 1, relative.
/// Weighted error 2^-28.4 (2^-32.0 before rounding to f32).
inline constexpr float kExp2Tail[] = {0x1.62e43p-1f, 0x1.ebfbep-3f, 0x1.c6b044p-5f, 0x1.3b2a66p-7f, 0x1.5de964p-10f, 0x1.4403fcp-13f, 0x1.7f46bcp-17f};

/// (log(1 + f) - f) / f^2 for 1 + f in [sqrt(1/2), sqrt(2)]; the error is relative to log(1 + f).
/// Weighted error 2^-30.1 (2^-30.4 before rounding to f32).
inline constexpr float kLogTail[] = {-0x1p-1f, 0x1.555544p-2f, -0x1.ffffep-3f, 0x1.99a626p-3f, -0x1.55664ep-3f, 0x1.2327ccp-3f, -0x1.fadc94p-4f, 0x1.e67266p-4f, -0x1.e49ccap-4f, 0x1.1ca036p-4f};

/// (atanh(s)/s - 1 - u/3) / u^2 for u = s^2, s <= 0.1716; the error is relative to atanh(s).
/// Weighted error 2^-43.7 (2^-44.3 before rounding to f32).
inline constexpr float kAtanhTail[] = {0x1.999998p-3f, 0x1.2493b6p-3f, 0x1.c63da8p-4f, 0x1.9083fep-4f};

/// (sin(r) - r) / r^3 in u = r^2, |r| <= pi/4; relative to sin(r).
/// Weighted error 2^-32.6 (2^-37.6 before rounding to f32).
inline constexpr float kSinTail[] = {-0x1.555556p-3f, 0x1.111176p-7f, -0x1.a05bbcp-13f, 0x1.7cd93ap-19f};

/// (cos(r) - 1 + u/2) / u^2 in u = r^2, |r| <= pi/4; absolute.
/// Weighted error 2^-37.2 (2^-43.2 before rounding to f32).
inline constexpr float kCosTail[] = {0x1.555556p-5f, -0x1.6c1762p-10f, 0x1.a075eap-16f, -0x1.372526p-22f};

/// (tan(r) - r) / r^3 in u = r^2, |r| <= pi/4; relative to tan(r).
/// Weighted error 2^-32.9 (2^-33.4 before rounding to f32).
inline constexpr float kTanTail[] = {0x1.555554p-2f, 0x1.111198p-3f, 0x1.b9f78ap-5f, 0x1.689eb8p-6f, 0x1.0dc6fcp-7f, 0x1.549ca6p-8f, -0x1.ab30d8p-11f, 0x1.17e9bp-9f};

/// (exp(2r) - 1 - 2r) / (2 r^2) for -0.0869 <= r <= 0.2602; the error is that of exp(2r) - 1, relative.
/// Weighted error 2^-30.1 (2^-31.8 before rounding to f32).
inline constexpr float kTanhTail[] = {0x1p+0f, 0x1.55555ep-1f, 0x1.555582p-2f, 0x1.11013cp-3f, 0x1.6bac6cp-5f, 0x1.ce9ebep-7f};

/// tanh(x) / x for |x| <= 8, as a quotient of two polynomials of x^2.
/// Relative error 2^-27.0 (2^-27.2 before rounding to f32).
inline constexpr float kLooseTanhNumerator[] = {0x1p+0f, 0x1.1363eap-3f, 0x1.d47ce2p-9f, 0x1.700af8p-16f, 0x1.069c38p-26f};
inline constexpr float kLooseTanhDenominator[] = {0x1p+0f, 0x1.df0748p-2f, 0x1.acd8dep-6f, 0x1.6626dcp-12f, 0x1.cacd5ep-21f};

/// erf(x) / x - 1 in u = x^2, |x| <= 0.93; relative to erf(x).
/// Weighted error 2^-30.1 (2^-31.0 before rounding to f32).
inline constexpr float kErfSmall[] = {0x1.06eba8p-3f, -0x1.81274p-2f, 0x1.ce2d64p-4f, -0x1.b8011ap-6f, 0x1.544a1ap-8f, -0x1.a60a2ep-11f, 0x1.4f676p-14f};

/// -log(1 - erf(x)) for 0.92 <= x <= 4; the error is that of erf(x), relative.
/// Weighted error 2^-34.7 (2^-34.8 before rounding to f32).
inline constexpr float kErfLarge[] = {-0x1.50616p-13f, 0x1.212298p+0f, 0x1.445fcep-1f, 0x1.ba6ad2p-4f, -0x1.97e24p-6f, 0x1.09a556p-8f, -0x1.9feebap-12f, 0x1.dfbdc6p-17f, 0x1.1921f6p-21f};

/// ln 2 as a sum of f32.
inline constexpr float kLn2[] = {0x1.62e43p-1f, -0x1.05c61p-29f, -0x1.950d88p-54f};

/// log2(e) as a sum of f32.
inline constexpr float kLog2E[] = {0x1.715476p+0f, 0x1.4ae0cp-26f, -0x1.e8883p-52f};

/// 2 log2(e) as a sum of f32.
inline constexpr float kTwoLog2E[] = {0x1.715476p+1f, 0x1.4ae0cp-25f};

/// 1/3 as a sum of f32.
inline constexpr float kThird[] = {0x1.555556p-2f, -0x1.555556p-27f};

/// pi/2 * 2^-62, the quadrant's fraction as an integer to radians, as a sum of f32.
inline constexpr float kQuarterTurn[] = {0x1.921fb6p-62f, -0x1.777a5cp-87f};

/// Bits of 2/pi, 32 a word, after one word of zeros (for Payne and Hanek's reduction).
inline constexpr std::int64_t kTwoOverPi[] = {0x00000000, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561};

}  // namespace flexc::dsl::coefficients
