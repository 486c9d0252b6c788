// Masks to draw.
#pragma once

#include "flexc/block_mask.h"

namespace flexc::test {

inline BlockMask mask_of(std::int64_t q_len, std::int64_t kv_len, std::int32_t block, const MaskPredicate& predicate, std::int64_t batches = 1, std::int64_t heads = 1, std::int64_t q_offset = 0) {
  BlockMask shape;
  shape.batches = batches;
  shape.heads = heads;
  shape.q_len = q_len;
  shape.kv_len = kv_len;
  shape.q_offset = q_offset;
  shape.block_q = shape.block_kv = block;
  return brute_force_block_mask(shape, predicate);
}

inline bool causal(std::int64_t, std::int64_t, std::int64_t q, std::int64_t kv) { return q >= kv; }
inline bool everything(std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return true; }
inline bool window_with_sinks(std::int64_t b, std::int64_t h, std::int64_t q, std::int64_t kv) { return q >= kv && (q - kv < 90 * (h + 1) + 40 * b || kv < 24); }

}  // namespace flexc::test
