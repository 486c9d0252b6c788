// Classification by evaluating every pair: what all faster ways are judged by.
#include <algorithm>

#include "flexc/block_mask.h"

namespace flexc {

BlockMask brute_force_block_mask(const BlockMask& shape, const MaskPredicate& predicate, std::int64_t* kept_pairs) {
  std::vector<std::uint8_t> map;
  map.reserve(static_cast<std::size_t>(shape.rows() * shape.kv_blocks()));
  std::int64_t kept_in_all = 0;
  for (std::int64_t b = 0; b < shape.batches; ++b)
    for (std::int64_t h = 0; h < shape.heads; ++h)
      for (std::int64_t q0 = 0; q0 < shape.q_len; q0 += shape.block_q)
        for (std::int64_t k0 = 0; k0 < shape.kv_len; k0 += shape.block_kv) {
          const std::int64_t q1 = std::min<std::int64_t>(q0 + shape.block_q, shape.q_len), k1 = std::min<std::int64_t>(k0 + shape.block_kv, shape.kv_len);
          std::int64_t kept = 0;
          for (std::int64_t q = q0; q < q1; ++q)
            for (std::int64_t k = k0; k < k1; ++k) kept += predicate(b, h, shape.q_positions().at(q), shape.kv_positions().at(k)) ? 1 : 0;
          const TileKind kind = kept == 0 ? TileKind::Empty : kept == (q1 - q0) * (k1 - k0) ? TileKind::Full : TileKind::Partial;
          map.push_back(static_cast<std::uint8_t>(kind));
          kept_in_all += kept;
        }
  if (kept_pairs != nullptr) *kept_pairs = kept_in_all;
  return BlockMask::from_dense(shape, map);
}

}  // namespace flexc
