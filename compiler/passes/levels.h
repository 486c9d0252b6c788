// Which coordinates a value depends on.
#pragma once

#include "mlir/IR/Value.h"

namespace flexc::compiler {

/// A set of coordinates, as bits.
enum Coordinates : unsigned { kLaunchOnly = 0, kOnHead = 1, kOnQ = 2, kOnKv = 4, kOnScore = 8, kOnLoop = 16 };

/// Memoises over one mod; the IR must not change meanwhile.
class Dependences {
 public:
  unsigned of(mlir::Value value);

 private:
  llvm::DenseMap<mlir::Value, unsigned> known_;
};

/// launch, head, q_side, kv_side or pair: the level at which a value can be computed.
llvm::StringRef level_of(unsigned coordinates);

}  // namespace flexc::compiler
