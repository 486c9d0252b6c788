#include "templates/cpu/tile_columns.h"

#include <algorithm>

namespace flexc::cpu {
namespace {

PanelKinds kinds_of_block_row(const BlockMask& mask, std::size_t row, std::int64_t column, std::int64_t count) {
  PanelKinds kinds;
  const auto begin = mask.runs.begin() + static_cast<std::ptrdiff_t>(mask.row_begin[row]);
  const auto end = mask.runs.begin() + static_cast<std::ptrdiff_t>(mask.row_begin[row + 1]);
  const std::int64_t block = mask.block_kv, last = column + count;
  const auto ends_before = [&](const TileRun& run) { return (std::int64_t{run.first} + run.count) * block <= column; };
  for (auto run = std::partition_point(begin, end, ends_before); run != end; ++run) {
    const std::int64_t run_first = std::max(run->first * block, column) - column;
    if (run_first >= count) break;
    std::int64_t run_end = std::min((std::int64_t{run->first} + run->count) * block, last) - column;
    if (run->kind == TileKind::Empty || run_end <= run_first) continue;
    kinds.live |= panels_between(run_first / kPanel, divide_up(run_end, kPanel));
    // The tile's end counts as the end of its last panel: what lies beyond does not exist.
    if (run_end == count) run_end = round_up(run_end, kPanel);
    if (run->kind == TileKind::Full) kinds.full |= panels_between(divide_up(run_first, kPanel), run_end / kPanel);
  }
  return kinds;
}

}  // namespace

PanelKinds panel_kinds(const BlockMask& mask, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t rows, std::int64_t column,
                       std::int64_t count) {
  const std::int64_t line = (mask.batches == 1 ? 0 : b) * mask.heads + (mask.heads == 1 ? 0 : h);
  PanelKinds kinds{0, ~PanelSet{0}};
  for (std::int64_t block = first / mask.block_q; block <= (first + rows - 1) / mask.block_q; ++block) {
    const PanelKinds part = kinds_of_block_row(mask, static_cast<std::size_t>(line * mask.q_blocks() + block), column, count);
    kinds.live |= part.live;
    kinds.full &= part.full;
  }
  return kinds;
}

bool PhaseList::add(unsigned blocks, Run run) {
  if (count == 0 || phases[static_cast<std::size_t>(count - 1)].blocks != blocks) {
    if (count == kMost) return false;
    phases[static_cast<std::size_t>(count++)] = {blocks, run_count, 0};
  }
  runs[static_cast<std::size_t>(run_count++)] = run;
  ++phases[static_cast<std::size_t>(count - 1)].count;
  return true;
}

bool PhaseList::find(const BlockRuns& a, const BlockRuns& b) {
  count = run_count = 0;
  int next_a = 0, next_b = 0;
  Run left_a{0, 0}, left_b{0, 0};
  for (;;) {
    if (left_a.first >= left_a.end && next_a < a.count) left_a = a.runs[static_cast<std::size_t>(next_a++)];
    if (left_b.first >= left_b.end && next_b < b.count) left_b = b.runs[static_cast<std::size_t>(next_b++)];
    const bool some_a = left_a.first < left_a.end, some_b = left_b.first < left_b.end;
    if (!some_a && !some_b) return true;
    bool fits;
    if (some_a && (!some_b || left_a.first < left_b.first)) {
      const std::int32_t end = some_b ? std::min(left_a.end, left_b.first) : left_a.end;
      fits = add(1, {left_a.first, end});
      left_a.first = end;
    } else if (some_b && (!some_a || left_b.first < left_a.first)) {
      const std::int32_t end = some_a ? std::min(left_b.end, left_a.first) : left_b.end;
      fits = add(2, {left_b.first, end});
      left_b.first = end;
    } else {
      const std::int32_t end = std::min(left_a.end, left_b.end);
      fits = add(3, {left_a.first, end});
      left_a.first = left_b.first = end;
    }
    if (!fits) return false;
  }
}

}  // namespace flexc::cpu
