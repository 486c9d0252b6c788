// The host's part of a forward launch on the model: tensor maps, the order of the work, and the kernel's arguments (templates/hopper/launch.h).
#pragma once
#include <cstdint>
#include <string>

#include "templates/hopper/launch.h"

namespace flexc::model {

// A [batch, heads, length, dim] tensor of 2-byte elements whose last stride is 1; strides in elements.
struct ForwardTensor {
  void* data = nullptr;
  int64_t row_stride = 0, head_stride = 0, batch_stride = 0;
};

struct ForwardShape {
  int batch = 1, heads = 1, kv_heads = 1, q_len = 0, kv_len = 0;
  int head_dim = 0, value_dim = 0;
  bool k_batched = true, v_batched = true;  // false: its only batch is shared
  uint32_t tile_m = 128, tile_n = 128;
};

// Makes the arguments; those that concern positions, scale, lse, workspace are the caller's to fill. `longest_last`: items run downwards in a head.
flexc_hopper_arguments plan_forward(const ForwardShape& shape, const ForwardTensor& q, const ForwardTensor& k, const ForwardTensor& v,
                                    const ForwardTensor& out, bool descending, uint32_t group_heads);

// Division by `value` as launch.h wants it.
flexc_divisor divisor_of(uint32_t value);

}  // namespace flexc::model
