#include "tensor_map.h"

namespace flexc::model {

std::string broken_rule(const TensorMap& map) {
  if (map.magic != TensorMap::kMagic) return "these bytes are no tensor map";
  if (map.rank < 1 || map.rank > TensorMap::kMostDimensions) return "rank is 1 to 5";
  if (map.element_bytes != 2 && map.element_bytes != 4) return "elements are 2 or 4 bytes";
  if (map.address % 16 != 0) return "the tensor begins at a multiple of 16 bytes";
  for (int d = 0; d < map.rank; ++d) {
    if (map.sizes[d] == 0) return "sizes are at least 1";
    if (map.box[d] == 0 || map.box[d] > 256) return "a box has 1 to 256 elements in each dimension";
    if (d > 0 && (map.strides[d - 1] % 16 != 0 || map.strides[d - 1] >= uint64_t{1} << 40)) return "strides are multiples of 16 bytes below 2^40";
  }
  const uint32_t inner = map.box[0] * map.element_bytes;
  if (inner % 16 != 0) return "a box's rows are multiples of 16 bytes";
  if (map.swizzle != Swizzle::None && inner > swizzle_bytes(map.swizzle)) return "a box's rows are at most as wide as the swizzle";
  return {};
}

}  // namespace flexc::model
