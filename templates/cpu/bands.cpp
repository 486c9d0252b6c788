#include "templates/cpu/bands.h"

#include <algorithm>
#include <limits>

namespace flexc::cpu {

void GroupBand::summarise(int count) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t first = kMost, end = 0;
  bool has_other = false;
  for (int part = 0; part < 2; ++part) {
    any[part] = all[part] = {};
    if (part == 1 && !has_other) break;
    std::int64_t any_first = kMost, any_end = 0, all_first = 0, all_end = kMost;
    for (int row = 0; row < count; ++row) {
      const ColumnRange& range = rows[row].parts[part];
      any_first = std::min(any_first, range.empty() ? kMost : range.first), any_end = std::max(any_end, range.empty() ? 0 : range.end);
      all_first = std::max(all_first, range.first), all_end = std::min(all_end, range.end);
      has_other |= !rows[row].parts[1].empty();
    }
    if (any_end > 0) any[part].first = any_first, any[part].end = any_end;
    all[part].first = all_first, all[part].end = all_end;
    // Not from the two ranges: one that is read as a whole right after its numbers were written keeps the processor waiting.
    first = std::min(first, any_first), end = std::max(end, any_end);
  }
  reach.first = end > 0 ? first : 0, reach.end = end;
}

void GroupBand::keep_all(std::int64_t count) {
  reach = any[0] = all[0] = {0, count};
  any[1] = all[1] = {};
}

PanelKinds panel_kinds(const GroupBand& band, std::int64_t column, std::int64_t count) {
  PanelKinds kinds;
  const auto in_tile = [&](const ColumnRange& range) {
    return ColumnRange{std::clamp(range.first - column, std::int64_t{0}, count), std::clamp(range.end - column, std::int64_t{0}, count)};
  };
  for (int part = 0; part < 2; ++part) {
    const ColumnRange any = in_tile(band.any[part]), all = in_tile(band.all[part]);
    if (!any.empty()) kinds.live |= panels_between(any.first / kPanel, divide_up(any.end, kPanel));
    // The tile's end counts as the end of its last panel: what lies beyond does not exist.
    if (!all.empty()) kinds.full |= panels_between(divide_up(all.first, kPanel), (all.end == count ? round_up(count, kPanel) : all.end) / kPanel);
  }
  return kinds;
}

}  // namespace flexc::cpu
