// Bands as columns and panels: order, overlap, extremes, and what a group's rows have in common.
#include <catch2/catch.hpp>
#include <limits>

#include "flexc/random.h"
#include "templates/cpu/bands.h"

namespace flexc::cpu_test {
namespace {

using Limits = std::numeric_limits<std::int64_t>;

bool holds(const cpu::RowColumns& row, std::int64_t column) {
  for (const cpu::ColumnRange& part : row.parts)
    if (part.first <= column && column < part.end) return true;
  return false;
}

bool holds(const flexc_row_band& band, std::int64_t position) {
  return (band.lo0 <= position && position < band.hi0) || (band.lo1 <= position && position < band.hi1);
}

}  // namespace

TEST_CASE("columns of a band: in order, apart, and what the positions say") {
  const std::vector<std::int64_t> ends = {Limits::min(), Limits::min() + 1, -5, 0, 3, 4, 9, 14, 20, 21, Limits::max() - 1, Limits::max()};
  constexpr std::int64_t kFar = Limits::max() / 20;  // so that 20 columns reach from one end of 64 bits to the middle
  const std::pair<std::int64_t, std::int64_t> maps[] = {{0, 1}, {4, 1}, {-7, 1}, {Limits::max() - 20, 1}, {Limits::min(), 1}, {0, 3}, {1, 5}, {-7, 2}, {Limits::max() - 60, 3}, {Limits::min(), kFar}, {-kFar, kFar}};
  for (const auto& [base, step] : maps) {
    CAPTURE(base, step);
    std::int64_t wrong = 0;
    for (const std::int64_t lo0 : ends)
      for (const std::int64_t hi0 : ends)
        for (const std::int64_t lo1 : ends)
          for (const std::int64_t hi1 : ends) {
            const flexc_row_band band{lo0, hi0, lo1, hi1};
            const cpu::RowColumns row = cpu::columns_of_band(band, {base, step}, 20);
            for (std::int64_t i = 0; i < 20; ++i) wrong += holds(row, i) != holds(band, base + step * i);
            const auto& [first, second] = row.parts;
            wrong += first.empty() && !second.empty();
            wrong += !second.empty() && second.first <= first.end;
            for (const cpu::ColumnRange& part : row.parts) wrong += !part.empty() && (part.first < 0 || part.end > 20);
          }
    CHECK(wrong == 0);
  }
}

TEST_CASE("panels of a group's bands are as its columns are") {
  constexpr std::int64_t kColumns = 700, kTile = 512;
  const CounterRandom random(1, "bands");
  std::uint64_t at = 0;
  const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(bound))); };
  for (int round = 0; round < 300; ++round) {
    cpu::GroupBand band;
    const int rows = 1 + static_cast<int>(below(8));
    const std::int64_t around[] = {below(kColumns), below(kColumns)}, width[] = {below(300), below(300)};
    for (int row = 0; row < rows; ++row) {
      const std::int64_t shift = round % 3 == 0 ? below(200) : row;
      band.rows[row] = cpu::columns_of_band({around[0] + shift, around[0] + width[0] + shift, around[1] - shift, around[1] - shift + width[1]}, {}, kColumns);
    }
    band.summarise(rows);
    std::int64_t wrong = 0;
    for (const std::int64_t column : {std::int64_t{0}, kTile}) {
      const std::int64_t count = std::min(kTile, kColumns - column);
      const cpu::PanelKinds kinds = cpu::panel_kinds(band, column, count);
      for (std::int64_t panel = 0; panel * 16 < count; ++panel) {
        bool any = false, all = true;
        for (int row = 0; row < rows; ++row)
          for (std::int64_t i = panel * 16; i < std::min(panel * 16 + 16, count); ++i) {
            const bool kept = holds(band.rows[row], column + i);
            any |= kept;
            all &= kept;
            wrong += kept && (column + i < band.reach.first || column + i >= band.reach.end);
          }
        wrong += any && !(kinds.live >> panel & 1);
        wrong += !all && (kinds.full >> panel & 1);
        wrong += rows == 1 && any != static_cast<bool>(kinds.live >> panel & 1);
        wrong += rows == 1 && all != static_cast<bool>(kinds.full >> panel & 1);
      }
    }
    CHECK(wrong == 0);
  }
}

}  // namespace flexc::cpu_test
