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

void keep_panels(PanelSet panels, std::int64_t count, int rows, TileColumns& columns) {
  KeepWords words{};
  for (std::size_t i = 0; i < kKeepWords; ++i) {
    for (int p = 0; p < kPanelsPerWord; ++p)
      if (panels >> (i * kPanelsPerWord + static_cast<std::size_t>(p)) & 1) words[i] |= std::uint64_t{0xFFFF} << (p * kPanel);
    const std::int64_t left = count - static_cast<std::int64_t>(i) * 64;
    if (left < 64) words[i] &= left <= 0 ? 0 : (std::uint64_t{1} << left) - 1;
  }
  for (KeepWords& row : columns.keep) row = words;
  PanelSet whole = panels & panels_between(0, count / kPanel);
  for (int block = 0; block < kBlocks; ++block) {
    const bool exists = block * kBlockRows < rows;
    columns.any[block] = words;
    columns.active[block] = exists ? panels & panels_between(0, divide_up(count, kPanel)) : 0;
    columns.full[block] = exists ? whole : 0;
  }
}

void summarise(int rows, int first_word, int end_word, TileColumns& columns) {
  const PanelSet asked = panels_between(first_word * kPanelsPerWord, end_word * kPanelsPerWord);
  for (int block = 0; block < kBlocks; ++block) {
    const int first_row = block * kBlockRows;
    if (first_row >= rows) continue;  // a block without rows has no panels
    columns.active[block] &= ~asked;
    columns.full[block] &= ~asked;
    for (int word = first_word; word < end_word; ++word) {
      const auto i = static_cast<std::size_t>(word);
      std::uint64_t any = 0, all = ~std::uint64_t{0};
      for (int row = first_row; row < first_row + kBlockRows; ++row) {
        if (row >= rows) columns.keep[row][i] = columns.keep[rows - 1][i];
        any |= columns.keep[row][i];
        all &= columns.keep[row][i];
      }
      columns.any[block][i] = any;
      for (int p = 0; p < kPanelsPerWord; ++p) {
        constexpr std::uint64_t kOnes = 0xFFFF;
        const PanelSet panel = PanelSet{1} << (word * kPanelsPerWord + p);
        if (any >> (p * kPanel) & kOnes) columns.active[block] |= panel;
        if ((all >> (p * kPanel) & kOnes) == kOnes) columns.full[block] |= panel;
      }
    }
  }
}

}  // namespace flexc::cpu
