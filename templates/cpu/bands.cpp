#include "templates/cpu/bands.h"

#include <algorithm>

namespace flexc::cpu {
namespace {

ColumnRange common(const ColumnRange& a, const ColumnRange& b) { return {std::max(a.first, b.first), std::min(a.end, b.end)}; }

/// Bits `from` to `to` - 1, both clamped to 0 … 64.
std::uint64_t bits_between(std::int64_t from, std::int64_t to) {
  const auto ones_below = [](std::int64_t bit) { return bit >= 64 ? ~std::uint64_t{0} : bit <= 0 ? 0 : (std::uint64_t{1} << bit) - 1; };
  return ones_below(to) & ~ones_below(from);
}

}  // namespace

void GroupBand::summarise(int count) {
  reach = {};
  for (int part = 0; part < 2; ++part) {
    any[part] = {};
    all[part] = rows[0].parts[part];
    for (int row = 0; row < count; ++row) {
      any[part] = hull(any[part], rows[row].parts[part]);
      all[part] = common(all[part], rows[row].parts[part]);
    }
    reach = hull(reach, any[part]);
  }
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

void keep_band(const RowColumns& row, std::int64_t column, int first_word, int end_word, KeepWords& keep) {
  for (int word = first_word; word < end_word; ++word) {
    const std::int64_t base = column + std::int64_t{word} * 64;
    std::uint64_t bits = 0;
    for (const ColumnRange& part : row.parts) bits |= bits_between(part.first - base, part.end - base);
    keep[static_cast<std::size_t>(word)] = bits;
  }
}

}  // namespace flexc::cpu
