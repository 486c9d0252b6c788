// 16-bit floating point, in software.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace flexc::model {

constexpr float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

constexpr float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f80'0000 | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

// To nearest, ties to even; overflow gives infinity, NaN the canonical one of the conversion instructions.
constexpr uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fff'ffff) > 0x7f80'0000) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

constexpr uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7fff'ffff;
  if (magnitude > 0x7f80'0000) return 0x7fff;
  if (magnitude >= 0x4780'0000) return sign | 0x7c00;  // 65536 and more
  if (magnitude < 0x3300'0000) return sign;            // below half of the least subnormal
  uint32_t mantissa = (magnitude & 0x7f'ffff) | 0x80'0000;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  // Normal numbers keep 10 bits behind the point; subnormals have a fixed point at 2^-24.
  const int dropped = exponent >= -14 ? 13 : -exponent - 1;
  const uint32_t kept = mantissa >> dropped, rest = mantissa & ((1u << dropped) - 1), half = 1u << (dropped - 1);
  uint32_t rounded = kept + (rest > half || (rest == half && (kept & 1)) ? 1 : 0);
  if (exponent >= -14) rounded += static_cast<uint32_t>(exponent + 14) << 10;  // the implicit bit adds the last 1
  return static_cast<uint16_t>(sign | rounded);
}

}  // namespace flexc::model
