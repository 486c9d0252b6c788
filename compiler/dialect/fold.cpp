// Folding of the language's operations. Constants are computed by the functions that define the language (dsl/evaluate), so
// a folded value is what run time would give; identities are those that hold for every input.
#include <bit>

#include "compiler/dialect/flex.h"
#include "dsl/evaluate/scalar_ops.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace flexc::flex {
namespace {

using dsl::Op;

std::optional<dsl::Value> value_of(Attribute attribute) {
  if (const auto integer = dyn_cast_or_null<IntegerAttr>(attribute))
    return dsl::Value{integer.getType().isInteger(1) ? std::int64_t{integer.getValue().getBoolValue()} : integer.getInt(), 0};
  if (const auto real = dyn_cast_or_null<FloatAttr>(attribute))
    if (real.getType().isF32()) return dsl::Value{0, real.getValue().convertToFloat()};
  return std::nullopt;
}

Attribute attribute_of(dsl::Value value, Type type) {
  Builder builder(type.getContext());
  if (type.isF32()) return FloatAttr::get(type, llvm::APFloat(static_cast<float>(value.real)));
  if (type.isInteger(1)) return builder.getBoolAttr(value.integer != 0);
  if (type.isInteger(32)) return builder.getI32IntegerAttr(static_cast<std::int32_t>(dsl::wrap_i32(value.integer)));
  return builder.getI64IntegerAttr(value.integer);
}

bool is_integer(Attribute attribute, std::int64_t wanted) {
  const auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer && !integer.getType().isInteger(1) && integer.getInt() == wanted;
}

bool is_bool(Attribute attribute, bool wanted) {
  const auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer && integer.getType().isInteger(1) && integer.getValue().getBoolValue() == wanted;
}

/// Bit for bit: -0 is not 0.
bool is_float(Attribute attribute, float wanted) {
  const auto real = dyn_cast_or_null<FloatAttr>(attribute);
  return real && real.getType().isF32() && std::bit_cast<std::uint32_t>(real.getValue().convertToFloat()) == std::bit_cast<std::uint32_t>(wanted);
}

/// Two constant operands, or one: the value itself.
OpFoldResult fold_constants(Op op, Operation* operation, ArrayRef<Attribute> operands) {
  dsl::Value values[2];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const auto value = value_of(operands[i]);
    if (!value) return {};
    values[i] = *value;
  }
  const Type from = operation->getOperand(0).getType(), to = operation->getResult(0).getType();
  if (op == Op::Not) return attribute_of({from.isInteger(1) ? values[0].integer == 0 : ~values[0].integer, 0}, to);
  return attribute_of(from.isF32() ? dsl::float_operation(op, true, values[0], values[1]) : dsl::integer_operation(op, true, values[0], values[1]), to);
}

OpFoldResult fold_select(Operation* operation, ArrayRef<Attribute> operands) {
  if (is_bool(operands[0], true)) return operation->getOperand(1);
  if (is_bool(operands[0], false)) return operation->getOperand(2);
  if (operation->getOperand(1) == operation->getOperand(2)) return operation->getOperand(1);
  if (is_bool(operands[1], true) && is_bool(operands[2], false)) return operation->getOperand(0);
  return {};
}

OpFoldResult fold_bits(Op op, Operation* operation, ArrayRef<Attribute> operands) {
  const Value lhs = operation->getOperand(0), rhs = operation->getOperand(1);
  const Attribute right = operands[1];
  const bool zero = is_integer(right, 0) || is_bool(right, false), ones = is_integer(right, -1) || is_bool(right, true);
  if (op == Op::And) {
    if (zero) return right;
    if (ones || lhs == rhs) return lhs;
  } else if (op == Op::Or) {
    if (ones) return right;
    if (zero || lhs == rhs) return lhs;
  } else {
    if (zero) return lhs;
    if (lhs == rhs) return attribute_of({}, lhs.getType());
  }
  return {};
}

OpFoldResult fold_integers(Op op, Operation* operation, ArrayRef<Attribute> operands) {
  const Value lhs = operation->getOperand(0), rhs = operation->getNumOperands() > 1 ? operation->getOperand(1) : Value();
  const Attribute right = operands.size() > 1 ? operands[1] : Attribute();
  const Attribute zero = Builder(operation->getContext()).getIntegerAttr(lhs.getType(), 0);
  switch (op) {
    case Op::Add: return is_integer(right, 0) ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Sub: return is_integer(right, 0) ? OpFoldResult(lhs) : lhs == rhs ? OpFoldResult(zero) : OpFoldResult();
    case Op::Mul: return is_integer(right, 1) ? OpFoldResult(lhs) : is_integer(right, 0) ? OpFoldResult(right) : OpFoldResult();
    case Op::FloorDiv: return is_integer(right, 1) ? OpFoldResult(lhs) : is_integer(right, 0) || is_integer(operands[0], 0) ? OpFoldResult(zero) : OpFoldResult();
    case Op::Mod: return is_integer(right, 1) || is_integer(right, -1) || is_integer(right, 0) || is_integer(operands[0], 0) || lhs == rhs ? OpFoldResult(zero) : OpFoldResult();
    case Op::Min: case Op::Max: return lhs == rhs ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Shl: case Op::Shr: return is_integer(right, 0) ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Eq: case Op::Le: case Op::Ge: return lhs == rhs ? OpFoldResult(BoolAttr::get(operation->getContext(), true)) : OpFoldResult();
    case Op::Ne: case Op::Lt: case Op::Gt: return lhs == rhs ? OpFoldResult(BoolAttr::get(operation->getContext(), false)) : OpFoldResult();
    default: return {};
  }
}

OpFoldResult fold_floats(Op op, Operation* operation, ArrayRef<Attribute> operands) {
  const Value lhs = operation->getOperand(0);
  const Attribute right = operands.size() > 1 ? operands[1] : Attribute();
  switch (op) {
    case Op::Add: return is_float(right, -0.0f) ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Sub: return is_float(right, 0.0f) ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Mul: case Op::Div: return is_float(right, 1.0f) ? OpFoldResult(lhs) : OpFoldResult();
    case Op::Min: case Op::Max: return lhs == operation->getOperand(1) ? OpFoldResult(lhs) : OpFoldResult();
    default: return {};
  }
}

/// f(f(x)) for operations that undo or repeat themselves.
OpFoldResult fold_nested(Op op, Operation* operation) {
  auto inner = operation->getOperand(0).getDefiningOp<LanguageOp>();
  if (!inner || inner.operation() != op) return {};
  if (op == Op::Not || op == Op::Neg) return inner->getOperand(0);
  if (op == Op::Abs || op == Op::WrapI32 || op == Op::Floor || op == Op::Ceil || op == Op::Round) return operation->getOperand(0);
  return {};
}

}  // namespace

OpFoldResult ToI32Op::fold(FoldAdaptor adaptor) {
  if (auto inner = getOperand().getDefiningOp<ToI64Op>()) return inner.getOperand();
  const auto value = value_of(adaptor.getOperand());
  return value ? OpFoldResult(attribute_of(*value, getType())) : OpFoldResult();
}

OpFoldResult ToI64Op::fold(FoldAdaptor adaptor) {
  const auto value = value_of(adaptor.getOperand());
  return value ? OpFoldResult(attribute_of(*value, getType())) : OpFoldResult();
}

OpFoldResult fold_elementwise(Op op, Operation* operation, ArrayRef<Attribute> operands) {
  if (op == Op::Select) return fold_select(operation, operands);
  if (isa<RowType>(operation->getOperand(0).getType())) return {};
  if (OpFoldResult folded = fold_constants(op, operation, operands)) return folded;
  if (operands.size() == 1) return fold_nested(op, operation);
  if (op == Op::And || op == Op::Or || op == Op::Xor) return fold_bits(op, operation, operands);
  return operation->getOperand(0).getType().isF32() ? fold_floats(op, operation, operands) : fold_integers(op, operation, operands);
}

}  // namespace flexc::flex
