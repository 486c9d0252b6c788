// A block mask as the Hopper kernel reads it: the order of the items, and runs of the kernel's own tiles (templates/hopper/launch.h).
#pragma once

#include <cstdint>
#include <vector>

#include "flexc/block_mask.h"
#include "flexc/error.h"
#include "templates/hopper/launch.h"

namespace flexc::runtime {

/// What a launch copies to where the kernel runs.
struct MaskMetadata {
  std::vector<std::uint32_t> words;  ///< rows, runs, order
  std::uint32_t batch_rows = 0, head_rows = 0;
  std::size_t rows = 0, runs = 0;
  std::uint64_t tiles = 0;  ///< that all items together visit

  /// Lets the arguments point into a copy of `words` at `at`, a multiple of 8.
  void point(flexc_hopper_arguments& arguments, std::uint64_t at) const;
};

/// For tiles of m rows and n columns, whatever the mask's own blocks are: a tile is empty or full where all blocks that it touches are, else it is
/// masked, and so is one that reaches beyond the last key. A row of tiles is cut where
/// the keys are. An item with nothing to visit has one masked tile, so that its rows are written. `arguments` are a
/// plan's for a call that the mask fits (check_arguments): they say which item has which number. Input where the mask's runs are damaged.
Result<MaskMetadata> mask_metadata(const BlockMask& mask, const flexc_hopper_arguments& arguments, std::uint32_t m, std::uint32_t n);

/// At least as many words as mask_metadata makes of the mask for `items` items in at most `splits` parts of the keys, whatever the tile of at least `least_m` rows.
std::uint64_t most_mask_words(const BlockMask& mask, std::uint64_t items, std::uint32_t least_m, std::uint64_t splits);

}  // namespace flexc::runtime
