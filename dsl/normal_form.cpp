#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

std::string_view name_of(Scalar scalar) {
  switch (scalar) {
    case Scalar::Bool: return "bool";
    case Scalar::I64: return "i64";
    case Scalar::F32: return "f32";
  }
  return "?";
}

std::string_view name_of(Op op) {
  switch (op) {
    case Op::ConstBool: return "const_bool";
    case Op::ConstI64: return "const_i64";
    case Op::ConstF32: return "const_f32";
    case Op::Score: return "score";
    case Op::BatchIndex: return "b";
    case Op::HeadIndex: return "h";
    case Op::QIndex: return "q_idx";
    case Op::KvIndex: return "kv_idx";
    case Op::SymbolValue: return "symbol";
    case Op::FreshDim: return "dim";
    case Op::Param: return "param";
    case Op::Gather: return "gather";
    case Op::GatherRow: return "gather_row";
    case Op::RowIndex: return "row_index";
    case Op::Add: return "add";
    case Op::Sub: return "sub";
    case Op::Mul: return "mul";
    case Op::FloorDiv: return "floor_div";
    case Op::Mod: return "mod";
    case Op::Neg: return "neg";
    case Op::Abs: return "abs";
    case Op::Sign: return "sign";
    case Op::Min: return "min";
    case Op::Max: return "max";
    case Op::Div: return "div";
    case Op::Pow: return "pow";
    case Op::And: return "and";
    case Op::Or: return "or";
    case Op::Xor: return "xor";
    case Op::Not: return "not";
    case Op::Shl: return "shl";
    case Op::Shr: return "shr";
    case Op::WrapI32: return "wrap_i32";
    case Op::Eq: return "eq";
    case Op::Ne: return "ne";
    case Op::Lt: return "lt";
    case Op::Le: return "le";
    case Op::Gt: return "gt";
    case Op::Ge: return "ge";
    case Op::Select: return "select";
    case Op::BoolToInt: return "bool_to_int";
    case Op::IntToFloat: return "int_to_float";
    case Op::FloatToInt: return "float_to_int";
    case Op::Floor: return "floor";
    case Op::Ceil: return "ceil";
    case Op::Round: return "round";
    case Op::Exp: return "exp";
    case Op::Exp2: return "exp2";
    case Op::Expm1: return "expm1";
    case Op::Log: return "log";
    case Op::Log2: return "log2";
    case Op::Log1p: return "log1p";
    case Op::Sqrt: return "sqrt";
    case Op::Rsqrt: return "rsqrt";
    case Op::Sin: return "sin";
    case Op::Cos: return "cos";
    case Op::Tan: return "tan";
    case Op::Tanh: return "tanh";
    case Op::Sigmoid: return "sigmoid";
    case Op::Erf: return "erf";
    case Op::IsNan: return "is_nan";
    case Op::IsInf: return "is_inf";
    case Op::Dot: return "dot";
    case Op::Sum: return "sum";
    case Op::RowMin: return "row_min";
    case Op::RowMax: return "row_max";
  }
  return "?";
}

}  // namespace flexc::dsl
