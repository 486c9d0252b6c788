// Copies a [batch, heads, rows, columns] tensor of 2-byte elements between two places with strides of their own. A warp copies a row. One text for all
// variants; it runs on the host model too.
#pragma once
#include "templates/hopper/copy.h"
#include "templates/hopper/primitives.cuh"

namespace flexc::device {

inline constexpr u32 kCopyThreads = 128;  // of a CTA

FLEXC_DEVICE void copy_rows(const flexc_copy_arguments& work) {
  const u64 rows = static_cast<u64>(work.rows) * work.heads * work.batches, step = static_cast<u64>(block_count()) * (kCopyThreads / 32);
  FLEXC_NO_UNROLL
  for (u64 n = static_cast<u64>(block_index()) * (kCopyThreads / 32) + thread_index() / 32; n < rows; n += step) {
    const u64 plane = n / work.rows;
    const i64 row = static_cast<i64>(n - plane * work.rows), head = static_cast<i64>(plane % work.heads), batch = static_cast<i64>(plane / work.heads);
    const unsigned short* const from = static_cast<const unsigned short*>(work.from) + row * work.from_strides[0] + head * work.from_strides[1] + batch * work.from_strides[2];
    unsigned short* const to = static_cast<unsigned short*>(work.to) + row * work.to_strides[0] + head * work.to_strides[1] + batch * work.to_strides[2];
    for (u32 column = lane_index(); column < work.columns; column += 32) to[column] = from[column];
  }
}

}  // namespace flexc::device

FLEXC_KERNEL(flexc::device::kCopyThreads) flexc_copy_tensor(FLEXC_ARGUMENT flexc_copy_arguments arguments) { flexc::device::copy_rows(arguments); }
