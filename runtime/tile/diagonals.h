// Masks that depend on q_idx − kv_idx alone: all tiles of one diagonal are the same, so one of them is looked at.
#pragma once

#include "runtime/tile/descent.h"

namespace flexc::tile {

/// Whether the plane's program reads positions only as their difference.
bool is_diagonal(const Plane& plane);

/// Items of all tiles of a plane with square blocks, as descend gives them. Open tiles of whole diagonals are settled by `verdicts`
/// here; those of cut tiles go to `open`. Returns the pairs kept in partial tiles of whole diagonals (with Refine::Exact).
template <class Machine>
Int classify_diagonals(const Tiles& tiles, Machine& machine, Verdicts<Machine>& verdicts, Effort& effort, std::vector<Item>& items, std::vector<OpenTile>& open);

}  // namespace flexc::tile
