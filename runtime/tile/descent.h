// The hierarchical descent over the tiles of a panel of rows, and the items that all ways of classifying produce.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "runtime/tile/verdicts.h"

namespace flexc::tile {

/// `count` tiles of one row from `first` on. Open tiles are settled at the end: `tile` is their number then.
struct Item {
  std::uint32_t row, first, count;
  TileKind kind;
  bool open = false;
  std::uint32_t tile = 0;
};

/// Tiles as positions.
class Tiles {
 public:
  explicit Tiles(const BlockMask& shape)
      : shape_(shape), shift_(std::has_single_bit(static_cast<Word>(shape.block_kv)) ? std::countr_zero(static_cast<Word>(shape.block_kv)) : -1) {}
  Int rows() const { return shape_.q_blocks(); }
  Int columns() const { return shape_.kv_blocks(); }
  /// Tiles [r0, r1) × [c0, c1), cut at the end of the sequence.
  Region region(Int r0, Int r1, Int c0, Int c1) const {
    const Int q1 = sabotaged(Sabotage::EdgeTileUncut) ? std::max<Int>(r1 * shape_.block_q - shape_.block_q / 2, r0 * shape_.block_q + 1) : r1 * shape_.block_q;
    return {shape_.q_offset + r0 * shape_.block_q, shape_.q_offset + std::min(q1, shape_.q_len), shape_.kv_offset + c0 * shape_.block_kv,
            shape_.kv_offset + std::min(c1 * shape_.block_kv, shape_.kv_len)};
  }
  Region whole() const { return region(0, rows(), 0, columns()); }
  Int column_of(Int k) const { return shift_ >= 0 ? (k - shape_.kv_offset) >> shift_ : (k - shape_.kv_offset) / shape_.block_kv; }
  const BlockMask& shape() const { return shape_; }

 private:
  const BlockMask& shape_;
  int shift_;  ///< of a block that is a power of two, else -1
};

/// Appends the items of tiles [r0, r1) × [c0, c1), in no order; open tiles go to `open`. At most `budget` evaluations; what is left
/// then is partial. Returns whether the budget was enough. The first rectangles are `height` rows high, or all where it is 0. A
/// machine is asked about as many regions at once as it has lanes: with many, that is a level of the descent at once.
template <class Machine>
bool descend(const Tiles& tiles, Int r0, Int r1, Int c0, Int c1, Machine& machine, Int budget, Effort& effort, std::vector<Item>& items, std::vector<OpenTile>& open, Int height = 0);

}  // namespace flexc::tile
