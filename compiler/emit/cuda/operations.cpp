// One op at a time, as text over the functions of templates/hooks_math.cuh. No text of the user's ever gets here: names are numbers,
// and literals are printed from their bits.
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "compiler/emit/cuda/emitter.h"

using namespace mlir;

namespace flexc::compiler::cuda {

using dsl::Op;

std::string literal(float value) {
  if (!std::isfinite(value)) return fmt::format("float_of(0x{:08x}u)", std::bit_cast<std::uint32_t>(value));
  std::array<char, 32> digits{};  // the shortest that reads back as the same f32
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  std::string text(digits.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

std::string literal(std::int64_t value, unsigned bits) {
  if (bits == 1) return value != 0 ? "true" : "false";
  const std::int64_t least = bits == 32 ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int64_t>::min();
  const std::string_view suffix = bits == 32 ? "" : "ll";
  if (value == least) return fmt::format("(-{}{} - 1)", -(least + 1), suffix);
  return fmt::format("{}{}", value, suffix);
}

std::string type_name(Type type) {
  if (type.isF32()) return "float";
  if (type.isInteger(1)) return "bool";
  return type.isInteger(32) ? "i32" : "i64";
}

namespace {

using Texts = ArrayRef<std::string>;

std::string call(std::string_view function, Texts operands) { return fmt::format("{}({})", function, fmt::join(operands, ", ")); }
std::string infix(Texts operands, std::string_view symbol) { return fmt::format("{} {} {}", operands[0], symbol, operands[1]); }

std::string comparison(Op kind, Texts operands) {
  switch (kind) {
    case Op::Eq: return infix(operands, "==");
    case Op::Ne: return infix(operands, "!=");
    case Op::Lt: return infix(operands, "<");
    case Op::Le: return infix(operands, "<=");
    case Op::Gt: return infix(operands, ">");
    case Op::Ge: return infix(operands, ">=");
    default: return {};
  }
}

std::string bool_operation(Op kind, Texts operands, Type type) {
  switch (kind) {
    case Op::And: return infix(operands, "&");
    case Op::Or: return infix(operands, "|");
    case Op::Xor: return infix(operands, "!=");
    case Op::Not: return "!" + operands[0];
    case Op::BoolToInt: return fmt::format("static_cast<{}>({})", type_name(type), operands[0]);
    default: return comparison(kind, operands);
  }
}

std::string integer_operation(Op kind, Texts operands) {
  switch (kind) {
    case Op::Add: return call("wrap_add", operands);
    case Op::Sub: return call("wrap_sub", operands);
    case Op::Mul: return call("wrap_mul", operands);
    case Op::FloorDiv: return call("floor_div", operands);
    case Op::Mod: return call("floor_mod", operands);
    case Op::Neg: return call("wrap_neg", operands);
    case Op::Abs: return call("wrap_abs", operands);
    case Op::Sign: return call("sign_i", operands);
    case Op::Min: return call("min_i", operands);
    case Op::Max: return call("max_i", operands);
    case Op::And: return infix(operands, "&");
    case Op::Or: return infix(operands, "|");
    case Op::Xor: return infix(operands, "^");
    case Op::Not: return "~" + operands[0];
    case Op::Shl: return call("shift_left", operands);
    case Op::Shr: return call("shift_right", operands);
    case Op::WrapI32: return call("wrap_i32", operands);
    case Op::IntToFloat: return call("int_to_float", operands);
    default: return comparison(kind, operands);
  }
}

std::string float_operation(Op kind, Texts operands, bool is_strict, bool has_unit) {
  switch (kind) {
    case Op::Add: return is_strict ? call("add_rn", operands) : infix(operands, "+");
    case Op::Sub: return is_strict ? call("sub_rn", operands) : infix(operands, "-");
    case Op::Mul: return is_strict ? call("mul_rn", operands) : infix(operands, "*");
    case Op::Div: return call(has_unit ? "div_unit" : "div_rn", operands);
    case Op::Neg: return call("neg_f", operands);
    case Op::Abs: return call("abs_f", operands);
    case Op::Sign: return call("sign_f", operands);
    case Op::Min: return call("min_f", operands);
    case Op::Max: return call("max_f", operands);
    case Op::Floor: return call("floor_f", operands);
    case Op::Round: return call("round_even", operands);
    case Op::Sqrt: return call(has_unit ? "sqrt_unit" : "sqrt_rn", operands);
    case Op::IsNan: return call("is_nan", operands);
    case Op::IsInf: return call("is_inf", operands);
    case Op::FloatToInt: return call("float_to_int", operands);
    case Op::Exp: return call("exp_unit", operands);
    case Op::Exp2: return call("exp2_unit", operands);
    case Op::Log: return call("log_unit", operands);
    case Op::Log2: return call("log2_unit", operands);
    case Op::Rsqrt: return call("rsqrt_unit", operands);
    case Op::Tanh: return call("tanh_unit", operands);
    case Op::Sigmoid: return call("sigmoid_unit", operands);
    default: return comparison(kind, operands);
  }
}

/// The arith and math ops that expand-math writes: always rounded once, never contracted.
std::string step_text(Operation& op, Texts operands) {
  const Type type = op.getResult(0).getType();
  const auto cast_to_type = [&] { return fmt::format("static_cast<{}>({})", type_name(type), operands[0]); };
  const bool is_bool = type.isInteger(1);
  if (isa<arith::AddFOp>(op)) return call("add_rn", operands);
  if (isa<arith::SubFOp>(op)) return call("sub_rn", operands);
  if (isa<arith::MulFOp>(op)) return call("mul_rn", operands);
  if (isa<arith::DivFOp>(op)) return call("div_rn", operands);
  if (isa<math::FmaOp>(op)) return call("fma_rn", operands);
  if (isa<math::SqrtOp>(op)) return call("sqrt_rn", operands);
  if (isa<arith::NegFOp>(op)) return call("neg_f", operands);
  if (isa<math::AbsFOp>(op)) return call("abs_f", operands);
  if (isa<math::FloorOp>(op)) return call("floor_f", operands);
  if (isa<math::RoundEvenOp>(op)) return call("round_even", operands);
  if (isa<arith::AddIOp>(op)) return call("wrap_add", operands);
  if (isa<arith::SubIOp>(op)) return call("wrap_sub", operands);
  if (isa<arith::MulIOp>(op)) return call("wrap_mul", operands);
  if (isa<arith::AndIOp>(op)) return infix(operands, "&");
  if (isa<arith::OrIOp>(op)) return infix(operands, "|");
  if (isa<arith::XOrIOp>(op)) return infix(operands, is_bool ? "!=" : "^");
  if (isa<arith::ShLIOp>(op)) return call("shift_left", operands);
  if (isa<arith::ShRSIOp>(op)) return call("shift_right", operands);
  if (isa<arith::ShRUIOp>(op)) return call("shift_right_logical", operands);
  if (isa<arith::RemUIOp>(op)) return call("rest_unsigned", operands);
  if (isa<arith::BitcastOp>(op)) return call(type.isF32() ? "float_from_bits" : "bits_from_float", operands);
  if (isa<arith::ExtUIOp>(op)) return call("zero_extend", operands);
  if (isa<arith::TruncIOp>(op)) return call("truncate", operands);
  if (isa<arith::ExtSIOp, arith::SIToFPOp, arith::FPToSIOp>(op)) return cast_to_type();
  if (isa<arith::SelectOp>(op)) return fmt::format("{} ? {} : {}", operands[0], operands[1], operands[2]);
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    switch (compare.getPredicate()) {
      case arith::CmpFPredicate::OEQ: return infix(operands, "==");
      case arith::CmpFPredicate::OLT: return infix(operands, "<");
      case arith::CmpFPredicate::OLE: return infix(operands, "<=");
      default: return {};
    }
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    if (compare.getPredicate() == arith::CmpIPredicate::eq) return infix(operands, "==");
    if (compare.getPredicate() == arith::CmpIPredicate::slt) return infix(operands, "<");
  }
  return {};
}

}  // namespace

std::string operation_text(Operation& op, ArrayRef<std::string> operands, bool is_strict) {
  auto language_op = dyn_cast<flex::LanguageOp>(op);
  if (!language_op) return step_text(op, operands);
  const Op kind = language_op.operation();
  if (kind == Op::Select) return fmt::format("{} ? {} : {}", operands[0], operands[1], operands[2]);
  const Type from = op.getOperand(0).getType();
  if (from.isF32()) return float_operation(kind, operands, is_strict, op.hasAttr("flex.unit"));
  return from.isInteger(1) ? bool_operation(kind, operands, op.getResult(0).getType()) : integer_operation(kind, operands);
}

std::string combine_text(StringRef kind, Type type, const std::string& total, const std::string& element, bool is_strict) {
  const std::string operands[] = {total, element};
  const Op combine = kind == "sum" ? Op::Add : kind == "min" ? Op::Min : Op::Max;
  return type.isF32() ? float_operation(combine, operands, is_strict, false) : integer_operation(combine, operands);
}

}  // namespace flexc::compiler::cuda
