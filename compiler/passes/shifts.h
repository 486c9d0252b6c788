// How values change when q_idx and kv_idx move together: what does not change is a function of q_idx - kv_idx.
#pragma once

#include <cstdint>
#include <optional>

#include "llvm/ADT/DenseMap.h"
#include "mlir/IR/Value.h"

namespace flexc::compiler {

/// For every t, value(q + t, kv + t) = value(q, kv) + coefficient · t, modulo 2^64 (2^32 for an i32). All operations are total and sums wrap, so this
/// holds wherever positions lie, and a value with coefficient 0 is, at every pair, what the same operations give at q = q_idx - kv_idx, kv = 0.
/// Comparisons of two positions have no coefficient, because a sum that wraps reverses them.
///
/// Memoises over one variant; the IR must not change meanwhile.
class Shifts {
 public:
  /// Nothing where the change is not known to be of this form; whatever depends on the score may have a coefficient all the same.
  std::optional<std::uint64_t> of(mlir::Value value);
  bool is_invariant(mlir::Value value) { return of(value) == 0; }

 private:
  std::optional<std::uint64_t> find(mlir::Value value);
  llvm::DenseMap<mlir::Value, std::optional<std::uint64_t>> known_;
};

}  // namespace flexc::compiler
