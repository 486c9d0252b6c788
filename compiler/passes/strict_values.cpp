#include "compiler/passes/strict_values.h"

#include "compiler/dialect/flex.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

/// Straight-line code backwards: by the time an op is met, all its uses were.
void visit(Block& block, llvm::DenseSet<Value>& strict) {
  for (Operation& op : llvm::reverse(block)) {
    if (op.getNumResults() != 1) continue;
    const Value result = op.getResult(0);
    const bool is_strict = !result.getType().isF32() || strict.contains(result);
    if (auto reduction = dyn_cast<flex::ReduceOp>(op)) {
      Block& body = reduction.getBody().front();
      if (is_strict) strict.insert(cast<flex::YieldOp>(body.getTerminator()).getValues()[0]);
      visit(body, strict);
    }
    if (!is_strict) continue;
    for (Value operand : op.getOperands())
      if (operand.getType().isF32()) strict.insert(operand);
  }
}

}  // namespace

llvm::DenseSet<Value> strict_values(Region& mod) {
  llvm::DenseSet<Value> strict;
  visit(mod.front(), strict);
  return strict;
}

}  // namespace flexc::compiler
