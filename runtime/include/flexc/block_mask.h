// BlockMask: which tiles of an attention call are empty, partial or full, as runs a row (CSR).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "flexc/positions.h"

namespace flexc {

enum class TileKind : std::uint8_t { Empty = 0, Partial = 1, Full = 2 };

/// `count` kv-blocks from `first` on, all of one kind (Partial or Full; empty tiles are in no run).
struct TileRun {
  std::uint32_t first = 0, count = 0;
  TileKind kind = TileKind::Partial;
  bool operator==(const TileRun&) const = default;
};

/// Block sparsity of a call. Rows are (b, h, q-block); a dimension that the mask ignores is stored once (batches or heads 1).
/// Tiles at the edge count the pairs that exist: a tile whose existing pairs are all kept is full.
class BlockMask {
 public:
  std::int64_t batches = 1, heads = 1;      ///< stored extents: the call's, or 1
  std::int64_t q_len = 0, kv_len = 0;       ///< pairs covered
  std::int64_t q_offset = 0, kv_offset = 0; ///< position of the first row and column
  std::int64_t q_step = 1, kv_step = 1;     ///< from one row and column to the next, at least 1
  std::int32_t block_q = 128, block_kv = 128;
  std::vector<std::uint64_t> row_begin;     ///< rows() + 1 offsets into runs
  std::vector<TileRun> runs;                ///< sorted by first within a row; neighbours of one kind are merged
  /// What the mask was built from: a hash of the mask_mod and all that it reads. Kernel::block_mask sets it, and a checked run compares
  /// it with its own captures'. Zero: unknown; a checked run then looks at every tile.
  std::array<std::uint64_t, 2> origin = {};

  PositionMap q_positions() const { return {q_offset, q_step}; }
  PositionMap kv_positions() const { return {kv_offset, kv_step}; }
  std::int64_t q_blocks() const { return (q_len + block_q - 1) / block_q; }
  std::int64_t kv_blocks() const { return (kv_len + block_kv - 1) / block_kv; }
  std::int64_t rows() const { return batches * heads * q_blocks(); }

  struct Counts { std::int64_t empty = 0, partial = 0, full = 0; bool operator==(const Counts&) const = default; };
  /// Stored tiles by kind (a uniform dimension counts once).
  Counts counts() const;
  /// Bytes of the CSR form.
  std::size_t bytes() const;
  /// Row-major u8 map [batches, heads, q_blocks, kv_blocks] of TileKind.
  std::vector<std::uint8_t> dense() const;
  /// From such a map; the inverse of dense(). `shape` gives every field but row_begin and runs.
  static BlockMask from_dense(const BlockMask& shape, const std::vector<std::uint8_t>& map);
  /// The same tiles by kv-block: rows of the result are (b, h, kv-block), runs go over q-blocks. For the backward pass.
  BlockMask transposed() const;
};

/// FlexAttention's BlockMask tensors, i32: partial kv_num_blocks [b,h,qb], kv_indices [b,h,qb,kvb], and the full_* pair.
struct FlexAttentionBlocks {
  std::int64_t batches = 0, heads = 0, q_blocks = 0, kv_blocks = 0;
  std::vector<std::int32_t> kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices;
};
FlexAttentionBlocks to_flex_attention(const BlockMask& mask);
/// Nothing in the arrays is trusted: an index out of range or twice in a row is an error text in `*why`, and the result is empty.
bool from_flex_attention(const FlexAttentionBlocks& blocks, const BlockMask& shape, BlockMask* mask, std::string* why);

/// Whether the pair at positions (q_idx, kv_idx) of batch b and head h is kept.
using MaskPredicate = std::function<bool(std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx)>;

/// Classifies every tile by evaluating every pair. `shape` gives every field but row_begin and runs; `kept_pairs` (optional)
/// receives the number of kept pairs. Cost: batches · heads · q_len · kv_len evaluations.
BlockMask brute_force_block_mask(const BlockMask& shape, const MaskPredicate& predicate, std::int64_t* kept_pairs = nullptr);

}  // namespace flexc
