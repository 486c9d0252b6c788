// What a mod must give at a pair: a second walk over the normal form, independent of the oracle's, in exact values inside the
// strict cone and in ranges outside of it.
#pragma once

#include <span>
#include <vector>

#include "flexc/dsl/evaluate.h"
#include "tests/random_mods/range.h"

namespace random_mods {

/// A value and, for affine scores, the sum of the magnitudes of its terms.
struct Expected {
  std::int64_t integer = 0;  ///< Bool and I64
  Range real;                ///< F32; a point inside the strict cone
  double magnitude = 0;      ///< |terms| summed: what bounds the error of adding them up in another order
  double underflow = 0;      ///< what underflows of the terms can come to
};

/// The least f32 above 0: what an underflow is wrong by, at most.
inline constexpr double kLeastFloat = 0x1p-149;

/// A pair, and the first and last position of the segment in which it stands.
struct Point {
  float score = 0;
  std::int64_t b = 0, h = 0, q_idx = 0, kv_idx = 0;
  double segment_magnitude = 0;  ///< |kv_base| + |kv_step| · count
  float acc = 0, scale = 1;      ///< for Floats::Units: score = acc · scale, without a rounding
};

/// What computes the floats outside of the strict cone: the expansions of docs/math.md (for a pair either of two, "The CPU's pairs"), or units
/// of the GPU where it has them ("The GPU's units"; a factor of the score that a row's pairs share is multiplied with the scale first).
enum class Floats { Expanded, Units };

class Expectation {
 public:
  Expectation(const flexc::dsl::Body& body, const flexc::dsl::NormalForm& form, const flexc::dsl::Environment& environment,
              std::span<const std::int64_t> fresh_sizes, Floats floats = Floats::Expanded);
  const Expected& at(const Point& point);
  /// Whether the result lies in the strict cone, so that all its bits are fixed.
  bool is_strict() const { return strict_[body_.result]; }
  /// Whether an operation may be computed by a shorter list, so that other code need not give the same bits.
  bool is_loose() const;
  /// Of a node, after at().
  const Expected& value(flexc::dsl::NodeId id) const { return values_[id]; }
  /// Whether all pairs of a row have the same value there.
  bool is_shared(flexc::dsl::NodeId id) const { return (reads_[id] & (kReadsKv | kReadsScore)) == 0; }

 private:
  using Row = std::vector<Expected>;
  void compute(flexc::dsl::NodeId id, const Point& point);
  Expected leaf(const flexc::dsl::Node& node, bool strict, const Point& point) const;
  Expected load(const flexc::TensorView& view, std::int64_t offset) const;
  bool offset_of(const flexc::dsl::Node& node, const flexc::TensorView& view, std::int64_t& offset) const;
  Expected operation(const flexc::dsl::Node& node, bool strict, const Expected& a, const Expected& b) const;
  bool is_number(flexc::dsl::NodeId id) const;
  bool has_loose_form(const flexc::dsl::Node& node, bool strict) const;
  Expected by_units(const flexc::dsl::Node& node, const Expected& a, const Expected& b) const;
  Expected combine(flexc::dsl::Op op, bool is_float, bool strict, const Expected& a, const Expected& b) const;
  Expected reduce(const flexc::dsl::Node& node, bool strict) const;
  const Expected& element(flexc::dsl::NodeId operand, std::size_t i) const {
    return body_.nodes[operand].type.is_row ? rows_[operand][i] : values_[operand];
  }
  std::int64_t size_of(const flexc::dsl::Dim& dim) const;

  /// Coordinates that a node's value may depend on, as bits.
  enum Reads : unsigned { kReadsQ = 1, kReadsKv = 2, kReadsScore = 4 };
  unsigned reads_of(const flexc::dsl::Node& node) const;
  bool is_of_pair(unsigned reads) const { return (reads & kReadsScore) != 0 || (reads & (kReadsQ | kReadsKv)) == (kReadsQ | kReadsKv); }

  const flexc::dsl::Body& body_;
  const flexc::dsl::NormalForm& form_;
  const flexc::dsl::Environment& environment_;
  std::span<const std::int64_t> fresh_sizes_;
  Floats floats_;
  std::vector<bool> strict_;
  std::vector<unsigned> reads_;
  Point point_;
  std::vector<Expected> values_;
  std::vector<Row> rows_;
};

}  // namespace random_mods
