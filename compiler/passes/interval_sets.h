// Sets of kv positions as unions of intervals [lo, hi) whose ends are values of a row: the algebra behind recognise-bands.
//
// No position is INT64_MAX, so the ends INT64_MIN and INT64_MAX mean "none", and sums of ends saturate there. Where ranges prove that a
// sum stays within 64 bits it is a plain one, and the assumptions behind the proof are collected.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "compiler/dialect/flex.h"
#include "compiler/passes/ranges.h"

namespace flexc::compiler {

/// An end of an interval: a value of the function that is being built, and what is known of it.
struct Bound {
  mlir::Value value;
  Range range;
};

/// [lo, hi); empty where hi <= lo.
struct Interval {
  Bound lo, hi;
};

/// The union of intervals, which may overlap and be empty, in any order; or, with `condition`, all positions where that value of the row
/// is true and none where it is false.
struct IntervalSet {
  llvm::SmallVector<Interval, 4> intervals;
  mlir::Value condition;
};

/// More than this is not followed: what has become of it after an intersection may be small again, but seldom is.
inline constexpr std::size_t kMaxIntervals = 4;

/// Writes the ends' arithmetic where `builder` stands. Every function that returns an optional gives nothing where the result has too
/// many intervals.
class IntervalAlgebra {
 public:
  IntervalAlgebra(mlir::OpBuilder& builder, mlir::Location location) : builder_(builder), location_(location) {}

  Bound constant(std::int64_t value);
  Bound least() { return constant(std::numeric_limits<std::int64_t>::min()); }
  Bound most() { return constant(std::numeric_limits<std::int64_t>::max()); }
  static bool is_least(const Bound& bound) { return bound.range.is_constant() && bound.range.lo == std::numeric_limits<std::int64_t>::min(); }
  static bool is_most(const Bound& bound) { return bound.range.is_constant() && bound.range.lo == std::numeric_limits<std::int64_t>::max(); }

  Bound min(const Bound& a, const Bound& b);
  Bound max(const Bound& a, const Bound& b);
  Bound select(mlir::Value condition, const Bound& a, const Bound& b);
  /// Saturating.
  Bound add(const Bound& a, const Bound& b);
  Bound subtract(const Bound& a, const Bound& b);
  /// Modulo 2^64.
  Bound wrapping_subtract(const Bound& a, const Bound& b);
  /// Saturating for constants; nothing where any other product may leave 64 bits.
  std::optional<Bound> multiply(const Bound& a, const Bound& b);
  /// The least integer that is not below a / divisor, for divisor > 0; nothing where a may be INT64_MIN.
  std::optional<Bound> ceil_divide(const Bound& a, std::int64_t divisor);

  /// Comparisons, and operations on conditions; constants fold.
  mlir::Value less(const Bound& a, const Bound& b);
  mlir::Value truth(bool value);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value either(mlir::Value a, mlir::Value b);
  mlir::Value negate(mlir::Value condition);

  static IntervalSet of(Interval interval) { return {{interval}, {}}; }
  IntervalSet all() { return {{}, truth(true)}; }
  IntervalSet when(mlir::Value condition) { return {{}, condition}; }

  std::optional<IntervalSet> intersect(const IntervalSet& a, const IntervalSet& b);
  std::optional<IntervalSet> unite(const IntervalSet& a, const IntervalSet& b);
  std::optional<IntervalSet> complement(const IntervalSet& set);
  IntervalSet choose(mlir::Value condition, const IntervalSet& a, const IntervalSet& b);
  /// The set as intervals alone: a condition becomes one.
  IntervalSet as_intervals(const IntervalSet& set);

  /// Assumptions behind the plain sums and the intervals that were left out.
  std::uint32_t assumes() const { return assumes_; }

 private:
  bool is_below(const Bound& a, const Bound& b);
  void insert(IntervalSet& set, Interval interval);
  std::optional<IntervalSet> checked(IntervalSet set);
  /// One operation; the same one twice is made once, so that equal ends are the same value.
  template <class Op>
  mlir::Value make(mlir::Value a, mlir::Value b = {}, mlir::Value c = {});

  mlir::OpBuilder& builder_;
  mlir::Location location_;
  std::uint32_t assumes_ = kAssumesNothing;
  std::map<std::int64_t, mlir::Value> constants_;
  std::map<std::array<const void*, 4>, mlir::Value> made_;
};

}  // namespace flexc::compiler
