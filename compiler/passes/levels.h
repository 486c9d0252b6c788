// Which coordinates a value depends on.
#pragma once

#include "mlir/IR/Value.h"

namespace flexc::compiler {

/// A set of coordinates, as bits.
enum Coordinates : unsigned { kLaunchOnly = 0, kOnHead = 1, kOnQ = 2, kOnKv = 4, kOnScore = 8, kOnLoop = 16 };

/// How the first column and the step of an affine row count: with the row, which they are constant for, or as columns of their own.
enum class AffineColumns { OfTheRow, Distinct };

/// Memoises over one variant; the IR must not change meanwhile.
class Dependences {
 public:
  explicit Dependences(AffineColumns affine = AffineColumns::OfTheRow) : affine_(affine) {}
  unsigned of(mlir::Value value);

 private:
  AffineColumns affine_;
  llvm::DenseMap<mlir::Value, unsigned> known_;
};

/// launch, head, q_side, kv_side or pair: the level at which a value can be computed. (What of a pair depends on q_idx - kv_idx: shifts.h.)
llvm::StringRef level_of(unsigned coordinates);

}  // namespace flexc::compiler
