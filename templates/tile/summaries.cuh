// Summaries of captures, one result a thread: the tables that runtime/tile/summaries.cpp makes on the host, bit by bit.
#pragma once
#include "templates/tile/elements.h"
#include "templates/tile/summary_work.h"

namespace flexc::tile::summaries {

inline Int element_offset(const DeviceGather& line, Int i) { return line.base + i * line.strides[0]; }

/// Elements of run `run` of a line.
struct RunSpan {
  Int first, end;
};
inline RunSpan span_of(const DeviceGather& line, Int run) { return {run * kRun, std::min((run + 1) * kRun, line.extents[0])}; }

template <class Range>
Range bounds_of_run(const DeviceGather& line, Int run) {
  const RunSpan at = span_of(line, run);
  bool any = false;
  Range result{};
  for (Int i = at.first; i < at.end; ++i) result = merge(any, result, element_of(line, element_offset(line, i), static_cast<Range*>(nullptr)));
  return result;
}

/// How many elements of a run are below the one before them, which for the first is in another run.
inline std::uint32_t falls_in_run(const DeviceGather& line, Int run) {
  const RunSpan at = span_of(line, run);
  const auto value = [&](Int i) { return element_of(line, element_offset(line, i), static_cast<IntRange*>(nullptr)).lo; };
  std::uint32_t falls = 0;
  for (Int i = std::max<Int>(at.first, 1); i < at.end; ++i) falls += value(i - 1) > value(i);
  return falls;
}

template <class Range>
Range bounds_of_cell(const DeviceGather& grid, Int row, Int column) {
  const Int row_end = std::min((row + 1) << kCellBits, grid.extents[0]), column_end = std::min((column + 1) << kCellBits, grid.extents[1]);
  bool any = false;
  Range result{};
  for (Int r = row << kCellBits; r < row_end; ++r)
    for (Int c = column << kCellBits; c < column_end; ++c)
      result = merge(any, result, element_of(grid, grid.base + r * grid.strides[0] + c * grid.strides[1], static_cast<Range*>(nullptr)));
  return result;
}

template <class Range>
Range bounds_above(const SummaryWork& work, Int cell) {
  const auto* below = static_cast<const Range*>(work.below);
  const Int columns_above = (work.columns + 1) / 2, row = cell / columns_above * 2, column = cell % columns_above * 2;
  bool any = false;
  Range result{};
  for (Int r = row; r < std::min(row + 2, work.rows); ++r)
    for (Int c = column; c < std::min(column + 2, work.columns); ++c) result = merge(any, result, below[r * work.columns + c]);
  return result;
}

template <class Range>
void make_bounds(const SummaryWork& work, Int i) {
  const auto* below = static_cast<const Range*>(work.below);
  Range& to = static_cast<Range*>(work.to)[i];
  switch (work.kind) {
    case SummaryWork::kRuns: to = bounds_of_run<Range>(work.capture, i); break;
    case SummaryWork::kRunsAbove: to = hull(below[i], below[i + work.width]); break;
    case SummaryWork::kCells: to = bounds_of_cell<Range>(work.capture, i / work.columns, i % work.columns); break;
    default: to = bounds_above<Range>(work, i); break;
  }
}

inline void make_signature(const SummaryWork& work, Int run) {
  const Int words = work.capture.signature_words;
  const Word mask = 64 * static_cast<Word>(words) - 1;
  Word* to = static_cast<Word*>(work.to) + run * words;
  for (Int w = 0; w < words; ++w) to[w] = 0;
  const RunSpan at = span_of(work.capture, run);
  for (Int i = at.first; i < at.end; ++i) {
    const Word code = word(element_of(work.capture, element_offset(work.capture, i), static_cast<IntRange*>(nullptr)).lo) & mask;
    to[code / 64] |= Word{1} << (code % 64);
  }
}

inline void join_signatures(const SummaryWork& work, Int node) {
  const Int words = work.capture.signature_words;
  const Word* below = static_cast<const Word*>(work.below) + 2 * node * words;
  Word* to = static_cast<Word*>(work.to) + node * words;
  const bool has_second = 2 * node + 1 < work.rows;
  for (Int w = 0; w < words; ++w) to[w] = below[w] | (has_second ? below[words + w] : 0);
}

}  // namespace flexc::tile::summaries
