#include "forward_plan.h"

#include <bit>
#include <cstring>

#include "tensor_map.h"

namespace flexc::model {
namespace {

constexpr uint32_t kPanelColumns = 64, kWarpgroupRows = 64;

// Where there is no row at all, a map must still describe one.
alignas(16) unsigned char nothing[512];

flexc_tensor_map encode(const ForwardTensor& tensor, int dim, int length, int heads, int batch, uint32_t box_rows) {
  TensorMap map;
  map.rank = 4;
  map.element_bytes = 2;
  map.swizzle = Swizzle::B128;
  const bool empty = length == 0 || tensor.data == nullptr;
  map.address = reinterpret_cast<uint64_t>(empty ? nothing : tensor.data);
  const uint32_t sizes[] = {static_cast<uint32_t>(dim), empty ? 1 : static_cast<uint32_t>(length), empty ? 1 : static_cast<uint32_t>(heads),
                            empty ? 1 : static_cast<uint32_t>(batch)};
  const int64_t strides[] = {tensor.row_stride, tensor.head_stride, tensor.batch_stride};
  const uint32_t box[] = {kPanelColumns, box_rows, 1, 1};
  for (int d = 0; d < 4; ++d) map.sizes[d] = sizes[d], map.box[d] = box[d];
  for (int d = 0; d < 3; ++d) map.strides[d] = empty ? 16 : static_cast<uint64_t>(strides[d]) * 2;
  flexc_tensor_map bytes;
  static_assert(sizeof(bytes) == sizeof(map));
  std::memcpy(&bytes, &map, sizeof(map));
  return bytes;
}

}  // namespace

flexc_divisor divisor_of(uint32_t value) {
  const unsigned shift = 31 + (value <= 1 ? 0 : std::bit_width(value - 1));
  return {value, static_cast<unsigned>(((uint64_t{1} << shift) + value - 1) / value), shift};
}

flexc_hopper_arguments plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v,
                                    const ForwardTensor& out, bool descending, uint32_t group_heads) {
  flexc_hopper_arguments a{};
  a.q_map = encode(q, shape.head_dim, shape.q_len, shape.heads, shape.batch, shape.tile_m);
  a.k_map = encode(k, shape.head_dim, shape.kv_len, shape.kv_heads, shape.k_batched ? shape.batch : 1, shape.tile_n);
  a.v_map = encode(v, shape.value_dim, shape.kv_len, shape.kv_heads, shape.v_batched ? shape.batch : 1, shape.tile_n);
  a.out_map = encode(out, shape.value_dim, shape.q_len, shape.heads, shape.batch, kWarpgroupRows);
  a.q_len = shape.q_len;
  a.kv_len = shape.kv_len;
  a.batch = shape.batch;
  a.heads = shape.heads;
  a.k_batched = shape.k_batched;
  a.v_batched = shape.v_batched;
  const auto pairs = static_cast<uint32_t>(shape.batch) * static_cast<uint32_t>(shape.heads);
  if (group_heads == 0 || group_heads > pairs) group_heads = pairs;
  a.q_blocks = (static_cast<uint32_t>(shape.q_len) + shape.tile_m - 1) / shape.tile_m;
  a.items = pairs * a.q_blocks;
  a.group_heads = group_heads;
  a.descending = descending;
  a.divide_by_group_items = divisor_of(group_heads * a.q_blocks);
  a.divide_by_group_heads = divisor_of(group_heads);
  a.divide_by_last_heads = divisor_of(pairs % group_heads != 0 ? pairs % group_heads : group_heads);
  a.divide_by_heads = divisor_of(static_cast<uint32_t>(shape.heads));
  a.divide_by_heads_per_kv = divisor_of(static_cast<uint32_t>(shape.heads / shape.kv_heads));
  const auto single = [](const ForwardTensor& tensor, bool batched, long long(&strides)[3]) {
    strides[0] = tensor.row_stride;
    strides[1] = tensor.head_stride;
    strides[2] = batched ? tensor.batch_stride : 0;
    return tensor.data;
  };
  a.q = single(q, true, a.q_strides);
  a.k = single(k, shape.k_batched, a.k_strides);
  a.v = single(v, shape.v_batched, a.v_strides);
  a.out = single(out, true, a.out_strides);
  return a;
}

}  // namespace flexc::model
