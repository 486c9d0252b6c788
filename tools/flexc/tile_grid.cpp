#include "tools/flexc/tile_grid.h"

#include <algorithm>

namespace flexc::cli {

TileGrid tile_grid(const BlockMask& mask, std::int64_t b, std::int64_t h, std::int64_t max_rows, std::int64_t max_columns) {
  const std::int64_t height = mask.q_blocks(), width = mask.kv_blocks();
  const auto groups_for = [](std::int64_t tiles, std::int64_t room) { return (tiles + std::max<std::int64_t>(room, 1) - 1) / std::max<std::int64_t>(room, 1); };
  TileGrid grid;
  grid.group = std::max<std::int64_t>({1, groups_for(height, max_rows), groups_for(width, max_columns)});
  grid.rows = (height + grid.group - 1) / grid.group;
  grid.columns = (width + grid.group - 1) / grid.group;
  grid.cells.reserve(static_cast<std::size_t>(grid.rows * grid.columns));
  const std::int64_t plane = std::clamp<std::int64_t>(b, 0, mask.batches - 1) * mask.heads + std::clamp<std::int64_t>(h, 0, mask.heads - 1);
  struct Tally { std::int64_t partial = 0, full = 0; };
  std::vector<Tally> tally(static_cast<std::size_t>(grid.columns));
  for (std::int64_t row = 0; row < grid.rows; ++row) {
    std::ranges::fill(tally, Tally{});
    const std::int64_t first = row * grid.group, last = std::min(height, first + grid.group);
    for (std::int64_t q = first; q < last; ++q)
      for (std::uint64_t i = mask.row_begin[static_cast<std::size_t>(plane * height + q)]; i < mask.row_begin[static_cast<std::size_t>(plane * height + q + 1)]; ++i) {
        const TileRun& run = mask.runs[i];
        const std::int64_t end = std::int64_t{run.first} + run.count;
        for (std::int64_t k = run.first; k < end;) {
          const std::int64_t cell = k / grid.group, next = std::min(end, (cell + 1) * grid.group);
          Tally& here = tally[static_cast<std::size_t>(cell)];
          (run.kind == TileKind::Full ? here.full : here.partial) += next - k;
          k = next;
        }
      }
    for (std::int64_t column = 0; column < grid.columns; ++column) {
      const Tally& here = tally[static_cast<std::size_t>(column)];
      const std::int64_t tiles = (last - first) * (std::min(width, (column + 1) * grid.group) - column * grid.group);
      grid.counts.partial += here.partial;
      grid.counts.full += here.full;
      grid.counts.empty += tiles - here.partial - here.full;
      grid.cells.push_back(here.full == tiles ? TileKind::Full : here.full + here.partial == 0 ? TileKind::Empty : TileKind::Partial);
    }
  }
  return grid;
}

}  // namespace flexc::cli
