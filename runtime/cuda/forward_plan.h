// The host's part of a forward launch: which tensor maps the kernel needs, the order of the work, and the kernel's arguments (templates/hopper/launch.h).
// Shared by the launch on a GPU, whose driver encodes the maps, and by the host model, which encodes them for itself.
#pragma once
#include <cstdint>

#include "flexc/error.h"
#include "runtime/cuda/hopper_member.h"
#include "runtime/cuda/tensor_map.h"
#include "templates/hopper/combine.h"
#include "templates/hopper/launch.h"

namespace flexc::runtime {

/// A [batch, heads, length, dim] tensor of 2-byte elements whose last stride is 1; strides in elements.
struct ForwardTensor {
  void* data = nullptr;
  std::int64_t row_stride = 0, head_stride = 0, batch_stride = 0;
};

struct ForwardShape {
  int batch = 1, heads = 1, kv_heads = 1, q_len = 0, kv_len = 0;
  int head_dim = 0, value_dim = 0;
  bool k_batched = true, v_batched = true;  ///< false: its only batch is shared
  std::uint32_t tile_m = 128, tile_n = 128;
  std::int64_t split = 1;  ///< parts of the keys that are wanted (splits.h)
  device::Element element = device::Element::kBf16;
};

struct ForwardPlan {
  flexc_hopper_arguments arguments;  ///< the maps are not made yet; positions, scale, lse, workspace and what parts leave are the caller's to fill
  TensorMapRequest q, k, v, out;
};

/// q_len > 0. `descending`: q-blocks run downwards, so that the longest rows of a causal mask come first. `group_heads`: (b, h) pairs a group; 0: all.
ForwardPlan plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v, const ForwardTensor& out, bool descending,
                         std::uint32_t group_heads);

/// How many (b, h) pairs make a group whose keys and values fill at most half of an L2 of that size: whole groups of query heads, at least one.
std::uint32_t heads_of_a_group(const ForwardShape& shape, std::uint64_t l2_bytes);

/// Tiles of query rows: items, where keys are not cut.
inline std::uint32_t row_tiles(const flexc_hopper_arguments& arguments) { return arguments.items / arguments.splits; }
/// What merges the parts that a launch left.
flexc_combine_arguments combine_arguments(const flexc_hopper_arguments& forward, const HopperTile& tile, unsigned value_dim);
/// CTAs of that kernel: one for 16 rows, as far as a grid goes.
std::uint32_t combine_blocks(const flexc_hopper_arguments& arguments);

/// Words of the workspace that the kernel wants zeroed before each launch.
std::uint64_t workspace_words(const flexc_hopper_arguments& arguments);

/// Division by `value` as launch.h wants it.
flexc_divisor divisor_of(std::uint32_t value);

}  // namespace flexc::runtime
