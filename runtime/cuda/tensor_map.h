// Tensor maps (CUtensorMap) for TMA: the driver's encoder where there is a driver, and the rules that it documents, checked everywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flexc/error.h"

namespace flexc::runtime {

/// What cuTensorMapEncodeTiled takes. Enumerators have the driver's values.
struct TensorMapRequest {
  enum class Element : int { U8 = 0, U16 = 1, U32 = 2, I32 = 3, U64 = 4, I64 = 5, F16 = 6, F32 = 7, F64 = 8, Bf16 = 9 };
  enum class Interleave : int { None = 0, Bytes16 = 1, Bytes32 = 2 };
  enum class Swizzle : int { None = 0, Bytes32 = 1, Bytes64 = 2, Bytes128 = 3 };
  enum class Promotion : int { None = 0, Bytes64 = 1, Bytes128 = 2, Bytes256 = 3 };
  enum class Fill : int { Zero = 0, Nan = 1 };
  static constexpr std::uint32_t kMostDimensions = 5;

  Element element = Element::Bf16;
  std::uint32_t rank = 0;
  std::uint64_t address = 0;                                     ///< in the GPU's memory
  std::array<std::uint64_t, kMostDimensions> sizes{};            ///< elements, innermost first
  std::array<std::uint64_t, kMostDimensions - 1> strides{};      ///< bytes, of dimension 1 and up; dimension 0 is dense
  std::array<std::uint32_t, kMostDimensions> box{};              ///< elements
  std::array<std::uint32_t, kMostDimensions> element_strides{1, 1, 1, 1, 1};
  Interleave interleave = Interleave::None;
  Swizzle swizzle = Swizzle::None;
  Promotion promotion = Promotion::Bytes128;
  Fill fill = Fill::Zero;
};

struct alignas(64) TensorMap {
  std::array<std::byte, 128> bytes{};
};

/// Internal, naming the rule and the value, where the request breaks what the driver's documentation requires.
Result<void> check_tensor_map(const TensorMapRequest& request);

/// Checks, then encodes with the driver of this machine. Environment where there is no driver.
Result<TensorMap> encode_tensor_map(const TensorMapRequest& request);

}  // namespace flexc::runtime
