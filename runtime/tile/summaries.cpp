#include "runtime/tile/summaries.h"

#include <array>
#include <bit>

#include "runtime/tile/points.h"

namespace flexc::tile {
namespace {

using namespace summaries;

constexpr FloatRange kZeroFloat{0, 0, false};

/// Least and greatest of `count` integers; the plain loops are what the compiler vectorises.
template <class T>
IntRange bounds_of(const T* data, Int stride, Int count) {
  T lo = data[0], hi = data[0];
  if (stride == 1) {
    for (Int i = 1; i < count; ++i) {
      lo = data[i] < lo ? data[i] : lo;
      hi = data[i] > hi ? data[i] : hi;
    }
  } else {
    for (Int i = 1; i < count; ++i) {
      lo = std::min(lo, data[i * stride]);
      hi = std::max(hi, data[i * stride]);
    }
  }
  return {static_cast<Int>(lo), static_cast<Int>(hi)};
}

IntRange bounds_of_run(const TensorView& view, Int offset, Int stride, Int count) {
  switch (view.dtype) {
    case DType::I32: return bounds_of(static_cast<const std::int32_t*>(view.data) + offset, stride, count);
    case DType::I64: return bounds_of(static_cast<const std::int64_t*>(view.data) + offset, stride, count);
    case DType::U8: return bounds_of(static_cast<const std::uint8_t*>(view.data) + offset, stride, count);
    default: {
      IntRange result{kIntMax, kIntMin};
      for (Int i = 0; i < count; ++i) {
        const Int value = load_integer(view, offset + i * stride);
        result = {std::min(result.lo, value), std::max(result.hi, value)};
      }
      return result;
    }
  }
}

}  // namespace

LineSummary::LineSummary(const Line& line, bool with_signatures) : line_(line) {
  const auto runs = static_cast<std::size_t>((line.extent + kRun - 1) / kRun);
  const bool real = is_float(line.view->dtype);
  const auto build = [&](auto& table, auto run_bounds) {
    if (runs == 0) return;
    auto& first = table.emplace_back();
    first.reserve(runs);
    for (std::size_t run = 0; run < runs; ++run) {
      const Int begin = static_cast<Int>(run) * kRun, count = std::min(kRun, line.extent - begin);
      first.push_back(run_bounds(begin, count));
    }
    for (std::size_t width = 1; 2 * width <= runs; width *= 2) {
      const auto& below = table.back();
      std::remove_cvref_t<decltype(below)> level;
      level.reserve(runs - 2 * width + 1);
      for (std::size_t run = 0; run + 2 * width <= runs; ++run) level.push_back(hull(below[run], below[run + width]));
      table.push_back(std::move(level));
    }
  };
  if (real) {
    build(real_table_, [&](Int begin, Int count) {
      FloatRange result = real_element(begin);
      for (Int i = 1; i < count; ++i) result = hull(result, real_element(begin + i));
      return result;
    });
    return;
  }
  build(integer_table_, [&](Int begin, Int count) { return bounds_of_run(*line.view, line.offset_of(begin), line.stride, count); });
  // Sorted by runs: each run lies at or above the one before, and its elements never fall. The second is read only where the
  // first holds.
  sorted_ = true;
  for (std::size_t run = 1; run < runs && sorted_; ++run) sorted_ = integer_table_[0][run - 1].hi <= integer_table_[0][run].lo;
  for (Int i = 1; i < line.extent && sorted_ && with_signatures; ++i)
    if (integer_table_[0][static_cast<std::size_t>(i / kRun)].is_point()) i = (i / kRun + 1) * kRun - 1;
    else sorted_ = load_integer(*line.view, line.offset_of(i - 1)) <= load_integer(*line.view, line.offset_of(i));
}

IntRange LineSummary::integer_element(Int i) const {
  const Int value = load_integer(*line_.view, line_.offset_of(i));
  return {value, value};
}

FloatRange LineSummary::real_element(Int i) const { return point(load_real(*line_.view, line_.offset_of(i))); }

template <class Range, class Element>
Range LineSummary::bounds(const std::vector<std::vector<Range>>& table, Int first, Int last, Element element) const {
  bool any = false;
  Range result{};
  const Int run = (first + kRun - 1) / kRun, end = last + 1 == line_.extent ? (line_.extent + kRun - 1) / kRun : (last + 1) / kRun;
  if (run < end) {
    const auto level = static_cast<std::size_t>(std::bit_width(static_cast<Word>(end - run)) - 1);
    result = table[level][static_cast<std::size_t>(run)];
    if (!sabotaged(Sabotage::GatherSkipsLastRun)) result = hull(result, table[level][static_cast<std::size_t>(end - (Int{1} << level))]);
    any = true;
    for (Int i = first; i < run * kRun; ++i) result = merge(any, result, element(i));
    for (Int i = end * kRun; i <= last; ++i) result = merge(any, result, element(i));
    return result;
  }
  for (Int i = first; i <= last; ++i) result = merge(any, result, element(i));
  return result;
}

IntRange LineSummary::integers(Int first, Int last) const {
  return bounds(integer_table_, first, last, [this](Int i) { return integer_element(i); });
}

FloatRange LineSummary::reals(Int first, Int last) const {
  return bounds(real_table_, first, last, [this](Int i) { return real_element(i); });
}

IntRange LineSummary::integers_at(IntRange index) const {
  if (covers(index)) return integers(index.lo, index.hi);
  const IndexParts split = split_index(index, line_.extent);
  bool any = split.outside;
  IntRange result{0, 0};
  for (int i = 0; i < split.count; ++i) result = merge(any, result, integers(split.parts[i].lo, split.parts[i].hi));
  return result;
}

FloatRange LineSummary::reals_at(IntRange index) const {
  if (covers(index)) return reals(index.lo, index.hi);
  const IndexParts split = split_index(index, line_.extent);
  bool any = split.outside;
  FloatRange result = kZeroFloat;
  for (int i = 0; i < split.count; ++i) result = merge(any, result, reals(split.parts[i].lo, split.parts[i].hi));
  return result;
}

void LineSummary::add_signatures(std::size_t words) {
  if (words_ >= words || line_.extent == 0) return;
  words_ = words;
  signatures_.clear();
  const auto runs = static_cast<std::size_t>((line_.extent + kRun - 1) / kRun);
  const Word mask = 64 * words - 1;
  auto& first = signatures_.emplace_back(runs * words, 0);
  for (Int i = 0; i < line_.extent; ++i) {
    if (sabotaged(Sabotage::SignatureOfFirstElement) && i % kRun != 0) continue;
    const Word code = word(load_integer(*line_.view, line_.offset_of(i))) & mask;
    first[static_cast<std::size_t>(i / kRun) * words + code / 64] |= Word{1} << (code % 64);
  }
  for (std::size_t nodes = (runs + 1) / 2, below = runs; below > 1; below = nodes, nodes = (nodes + 1) / 2) {
    std::vector<Word> level(nodes * words);
    for (std::size_t node = 0; node < below; ++node)
      for (std::size_t w = 0; w < words; ++w) level[node / 2 * words + w] |= signatures_.back()[node * words + w];
    signatures_.push_back(std::move(level));
  }
}

void LineSummary::signature(Int first, Int last, Word* to) const {
  const Word mask = 64 * words_ - 1;
  const auto element = [&](Int i) {
    const Word code = word(load_integer(*line_.view, line_.offset_of(i))) & mask;
    to[code / 64] |= Word{1} << (code % 64);
  };
  Int run = (first + kRun - 1) / kRun, end = last + 1 == line_.extent ? (line_.extent + kRun - 1) / kRun : (last + 1) / kRun;
  if (run >= end) {
    for (Int i = first; i <= last; ++i) element(i);
    return;
  }
  for (Int i = first; i < run * kRun; ++i) element(i);
  for (Int i = end * kRun; i <= last; ++i) element(i);
  const auto add = [&](std::size_t level, Int node) {
    const Word* from = signatures_[level].data() + static_cast<std::size_t>(node) * words_;
    for (std::size_t w = 0; w < words_; ++w) to[w] |= from[w];
  };
  for (std::size_t level = 0; run < end; ++level, run /= 2, end /= 2) {
    if (run & 1) add(level, run++);
    if (end & 1) add(level, --end);
  }
}

GridSummary::GridSummary(const TensorView& view, Int base, const Int extents[2], const Int strides[2])
    : view_(&view), base_(base), extents_{extents[0], extents[1]}, strides_{strides[0], strides[1]} {
  if (is_float(view.dtype)) build(real_pyramid_, [&](Int offset) { return point(load_real(view, offset)); });
  else build(integer_pyramid_, [&](Int offset) { return IntRange{load_integer(view, offset), load_integer(view, offset)}; });
}

template <class Range, class Element>
void GridSummary::build(std::vector<std::vector<Range>>& pyramid, Element element) {
  if (extents_[0] <= 0 || extents_[1] <= 0) return;
  const auto cells = [](Int extent) { return ((extent - 1) >> kCellBits) + 1; };
  cells_.push_back({cells(extents_[0]), cells(extents_[1])});
  std::vector<Range> first(static_cast<std::size_t>(cells_[0][0] * cells_[0][1]));
  std::vector<bool> filled(first.size(), false);
  for (Int row = 0; row < extents_[0]; ++row)
    for (Int column = 0; column < extents_[1]; ++column) {
      const auto cell = static_cast<std::size_t>((row >> kCellBits) * cells_[0][1] + (column >> kCellBits));
      const Range value = element(base_ + row * strides_[0] + column * strides_[1]);
      first[cell] = filled[cell] ? hull(first[cell], value) : value;
      filled[cell] = true;
    }
  pyramid.push_back(std::move(first));
  while (cells_.back()[0] > 1 || cells_.back()[1] > 1) {
    const auto [rows, columns] = cells_.back();
    const Int above_rows = (rows + 1) / 2, above_columns = (columns + 1) / 2;
    std::vector<Range> level(static_cast<std::size_t>(above_rows * above_columns));
    const auto& below = pyramid.back();
    for (Int row = 0; row < rows; ++row)
      for (Int column = 0; column < columns; ++column) {
        Range& to = level[static_cast<std::size_t>((row / 2) * above_columns + column / 2)];
        const Range& from = below[static_cast<std::size_t>(row * columns + column)];
        to = row % 2 == 0 && column % 2 == 0 ? from : hull(to, from);
      }
    cells_.push_back({above_rows, above_columns});
    pyramid.push_back(std::move(level));
  }
}

template <class Range, class Element>
Range GridSummary::cover(const std::vector<std::vector<Range>>& pyramid, IntRange row, IntRange column, Element element) const {
  bool any = false;
  Range result{};
  constexpr Int kCell = Int{1} << kCellBits;
  if (row.hi - row.lo < kCell && column.hi - column.lo < kCell) {  // few enough to read
    for (Int r = row.lo; r <= row.hi; ++r)
      for (Int c = column.lo; c <= column.hi; ++c) result = merge(any, result, element(base_ + r * strides_[0] + c * strides_[1]));
    return result;
  }
  std::size_t level = 0;
  const auto span = [&](IntRange range) { return (range.hi >> (kCellBits + level)) - (range.lo >> (kCellBits + level)) + 1; };
  while (level + 1 < pyramid.size() && (span(row) > kMostCells || span(column) > kMostCells)) ++level;
  const auto shift = kCellBits + static_cast<int>(level);
  for (Int r = row.lo >> shift; r <= row.hi >> shift; ++r)
    for (Int c = column.lo >> shift; c <= column.hi >> shift; ++c)
      result = merge(any, result, pyramid[level][static_cast<std::size_t>(r * cells_[level][1] + c)]);
  return result;
}

template <class Range, class Element>
Range GridSummary::total(const std::vector<std::vector<Range>>& pyramid, IntRange row, IntRange column, Range zero, Element element) const {
  const IndexParts rows = split_index(row, extents_[0]), columns = split_index(column, extents_[1]);
  bool any = rows.outside || columns.outside;
  Range result = zero;
  for (int r = 0; r < rows.count; ++r)
    for (int c = 0; c < columns.count; ++c) result = merge(any, result, cover(pyramid, rows.parts[r], columns.parts[c], element));
  return result;
}

IntRange GridSummary::integers_at(IntRange row, IntRange column) const {
  return total(integer_pyramid_, row, column, IntRange{0, 0}, [this](Int offset) { return IntRange{load_integer(*view_, offset), load_integer(*view_, offset)}; });
}

FloatRange GridSummary::reals_at(IntRange row, IntRange column) const {
  return total(real_pyramid_, row, column, kZeroFloat, [this](Int offset) { return point(load_real(*view_, offset)); });
}

}  // namespace flexc::tile
