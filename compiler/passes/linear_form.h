// Linear normal form: an integer as constant + Σ coefficient·term, modulo 2^64.
#pragma once

#include <cstdint>

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace flexc::compiler {

using Unsigned = std::uint64_t;

/// Terms are in the order in which they were met, none twice, none with coefficient 0.
struct Linear {
  Unsigned constant = 0;
  llvm::SmallVector<std::pair<mlir::Value, Unsigned>, 4> terms;

  void add_term(mlir::Value term, Unsigned coefficient);
  void add(const Linear& other, Unsigned factor);
  void drop_zeros();
};

inline constexpr int kMaxLinearTerms = 16;
inline constexpr int kMaxLinearDepth = 12;

/// An add, sub or neg of i64, or a mul by a constant.
bool is_linear(mlir::Operation* op);
Linear linear_form(mlir::Value value, int depth = kMaxLinearDepth);
/// The sum as ops, positive terms first.
mlir::Value materialize(const Linear& form, mlir::OpBuilder& builder, mlir::Location location);

}  // namespace flexc::compiler
