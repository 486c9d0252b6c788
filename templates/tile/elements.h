// Elements of captures, as a kernel reads them. The meaning is flexc/tensor.h's load_as_integer and load_as_double.
#pragma once
#include "templates/tile/gathers.h"
#include "templates/tile/verdicts.h"

namespace flexc::tile::summaries {

// Numbers of flexc::DType.
inline constexpr std::uint32_t kF32 = 0, kF16 = 1, kBF16 = 2, kI32 = 3, kI64 = 4, kBool = 6;

inline bool is_float(std::uint32_t dtype) { return dtype <= kBF16; }

inline float widen_f16(std::uint32_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;  // exact
  return sign != 0 ? -small : small;
}

/// Of an integer or boolean capture.
inline Int integer_element(const void* data, std::uint32_t dtype, Int offset) {
  if (dtype == kI32) return static_cast<const std::int32_t*>(data)[offset];
  if (dtype == kI64) return static_cast<const Int*>(data)[offset];
  const std::uint8_t byte = static_cast<const std::uint8_t*>(data)[offset];
  return dtype == kBool ? byte != 0 : byte;
}
inline float real_element(const void* data, std::uint32_t dtype, Int offset) {
  if (dtype == kF32) return static_cast<const float*>(data)[offset];
  const std::uint32_t half = static_cast<const std::uint16_t*>(data)[offset];
  return dtype == kF16 ? widen_f16(half) : std::bit_cast<float>(half << 16);
}

/// The same as ranges; the last argument says which kind.
inline IntRange element_of(const DeviceGather& gather, Int offset, IntRange*) {
  const Int value = integer_element(gather.data, gather.dtype, offset);
  return {value, value};
}
inline FloatRange element_of(const DeviceGather& gather, Int offset, FloatRange*) { return point(real_element(gather.data, gather.dtype, offset)); }

}  // namespace flexc::tile::summaries
