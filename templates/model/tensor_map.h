// A tensor map as the model decodes it: what cuTensorMapEncodeTiled is given, kept in the 128 bytes that a CUtensorMap has.
#pragma once
#include <cstdint>
#include <string>

#include "layouts.h"

namespace flexc::model {

struct alignas(64) TensorMap {
  static constexpr uint32_t kMagic = 0x466d'6170;  // so that bytes which are no map are noticed
  static constexpr int kMostDimensions = 5;

  uint32_t magic = kMagic;
  uint8_t rank = 0, element_bytes = 2;
  Swizzle swizzle = Swizzle::None;
  uint8_t unused = 0;
  uint64_t address = 0;
  uint64_t strides[kMostDimensions - 1] = {};  // bytes, of dimension 1 and up; dimension 0 is dense
  uint32_t sizes[kMostDimensions] = {};        // elements, innermost first
  uint32_t box[kMostDimensions] = {};

  uint32_t box_bytes() const {
    uint32_t bytes = element_bytes;
    for (int d = 0; d < rank; ++d) bytes *= box[d];
    return bytes;
  }
};
static_assert(sizeof(TensorMap) == 128);

// Empty, or the rule of the driver's documentation that the map breaks.
std::string broken_rule(const TensorMap&);

}  // namespace flexc::model
