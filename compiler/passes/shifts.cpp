#include "compiler/passes/shifts.h"

#include "compiler/dialect/flex.h"

using namespace mlir;

namespace flexc::compiler {

std::optional<std::uint64_t> Shifts::of(Value value) {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  auto coefficient = find(value);
  if (coefficient && value.getType().isInteger(32)) coefficient = static_cast<std::uint32_t>(*coefficient);
  known_[value] = coefficient;
  return coefficient;
}

std::optional<std::uint64_t> Shifts::find(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation* owner = argument.getOwner()->getParentOp();
    if (isa<flex::ReduceOp>(owner)) return 0;
    const unsigned first_position = isa<flex::ScoreModOp>(owner) ? 3 : 2;
    return argument.getArgNumber() >= first_position ? 1 : 0;
  }
  Operation* op = value.getDefiningOp();
  const auto operand = [&](unsigned i) { return of(op->getOperand(i)); };
  const bool is_integer = value.getType().isInteger(64) || value.getType().isInteger(32);
  if (is_integer && isa<flex::AddOp, flex::SubOp>(op)) {
    const auto a = operand(0), b = operand(1);
    if (!a || !b) return std::nullopt;
    return isa<flex::AddOp>(op) ? *a + *b : *a - *b;
  }
  if (is_integer && isa<flex::NegOp>(op)) {
    const auto a = operand(0);
    return a ? std::optional(0 - *a) : std::nullopt;
  }
  if (isa<flex::ToI32Op>(op)) return operand(0);
  if (is_integer && isa<flex::MulOp>(op)) {
    for (const unsigned i : {0u, 1u}) {
      const auto factor = flex::constant_integer(op->getOperand(i));
      const auto other = operand(1 - i);
      if (factor && other) return *other * static_cast<std::uint64_t>(*factor);
    }
  }
  // Any other operation gives the same where its operands are the same, in its body too.
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    if (operand(i) != 0) return std::nullopt;
  if (auto reduction = dyn_cast<flex::ReduceOp>(op)) return of(cast<flex::YieldOp>(reduction.getBody().front().getTerminator()).getValues()[0]) == 0 ? std::optional<std::uint64_t>(0) : std::nullopt;
  return 0;
}

}  // namespace flexc::compiler
