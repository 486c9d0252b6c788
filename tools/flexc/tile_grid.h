// TileGrid: one (b, h) plane of a block mask, reduced to as many cells as a picture has room for.
#pragma once

#include <cstdint>
#include <vector>

#include "flexc/block_mask.h"

namespace flexc::cli {

struct TileGrid {
  std::int64_t rows = 0, columns = 0;  ///< in cells
  std::int64_t group = 1;              ///< a cell stands for group × group tiles
  std::vector<TileKind> cells;         ///< row-major
  BlockMask::Counts counts;            ///< tiles of the plane

  TileKind at(std::int64_t row, std::int64_t column) const { return cells[static_cast<std::size_t>(row * columns + column)]; }
};

/// The plane (b, h), reduced until it has at most `max_rows` × `max_columns` cells. A cell whose tiles differ is partial.
TileGrid tile_grid(const BlockMask& mask, std::int64_t b, std::int64_t h, std::int64_t max_rows, std::int64_t max_columns);

}  // namespace flexc::cli
