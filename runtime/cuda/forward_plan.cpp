#include "runtime/cuda/forward_plan.h"

#include <algorithm>
#include <bit>

#include "runtime/cuda/splits.h"

namespace flexc::runtime {
namespace {

constexpr std::uint64_t kElementBytes = 2;
constexpr int kRank = 4;

/// launch.h has the form of the maps. Where there is no row at all, a map must still describe something: the first bytes of `something`.
TensorMapRequest map_of(const ForwardTensor& tensor, device::Element element, int dim, int length, int heads, int batch, std::uint32_t box_rows, const void* something) {
  constexpr std::uint64_t kSomeColumns = 8, kSomeStride = 16;
  const bool empty = length == 0 || tensor.data == nullptr;
  TensorMapRequest map;
  map.element = element == device::Element::kBf16 ? TensorMapRequest::Element::Bf16 : TensorMapRequest::Element::F16;
  map.rank = kRank;
  map.swizzle = TensorMapRequest::Swizzle::Bytes128;
  map.address = reinterpret_cast<std::uint64_t>(empty ? something : tensor.data);
  if (empty) {
    map.sizes = {kSomeColumns, 1, 1, 1};
    map.strides = {kSomeStride, kSomeStride, kSomeStride};
  } else {
    const auto size = [](int extent) { return static_cast<std::uint64_t>(extent); };
    map.sizes = {size(dim), size(length), size(heads), size(batch)};
    // A dimension of one element is never stepped along; its stride may be anything, but the driver wants a multiple of 16.
    const auto stride = [](std::int64_t elements, int extent) { return extent <= 1 ? kSomeStride : static_cast<std::uint64_t>(elements) * kElementBytes; };
    map.strides = {stride(tensor.row_stride, length), stride(tensor.head_stride, heads), stride(tensor.batch_stride, batch)};
  }
  map.box = {device::kPanelColumns, box_rows, 1, 1};
  return map;
}

}  // namespace

flexc_divisor divisor_of(std::uint32_t value) {
  const unsigned shift = 31 + (value <= 1 ? 0 : static_cast<unsigned>(std::bit_width(value - 1)));
  return {value, static_cast<unsigned>(((std::uint64_t{1} << shift) + value - 1) / value), shift};
}

ForwardPlan plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v, const ForwardTensor& out, bool descending,
                         std::uint32_t group_heads) {
  ForwardPlan plan{};
  const int k_batches = shape.k_batched ? shape.batch : 1, v_batches = shape.v_batched ? shape.batch : 1;
  plan.q = map_of(q, shape.element, shape.head_dim, shape.q_len, shape.heads, shape.batch, shape.tile_m, q.data);
  plan.k = map_of(k, shape.element, shape.head_dim, shape.kv_len, shape.kv_heads, k_batches, shape.tile_n, q.data);
  plan.v = map_of(v, shape.element, shape.value_dim, shape.kv_len, shape.kv_heads, v_batches, shape.tile_n, q.data);
  plan.out = map_of(out, shape.element, shape.value_dim, shape.q_len, shape.heads, shape.batch, device::kWarpgroupRows, out.data);

  flexc_hopper_arguments& a = plan.arguments;
  a.q_len = shape.q_len, a.kv_len = shape.kv_len;
  a.batch = shape.batch, a.heads = shape.heads;
  a.k_batched = shape.k_batched, a.v_batched = shape.v_batched;
  const auto pairs = static_cast<std::uint32_t>(shape.batch) * static_cast<std::uint32_t>(shape.heads);
  if (group_heads == 0 || group_heads > pairs) group_heads = pairs;
  a.q_blocks = (static_cast<std::uint32_t>(shape.q_len) + shape.tile_m - 1) / shape.tile_m;
  const KeyParts parts = cut_keys(shape.kv_len, shape.tile_n, shape.split);
  a.splits = parts.parts, a.split_tiles = parts.tiles;
  a.divide_by_splits = divisor_of(a.splits);
  a.partial_warps = (std::min(static_cast<std::uint32_t>(shape.q_len), shape.tile_m) + kFlexcWarpRows - 1) / kFlexcWarpRows;
  a.items = pairs * a.q_blocks * a.splits;
  a.group_heads = group_heads;
  a.descending = descending;
  a.divide_by_group_items = divisor_of(group_heads * a.q_blocks);
  a.divide_by_group_heads = divisor_of(group_heads);
  a.divide_by_last_heads = divisor_of(pairs % group_heads != 0 ? pairs % group_heads : group_heads);
  a.divide_by_heads = divisor_of(static_cast<std::uint32_t>(shape.heads));
  a.divide_by_heads_per_kv = divisor_of(static_cast<std::uint32_t>(shape.heads / shape.kv_heads));
  const auto single = [](const ForwardTensor& tensor, bool batched, long long(&strides)[3]) {
    strides[0] = tensor.row_stride, strides[1] = tensor.head_stride, strides[2] = batched ? tensor.batch_stride : 0;
    return tensor.data;
  };
  a.q = single(q, true, a.q_strides);
  a.k = single(k, shape.k_batched, a.k_strides);
  a.v = single(v, shape.v_batched, a.v_strides);
  a.out = single(out, true, a.out_strides);
  a.head_dim = shape.head_dim, a.value_dim = shape.value_dim;
  a.item_rows = static_cast<int>(shape.tile_m);
  return plan;
}

std::uint32_t heads_of_a_group(const ForwardShape& shape, std::uint64_t l2_bytes) {
  const auto pairs = static_cast<std::uint64_t>(shape.batch) * static_cast<std::uint64_t>(shape.heads);
  const auto heads_per_kv = static_cast<std::uint64_t>(shape.heads / shape.kv_heads);
  const std::uint64_t kv_head_bytes = static_cast<std::uint64_t>(shape.kv_len) * static_cast<std::uint64_t>(shape.head_dim + shape.value_dim) * kElementBytes;
  if (kv_head_bytes == 0) return static_cast<std::uint32_t>(pairs);
  const std::uint64_t kv_heads = std::max<std::uint64_t>(1, l2_bytes / 2 / kv_head_bytes);
  return static_cast<std::uint32_t>(std::min(pairs, kv_heads * heads_per_kv));
}

flexc_combine_arguments combine_arguments(const flexc_hopper_arguments& forward, const HopperTile& tile, unsigned value_dim) {
  return {forward, row_tiles(forward), tile.m, tile.dv, value_dim, tile.element == device::Element::kF16};
}

std::uint32_t combine_blocks(const flexc_hopper_arguments& arguments) {
  constexpr std::uint64_t kMostBlocks = 1u << 20;  // each goes on to further rows
  return static_cast<std::uint32_t>(std::min(std::uint64_t{row_tiles(arguments)} * arguments.partial_warps, kMostBlocks));
}

std::uint64_t workspace_words(const flexc_hopper_arguments& arguments) { return std::uint64_t{kFlexcWorkspaceHeader} + row_tiles(arguments); }

}  // namespace flexc::runtime
