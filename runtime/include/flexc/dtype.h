// Element types of tensors, and the conversions to and from the 16-bit floats.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace flexc {

enum class DType : std::uint8_t { F32, F16, BF16, I32, I64, U8, Bool, F64 };

inline constexpr DType f32 = DType::F32;
inline constexpr DType f16 = DType::F16;
inline constexpr DType bf16 = DType::BF16;
inline constexpr DType i32 = DType::I32;
inline constexpr DType i64 = DType::I64;
inline constexpr DType u8 = DType::U8;
inline constexpr DType boolean = DType::Bool;
/// Only in files and in oracle outputs: never the type of a kernel or of a capture.
inline constexpr DType f64 = DType::F64;

/// Bytes of one element.
constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::F32: case DType::I32: return 4;
    case DType::F16: case DType::BF16: return 2;
    case DType::I64: case DType::F64: return 8;
    case DType::U8: case DType::Bool: return 1;
  }
  return 0;
}

/// The name as the language spells it: "f32", "bool", …
constexpr std::string_view name_of(DType type) {
  switch (type) {
    case DType::F32: return "f32";
    case DType::F16: return "f16";
    case DType::BF16: return "bf16";
    case DType::I32: return "i32";
    case DType::I64: return "i64";
    case DType::U8: return "u8";
    case DType::Bool: return "bool";
    case DType::F64: return "f64";
  }
  return "?";
}

/// The inverse of name_of; nothing for an unknown name.
constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (DType type : {f32, f16, bf16, i32, i64, u8, boolean, f64})
    if (name == name_of(type)) return type;
  return std::nullopt;
}

constexpr bool is_float(DType type) { return type == f32 || type == f16 || type == bf16 || type == f64; }

/// Exact widening of a bfloat16 given by its bits.
inline float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// Round to nearest even; a NaN stays a (quiet) NaN.
inline std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/// Exact widening of an IEEE binary16 given by its bits.
inline float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu, mantissa = bits & 0x3FFu;
  if (exponent == 0) {  // zero or subnormal: mantissa · 2^-24 is exact in f32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

/// Round to nearest even, with overflow to infinity.
inline std::uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // ≥ 65520 rounds to infinity
  if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 leaves round(|x|·2^24) in the low mantissa bits
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u));
  }
  const std::uint32_t rebased = magnitude - (112u << 23);
  return static_cast<std::uint16_t>(sign | ((rebased + 0xFFFu + ((rebased >> 13) & 1u)) >> 13));
}

/// `value` rounded once to `type` (f32, f16 or bf16), as an f32. f64 → 16 bits rounds once, not twice.
inline float round_to(DType type, double value) {
  if (type == f32) return static_cast<float>(value);
  // Round-to-odd into f32 first, so that the second rounding sees the sticky bit.
  float narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value && !std::isnan(value) && !std::isinf(narrow)) {
    auto bits = std::bit_cast<std::uint32_t>(narrow);
    if ((bits & 1u) == 0) {
      const bool too_far = std::fabs(static_cast<double>(narrow)) > std::fabs(value);
      bits = too_far ? bits - 1 : bits + 1;
      narrow = std::bit_cast<float>(bits);
    }
  }
  return type == f16 ? f16_to_float(float_to_f16(narrow)) : bf16_to_float(float_to_bf16(narrow));
}

}  // namespace flexc
