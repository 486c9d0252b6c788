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

/// The band of a row as columns 0 to `count` - 1, which are at these positions. Number by number, and inline: ranges that are copied as a whole right after their numbers were written
/// keep the processor waiting.
inline RowColumns columns_of_band(const flexc_row_band& band, const PositionMap& positions, std::int64_t count) {
  const auto column_of = [&](std::int64_t position) { return positions.rows_below(position, count); };
  std::int64_t first = column_of(band.lo0), end = column_of(band.hi0);
  if (first >= end) first = end = 0;
  if (band.lo1 >= band.hi1) return {{{first, end}, {}}};  // most have one interval
  std::int64_t other_first = column_of(band.lo1), other_end = column_of(band.hi1);
  if (other_first >= other_end) other_first = other_end = 0;
  const bool has_one = first < end, has_other = other_first < other_end;
  if (!has_one || (has_other && other_first < first)) std::swap(first, other_first), std::swap(end, other_end);
  if (has_one && has_other && other_first <= end) return {{{first, std::max(end, other_end)}, {}}};
  return {{{first, end}, {other_first, other_end}}};
}

/// The bands of a group's rows.
struct GroupBand {
  RowColumns rows[kGroupRows];
  ColumnRange reach;   ///< no row keeps a column outside
  ColumnRange any[2];  ///< some row may keep a column in one of the two
  ColumnRange all[2];  ///< every row's band holds all of either

  /// Finds the rest from the first `count` rows.
  void summarise(int count);
  /// The rest, where all rows' bands hold columns 0 to `count` - 1; `rows` stays as it is.
  void keep_all(std::int64_t count);
};

/// What the bands say of the panels of a tile of `count` columns from `column` on: a live panel is in reach of some row, a full one in the
/// band of all.
PanelKinds panel_kinds(const GroupBand& band, std::int64_t column, std::int64_t count);

}  // namespace flexc::cpu
