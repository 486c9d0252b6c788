#include "compiler/passes/linear_form.h"

#include "compiler/dialect/flex.h"

using namespace mlir;

namespace flexc::compiler {

void Linear::add_term(Value term, Unsigned coefficient) {
  for (auto& [value, sum] : terms) {
    if (value == term) {
      sum += coefficient;
      return;
    }
  }
  terms.push_back({term, coefficient});
}

void Linear::add(const Linear& other, Unsigned factor) {
  constant += other.constant * factor;
  for (const auto& [value, coefficient] : other.terms) add_term(value, coefficient * factor);
}

void Linear::drop_zeros() {
  llvm::erase_if(terms, [](const auto& term) { return term.second == 0; });
}

bool is_linear(Operation* op) {
  if (!op || op->getNumResults() != 1 || !op->getResult(0).getType().isInteger(64)) return false;
  if (isa<flex::MulOp>(op)) return flex::constant_integer(op->getOperand(0)) || flex::constant_integer(op->getOperand(1));
  return isa<flex::AddOp, flex::SubOp, flex::NegOp>(op);
}

Linear linear_form(Value value, int depth) {
  Linear form;
  if (const auto constant = flex::constant_integer(value)) {
    form.constant = static_cast<Unsigned>(*constant);
    return form;
  }
  Operation* op = value.getDefiningOp();
  if (depth > 0 && is_linear(op)) {
    const auto of = [&](unsigned operand) { return linear_form(op->getOperand(operand), depth - 1); };
    if (isa<flex::NegOp>(op)) {
      form.add(of(0), ~Unsigned{0});
    } else if (isa<flex::MulOp>(op)) {
      const auto right = flex::constant_integer(op->getOperand(1));
      form.add(of(right ? 0 : 1), static_cast<Unsigned>(right ? *right : *flex::constant_integer(op->getOperand(0))));
    } else {
      form.add(of(0), 1);
      form.add(of(1), isa<flex::AddOp>(op) ? 1 : ~Unsigned{0});
    }
    form.drop_zeros();
    if (form.terms.size() <= kMaxLinearTerms) return form;
    form = {};
  }
  form.add_term(value, 1);
  return form;
}

Value materialize(const Linear& form, OpBuilder& builder, mlir::Location location) {
  const auto constant = [&](Unsigned value) -> Value {
    return builder.create<arith::ConstantOp>(location, builder.getI64IntegerAttr(static_cast<std::int64_t>(value)));
  };
  Value sum;
  // Positive terms first, so that no negation is needed where one of them exists.
  for (const bool negative : {false, true}) {
    for (const auto& [term, coefficient] : form.terms) {
      const bool is_negative = static_cast<std::int64_t>(coefficient) < 0;
      if (is_negative != negative) continue;
      const Unsigned magnitude = is_negative ? 0 - coefficient : coefficient;
      const Value scaled = magnitude == 1 ? term : builder.create<flex::MulOp>(location, term, constant(magnitude)).getResult();
      if (!sum) sum = is_negative ? builder.create<flex::NegOp>(location, scaled).getResult() : scaled;
      else sum = is_negative ? builder.create<flex::SubOp>(location, sum, scaled).getResult() : builder.create<flex::AddOp>(location, sum, scaled).getResult();
    }
  }
  if (!sum) return constant(form.constant);
  if (form.constant == 0) return sum;
  return builder.create<flex::AddOp>(location, sum, constant(form.constant));
}

}  // namespace flexc::compiler
