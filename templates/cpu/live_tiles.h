// Which tiles the groups of a task can need at all, by their bands and the block mask: the others are not visited.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Tiles first to end - 1.
struct TileRange {
  std::int64_t first = 0, end = 0;
};

/// The tiles of `columns` within `tiles`.
inline TileRange within(const Plan& plan, const ColumnRange& columns, const TileRange& tiles) {
  return {std::max(columns.first / plan.tile, tiles.first), std::min(divide_up(columns.end, plan.tile), tiles.end)};
}

/// A bit for each group of a task.
using GroupSet = std::uint32_t;
static_assert(kTaskGroups <= 32 && kLargeTaskGroups <= 32 && kLargestTaskGroups <= 32);

/// For the first `count` groups of the workspace, which were entered: bit i of workspace.live[t] says whether group i may keep a column of tile
/// t, and Group::last_tile which of them is its last one. Set for the tiles that are returned, which are all of `tiles` that any group may need. Without it a task would ask for every tile in
/// turn, and documents or windows would cost what the square of the length costs.
TileRange find_live_tiles(const Plan& plan, Workspace& workspace, std::int64_t count, const TileRange& tiles);

/// A group's tiles: its tiles are those of `all` that have its bit in `live`.
struct LiveTiles {
  TileRange all;
  const GroupSet* live;
  template <class Visit>
  void visit(std::int64_t group, const Visit& use) const {
    for (std::int64_t tile = all.first; tile < all.end; ++tile)
      if ((live[tile] >> group & 1) != 0) use(tile);
  }
};

}  // namespace flexc::cpu
