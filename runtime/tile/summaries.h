// What captured data says about ranges of indices: least and greatest element over aligned runs (a sparse table over runs along one
// axis, a pyramid of cells over two), and value signatures, which settle the equality of two gathers where values are not sorted.
#pragma once

#include <array>
#include <vector>

#include "flexc/tensor.h"
#include "templates/tile/float_range.h"
#include "templates/tile/gathers.h"

namespace flexc::tile {

/// A stretch of memory along one axis of a capture.
struct Line {
  const TensorView* view = nullptr;
  Int base = 0, extent = 0, stride = 0;
  Int offset_of(Int i) const { return base + i * stride; }
};

/// Number of words of a signature: bit (value mod 64·words) is set for each value that occurs.
inline constexpr std::size_t kMaxSignatureWords = 16;

/// What binding a plane asks of a line, wherever its elements and tables are.
class LineFacts {
 public:
  virtual ~LineFacts() = default;
  /// Sorted lines need no signatures: ranges that meet share a value.
  virtual bool is_sorted() const = 0;
  /// Bounds of all elements of an integer line; [0, 0] of an empty one.
  virtual IntRange all() const = 0;
  /// Makes signatures of `words` words a run (a power of two).
  virtual void add_signatures(std::size_t words) = 0;
  virtual std::size_t signature_words() const = 0;
};

/// Bounds of any stretch of a line. Building reads each element once; a question reads at most two runs of elements.
class LineSummary final : public LineFacts {
 public:
  LineSummary(const Line& line, bool with_signatures);

  /// Elements first…last, both within the line. Integers and booleans, or floats, as the capture is.
  IntRange integers(Int first, Int last) const;
  FloatRange reals(Int first, Int last) const;
  /// The same for an index anywhere, as the language reads it: wrapping from −extent, 0 beyond.
  IntRange integers_at(IntRange index) const;
  FloatRange reals_at(IntRange index) const;

  bool is_sorted() const override { return sorted_; }
  IntRange all() const override { return line_.extent > 0 ? integers(0, line_.extent - 1) : IntRange{0, 0}; }
  bool covers(IntRange index) const { return index.lo >= 0 && index.hi < line_.extent; }
  void add_signatures(std::size_t words) override;
  std::size_t signature_words() const override { return words_; }
  /// ORs the signature of first…last into `to`.
  void signature(Int first, Int last, Word* to) const;

  /// All of it, for a copy that something else reads (device_plane.h). Borrows.
  struct Tables {
    const Line& line;
    const std::vector<std::vector<IntRange>>& integers;
    const std::vector<std::vector<FloatRange>>& reals;
    const std::vector<std::vector<Word>>& signatures;
  };
  Tables tables() const { return {line_, integer_table_, real_table_, signatures_}; }

 private:
  template <class Range, class Element>
  Range bounds(const std::vector<std::vector<Range>>& table, Int first, Int last, Element element) const;
  IntRange integer_element(Int i) const;
  FloatRange real_element(Int i) const;

  Line line_;
  bool sorted_ = false;
  std::vector<std::vector<IntRange>> integer_table_;  ///< [level][run]: 2^level runs from `run` on
  std::vector<std::vector<FloatRange>> real_table_;
  std::size_t words_ = 0;
  std::vector<std::vector<Word>> signatures_;         ///< [level][node of 2^level runs, aligned]
};

/// Bounds over rectangles of two axes: cells of 16 × 16 elements, and a pyramid above them. A rectangle that is not made of whole
/// cells is bounded by the cells that cover it.
class GridSummary {
 public:
  GridSummary(const TensorView& view, Int base, const Int extents[2], const Int strides[2]);
  IntRange integers_at(IntRange row, IntRange column) const;
  FloatRange reals_at(IntRange row, IntRange column) const;

  /// All of it, as a line's.
  struct Tables {
    const TensorView& view;
    Int base;
    const Int (&extents)[2];
    const Int (&strides)[2];
    const std::vector<std::vector<IntRange>>& integers;
    const std::vector<std::vector<FloatRange>>& reals;
  };
  Tables tables() const { return {*view_, base_, extents_, strides_, integer_pyramid_, real_pyramid_}; }

 private:
  template <class Range, class Element>
  Range cover(const std::vector<std::vector<Range>>& pyramid, IntRange row, IntRange column, Element element) const;
  template <class Range, class Element>
  Range total(const std::vector<std::vector<Range>>& pyramid, IntRange row, IntRange column, Range zero, Element element) const;
  template <class Range, class Element>
  void build(std::vector<std::vector<Range>>& pyramid, Element element);

  const TensorView* view_;
  Int base_, extents_[2], strides_[2];
  std::vector<std::array<Int, 2>> cells_;  ///< [level]: rows and columns of cells
  std::vector<std::vector<IntRange>> integer_pyramid_;
  std::vector<std::vector<FloatRange>> real_pyramid_;
};

}  // namespace flexc::tile
