// Which columns of a tile a group of rows needs, as sets of panels and as bits.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "templates/cpu/plan.h"

namespace flexc::cpu {

inline constexpr std::size_t kKeepWords = kMaxTile / 64;
inline constexpr int kPanelsPerWord = 64 / kPanel;
using KeepWords = std::array<std::uint64_t, kKeepWords>;  ///< bit i: column i of the tile
using PanelSet = std::uint32_t;                           ///< bit p: columns 16 p to 16 p + 15
static_assert(kMaxPanels == 32 && kPanel == 16);

/// Panels from `first` to `end` - 1.
inline PanelSet panels_between(std::int64_t first, std::int64_t end) {
  if (first >= end) return 0;
  return static_cast<PanelSet>((std::uint64_t{1} << end) - (std::uint64_t{1} << first));
}

/// What a block mask, or bands, say of the panels of a tile: not wholly empty; wholly full.
struct PanelKinds {
  PanelSet live = 0, full = 0;
};

/// For rows `first` to `first + rows - 1` and `count` columns from `column` on. Blocks may have any size: a panel that two kinds share
/// is neither empty nor full.
PanelKinds panel_kinds(const BlockMask& mask, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t rows, std::int64_t column,
                       std::int64_t count);

/// The work of a group in a tile. It follows from the keep bits alone, never from how they were found, so that neither a block mask
/// nor a band changes a bit of the result.
struct TileColumns {
  KeepWords keep[kGroupRows];  ///< a row's kept columns; rows beyond the last one repeat it
  KeepWords any[kBlocks];      ///< kept in one of the block's rows at least
  PanelSet active[kBlocks];    ///< panels of which some column is in `any`
  PanelSet full[kBlocks];      ///< panels that all of the block's rows keep wholly

  bool empty() const {
    PanelSet panels = 0;
    for (PanelSet set : active) panels |= set;
    return panels == 0;
  }
};

/// A run of neighbouring columns or panels. Without initial values: lists of runs are made often, and mostly hold few.
struct Run {
  bool operator==(const Run&) const = default;
  std::int32_t first, end;
};

/// Maximal runs of a set of panels, in order; returns their number.
inline int runs_of(PanelSet panels, std::array<Run, kMaxPanels>& runs) {
  int count = 0;
  for (int position = 0; position < kMaxPanels;) {
    const PanelSet rest = panels >> position;
    if (rest == 0) break;
    const int first = position + std::countr_zero(rest);
    const int end = first + std::countr_one(panels >> first);
    runs[static_cast<std::size_t>(count++)] = {first, end};
    position = end;
  }
  return count;
}

/// Columns of a tile of which an element of K, or of V, is beyond the matrix unit's reach.
struct OutOfReach {
  KeepWords k{}, v{};
};

inline void note_column(KeepWords& words, std::int64_t column) { words[static_cast<std::size_t>(column / 64)] |= std::uint64_t{1} << (column % 64); }

/// The first column that is kept; 0 where none is.
inline int first_kept(const KeepWords& words) {
  for (std::size_t word = 0; word < kKeepWords; ++word)
    if (words[word] != 0) return static_cast<int>(word * 64) + std::countr_zero(words[word]);
  return 0;
}

/// The 16 bits of panel p.
inline std::uint32_t panel_bits(const KeepWords& words, int panel) {
  return static_cast<std::uint32_t>(words[static_cast<std::size_t>(panel / kPanelsPerWord)] >> (panel % kPanelsPerWord * kPanel)) & 0xFFFFu;
}

/// Runs of panels → runs of columns, cut to the first and last column that is kept.
inline void trim_runs(const KeepWords& any, std::array<Run, kMaxPanels>& runs, int count) {
  for (int i = 0; i < count; ++i) {
    Run& run = runs[static_cast<std::size_t>(i)];
    const int head = std::countr_zero(panel_bits(any, run.first)), tail = 32 - std::countl_zero(panel_bits(any, run.end - 1));
    run = {static_cast<std::int32_t>(run.first * kPanel + head), static_cast<std::int32_t>((run.end - 1) * kPanel + tail)};
  }
}

/// The runs of a block of rows.
struct BlockRuns {
  std::array<Run, kMaxPanels> runs;
  int count = 0;
};

/// Columns that go through P V together: of the first block of rows (1), the second (2), or both (3).
struct Phase {
  unsigned blocks;
  int first, count;  ///< runs
};

/// Two blocks' runs of columns cut where the blocks part. The columns of each block stay in order.
struct PhaseList {
  static constexpr int kMost = 6;  ///< beyond, the blocks have little in common
  std::array<Phase, kMost> phases;
  int count = 0;
  std::array<Run, 4 * kMaxPanels> runs;
  int run_count = 0;

  /// False where there would be too many phases.
  bool find(const BlockRuns& a, const BlockRuns& b);

 private:
  bool add(unsigned blocks, Run run);
};

}  // namespace flexc::cpu
