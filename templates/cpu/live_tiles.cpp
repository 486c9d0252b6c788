#include "templates/cpu/live_tiles.h"

#include <algorithm>

namespace flexc::cpu {
namespace {

/// Marks the tiles that hold some of `columns` as a group's.
void mark(const Plan& plan, const ColumnRange& columns, const TileRange& tiles, unsigned index, GroupSet* live, Group& group) {
  if (columns.empty()) return;
  const TileRange range = within(plan, columns, tiles);
  for (std::int64_t tile = range.first; tile < range.end; ++tile) live[tile] |= GroupSet{1} << index;
  if (range.first < range.end) group.last_tile = std::max(group.last_tile, range.end - 1);
}

/// The same for the columns that are in no empty block of a block row.
void mark_blocks(const Plan& plan, const BlockMask& mask, std::size_t row, const ColumnRange& columns, const TileRange& tiles, unsigned index, GroupSet* live, Group& group) {
  const std::int64_t block = mask.block_kv;
  const auto begin = mask.runs.begin() + static_cast<std::ptrdiff_t>(mask.row_begin[row]);
  const auto end = mask.runs.begin() + static_cast<std::ptrdiff_t>(mask.row_begin[row + 1]);
  const auto ends_before = [&](const TileRun& run) { return (std::int64_t{run.first} + run.count) * block <= columns.first; };
  for (auto run = std::partition_point(begin, end, ends_before); run != end; ++run) {
    const ColumnRange its{std::int64_t{run->first} * block, (std::int64_t{run->first} + run->count) * block};
    if (its.first >= columns.end) break;
    if (run->kind != TileKind::Empty) mark(plan, {std::max(its.first, columns.first), std::min(its.end, columns.end)}, tiles, index, live, group);
  }
}

}  // namespace

TileRange find_live_tiles(const Plan& plan, Workspace& workspace, std::int64_t count, const TileRange& tiles) {
  ColumnRange reach;
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    reach = hull(reach, group.band.reach);
    group.last_tile = -1;
  }
  const TileRange all = within(plan, reach, tiles);
  if (all.end <= all.first) return {};
  GroupSet* const live = workspace.live.as<GroupSet>();
  std::fill(live + all.first, live + all.end, GroupSet{0});
  const BlockMask* const mask = plan.block_mask();
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    const GroupPlace& place = group.place;
    for (const ColumnRange& part : group.band.any) {
      if (part.empty()) continue;
      if (!mask) {
        mark(plan, part, all, static_cast<unsigned>(i), live, group);
        continue;
      }
      const std::int64_t line = (mask->batches == 1 ? 0 : place.b) * mask->heads + (mask->heads == 1 ? 0 : place.h);
      for (std::int64_t row = place.first / mask->block_q; row <= (place.first + place.rows - 1) / mask->block_q; ++row)
        mark_blocks(plan, *mask, static_cast<std::size_t>(line * mask->q_blocks() + row), part, all, static_cast<unsigned>(i), live, group);
    }
  }
  return all;
}

}  // namespace flexc::cpu
