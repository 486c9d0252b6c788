// Why proof left a tile undecided that holds one value only: the first operation, from the result down, whose range is wider than its
// values in the tile are, while its operands' ranges are not.
#pragma once

#include "runtime/tile/classify.h"

namespace flexc::tile {

/// One operation, and the tiles that it left undecided.
struct Culprit {
  Register at = 0;
  Int tiles = 0;        ///< of those that were looked at
  Region example;       ///< one of them: its positions, from the first to behind the last
  bool in_rows = false; ///< the operation decides each tile alone, but not for its whole block of rows at once
};

struct UndecidedTiles {
  Int tiles = 0;     ///< called partial, and not truly so
  Int examined = 0;  ///< how many of them were looked at
  std::vector<Culprit> culprits;  ///< the most tiles first
};

/// `found` is a mask of the program and launch, `exact` the same with Refine::Exact. At most `most` tiles are looked at, spread over all.
UndecidedTiles undecided_tiles(const Program& program, const Launch& launch, const BlockMask& found, const BlockMask& exact, Int most = 64);

}  // namespace flexc::tile
