// Range analysis: which values an integer of a mod can have, and whether computing it can wrap.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "compiler/dialect/flex.h"
#include "compiler/members.h"

namespace flexc::compiler {

/// A closed interval of signed 64-bit integers that holds the value at every existing pair, for every input. (Lanes beyond a
/// segment's end are no pairs: there a value may lie outside, so nothing that touches memory may rely on a range.)
struct Range {
  std::int64_t lo = std::numeric_limits<std::int64_t>::min();
  std::int64_t hi = std::numeric_limits<std::int64_t>::max();
  /// Assumptions (members.h) behind the bounds: without them the interval may be wrong.
  std::uint32_t assumes = kAssumesNothing;

  bool contains(std::int64_t x) const { return lo <= x && x <= hi; }
  bool is_constant() const { return lo == hi; }
  /// Every value is that of a signed integer of so many bits, 1 to 64.
  bool fits(unsigned bits) const;
};

/// Ranges of the integers of a variant's mods; booleans are 0 or 1, a row has the range of its elements.
///
/// Without the attribute `flex.narrow` on the variant, leaves have what their types and the hosts guarantee: positions are any i64
/// (runtime/kernel/arguments.cpp accepts negative offsets and only refuses an offset + length beyond 64 bits), the symbols and fresh
/// dims are not negative, b is in [0, B), h in [0, H), i32 params, i32 and u8 captures have their type's range. With it, the
/// assumptions of members.h hold too, and each range says which of them it rests on.
///
/// Memoises by value: a value that is erased or whose operands change makes the object stale.
class Ranges {
 public:
  explicit Ranges(flex::VariantOp variant);

  /// The full range of its type where nothing is known. Works without recursion, whatever the depth.
  Range of(mlir::Value value);

  /// Whether this operation's result can differ from the mathematical one on its operands, at some pair: a sum, difference,
  /// product, negation, magnitude, shift or quotient beyond 64 bits; a wrap_i32 that changes its operand. Leaves never do.
  bool wraps(mlir::Value value);

  /// Neither `value` nor any integer operation behind it wraps, so that the expression means the same over the mathematical
  /// integers. Stops at leaves, gathers and conversions from bools and floats. `assumes`, where given, collects the
  /// assumptions that the answer rests on: who uses a positive answer must pass them to assume().
  bool is_exact(mlir::Value value, std::uint32_t* assumes = nullptr);

 private:
  struct Known {
    Range range;
    bool wraps = false;
  };
  const Known& know(mlir::Value value);
  Known leaf(mlir::Value value);
  Known operation(mlir::Operation* op);
  Range size(flex::DimAttr dim);

  bool narrow_;
  llvm::StringMap<mlir::Type> captures_, params_;
  llvm::DenseMap<mlir::Value, Known> known_;
};

/// Records assumptions that a pass relies on, in flex.assumes; the launch checks them.
void assume(flex::VariantOp variant, std::uint32_t assumptions);
/// All that were recorded.
std::uint32_t assumptions_of(flex::VariantOp variant);

}  // namespace flexc::compiler
