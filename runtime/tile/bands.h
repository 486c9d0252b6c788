// Bands: where every condition on a column is a linear inequality in kv_idx, a block of rows is one evaluation. Each inequality cuts
// the columns at two places (kept by all rows of the block, by some, by none); between the cuts the mask is one boolean formula.
#pragma once

#include <optional>
#include <vector>

#include "runtime/tile/ranges.h"

namespace flexc::tile {

/// Columns begin … next stretch's begin, with the values that the mask takes there over the block's rows. kTrue and kFalse are
/// proofs for every pair; kMixed, that each column has kept and removed pairs; kEither is not decided.
inline constexpr Truth kMixed = 7;
struct Stretch {
  Int begin;
  Truth value;
};

class Band {
 public:
  /// Nothing where the mask is no such formula, or has more inequalities than one word of cuts holds.
  static std::optional<Band> of(const Plane& plane);

  /// One evaluation each: the stretches of `count` (at most Machine::kLanes) blocks of rows; regions span all columns. `stretches[i]` is
  /// cleared and filled. A Machine is a RangeMachine or a DeviceMachine.
  template <class Machine>
  void evaluate(Machine& machine, const Region* regions, std::size_t count, std::vector<Stretch>* stretches) const;

 private:
  static constexpr std::size_t kMaxInequalities = 24;
  struct Inequality {
    Opcode op;         ///< of sum >= 0 (Ge), or sum == 0, != 0 (Eq, Ne), where sum = slope·kv_idx + rest
    Int slope;
    LinearCompare rest;
    bool is_attained;  ///< some row has the least rest and some the greatest, and the formula reads it once
  };
  /// One node of the formula: an inequality, a condition on rows alone or a constant, or a connective.
  struct Node {
    enum class Kind : std::uint8_t { Inequality, Rows, Constant, And, Or, Xor, Not, Select } kind;
    std::uint32_t a = 0, b = 0, c = 0;
  };
  struct Cut {
    Int first, second;                      ///< where the middle stretch begins and ends
    Truth before, middle, after;
  };
  static Cut cut(const Inequality& inequality, IntRange rest);

  const Plane* plane_ = nullptr;
  std::vector<Inequality> inequalities_;
  std::vector<Node> nodes_;  ///< operands first; the last is the mask
};

}  // namespace flexc::tile
