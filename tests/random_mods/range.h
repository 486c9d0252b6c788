// What a float of a mod may be on a back end that keeps the documented error bounds.
//
// A range is every number that f32 evaluation may give, and the f64 value of the oracle: each operation is applied to all values of
// its operands' ranges, and its own error is added, by docs/math.md: half a unit in the last place for + - * / sqrt and conversions
// (they are correctly rounded), the promised units for the functions, nothing for what is exact. No tolerance is chosen anywhere.
#pragma once

#include "flexc/dsl/normal_form.h"

namespace random_mods {

struct Range {
  double lo = 0, hi = 0;  ///< infinities are members if they are the ends
  bool has_numbers = true;
  bool may_be_nan = false;

  static Range point(double value);
  static Range anything();

  bool is_point() const { return has_numbers && !may_be_nan && lo == hi; }
  bool contains(double value) const;
  /// Whether the range says much: a NaN, one infinity, or numbers within a thousandth.
  bool is_narrow() const;
};

/// An operation on F32 operands, or IntToFloat of an integer (exact in `a`). Not for comparisons and conversions to integers,
/// whose operands lie in the strict cone.
Range apply(flexc::dsl::Op op, const Range& a, const Range& b);
/// The same where the CPU may take a shorter way: docs/math.md, "The CPU's pairs". A quotient is one by a constant or a param.
Range apply_loose(flexc::dsl::Op op, const Range& a, const Range& b);
/// The same where a unit of the GPU may compute it: functions and quotients of a pair, outside of the strict cone. A quotient whose
/// divisor all pairs of a row share is a product with its reciprocal. Every other operation as apply().
enum class Divisor { OfThePair, OfTheRow };
Range apply_unit(flexc::dsl::Op op, const Range& a, const Range& b, Divisor divisor);
Range reciprocal(const Range& a);
/// Either of two.
Range united(const Range& a, const Range& b);
Range of_integer(std::int64_t value);

}  // namespace random_mods
