#include "forward_plan.h"

#include <cstring>

#include "tensor_map.h"

namespace flexc::model {

flexc_tensor_map encode_map(const runtime::TensorMapRequest& request) {
  using Swizzles = runtime::TensorMapRequest::Swizzle;
  TensorMap map;
  map.rank = static_cast<uint8_t>(request.rank);
  map.element_bytes = 2;
  switch (request.swizzle) {
    case Swizzles::None: map.swizzle = Swizzle::None; break;
    case Swizzles::Bytes32: map.swizzle = Swizzle::B32; break;
    case Swizzles::Bytes64: map.swizzle = Swizzle::B64; break;
    case Swizzles::Bytes128: map.swizzle = Swizzle::B128; break;
  }
  map.address = request.address;
  for (uint32_t d = 0; d < request.rank; ++d) map.sizes[d] = static_cast<uint32_t>(request.sizes[d]), map.box[d] = request.box[d];
  for (uint32_t d = 0; d + 1 < request.rank; ++d) map.strides[d] = request.strides[d];
  flexc_tensor_map bytes;
  static_assert(sizeof(bytes) == sizeof(map));
  std::memcpy(&bytes, &map, sizeof(map));
  return bytes;
}

void encode_maps(runtime::ForwardPlan& plan) {
  plan.arguments.q_map = encode_map(plan.q), plan.arguments.k_map = encode_map(plan.k);
  plan.arguments.v_map = encode_map(plan.v), plan.arguments.out_map = encode_map(plan.out);
}

flexc_hopper_arguments plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v, const ForwardTensor& out,
                                    bool descending, uint32_t group_heads) {
  auto plan = runtime::plan_forward(shape, q, k, v, out, descending, group_heads);
  encode_maps(plan);
  return plan.arguments;
}

}  // namespace flexc::model
