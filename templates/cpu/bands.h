// Bands as columns: which columns of a call the rows of a group can keep, before any tile is looked at.
#pragma once

#include "flexc/positions.h"
#include "templates/cpu/tile_columns.h"

namespace flexc::cpu {

/// Columns first to end - 1 of the call; none where end <= first.
struct ColumnRange {
  std::int64_t first = 0, end = 0;
  bool empty() const { return end <= first; }
};

/// The least range that holds both.
inline ColumnRange hull(const ColumnRange& a, const ColumnRange& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.first, b.first), std::max(a.end, b.end)};
}

/// A row's band: in order, disjoint and not touching, the second one empty if there is only one.
struct RowColumns {
  ColumnRange parts[2];
};

/// The band of a row as columns 0 to `count` - 1, which are at these positions.
RowColumns columns_of_band(const flexc_row_band& band, const PositionMap& positions, std::int64_t count);

/// The bands of a group's rows.
struct GroupBand {
  RowColumns rows[kGroupRows];
  ColumnRange reach;   ///< no row keeps a column outside
  ColumnRange any[2];  ///< some row may keep a column in one of the two
  ColumnRange all[2];  ///< every row's band holds all of either

  /// Finds the rest from the first `count` rows.
  void summarise(int count);
};

/// What the bands say of the panels of a tile of `count` columns from `column` on: a live panel is in reach of some row, a full one in the
/// band of all.
PanelKinds panel_kinds(const GroupBand& band, std::int64_t column, std::int64_t count);

/// The bits of a row's band in words `first_word` to `end_word` - 1 of the tile that starts at `column`.
void keep_band(const RowColumns& row, std::int64_t column, int first_word, int end_word, KeepWords& keep);

}  // namespace flexc::cpu
