#include "compiler/emit/tile_program/opcodes.h"

namespace flexc::compiler {

using tile::Opcode;

std::optional<Opcode> integer_opcode(dsl::Op op) {
  switch (op) {
    case dsl::Op::Add: return Opcode::Add;
    case dsl::Op::Sub: return Opcode::Sub;
    case dsl::Op::Mul: return Opcode::Mul;
    case dsl::Op::FloorDiv: return Opcode::FloorDiv;
    case dsl::Op::Mod: return Opcode::Mod;
    case dsl::Op::Neg: return Opcode::Neg;
    case dsl::Op::Abs: return Opcode::Abs;
    case dsl::Op::Sign: return Opcode::Sign;
    case dsl::Op::Min: return Opcode::Min;
    case dsl::Op::Max: return Opcode::Max;
    case dsl::Op::And: return Opcode::And;
    case dsl::Op::Or: return Opcode::Or;
    case dsl::Op::Xor: return Opcode::Xor;
    case dsl::Op::Not: return Opcode::Not;
    case dsl::Op::Shl: return Opcode::Shl;
    case dsl::Op::Shr: return Opcode::Shr;
    case dsl::Op::WrapI32: return Opcode::WrapI32;
    case dsl::Op::Eq: return Opcode::Eq;
    case dsl::Op::Ne: return Opcode::Ne;
    case dsl::Op::Lt: return Opcode::Lt;
    case dsl::Op::Le: return Opcode::Le;
    case dsl::Op::Gt: return Opcode::Gt;
    case dsl::Op::Ge: return Opcode::Ge;
    case dsl::Op::IntToFloat: return Opcode::IntToFloat;
    default: return std::nullopt;
  }
}

std::optional<Opcode> boolean_opcode(dsl::Op op) {
  switch (op) {
    case dsl::Op::And: return Opcode::AndB;
    case dsl::Op::Or: return Opcode::OrB;
    case dsl::Op::Xor: return Opcode::XorB;
    case dsl::Op::Not: return Opcode::NotB;
    case dsl::Op::BoolToInt: return Opcode::BoolToInt;
    default: return std::nullopt;
  }
}

std::optional<Opcode> float_opcode(dsl::Op op) {
  switch (op) {
    case dsl::Op::Add: return Opcode::AddF;
    case dsl::Op::Sub: return Opcode::SubF;
    case dsl::Op::Mul: return Opcode::MulF;
    case dsl::Op::Div: return Opcode::DivF;
    case dsl::Op::FloorDiv: return Opcode::FloorDivF;
    case dsl::Op::Mod: return Opcode::ModF;
    case dsl::Op::Neg: return Opcode::NegF;
    case dsl::Op::Abs: return Opcode::AbsF;
    case dsl::Op::Sign: return Opcode::SignF;
    case dsl::Op::Min: return Opcode::MinF;
    case dsl::Op::Max: return Opcode::MaxF;
    case dsl::Op::Floor: return Opcode::FloorF;
    case dsl::Op::Ceil: return Opcode::CeilF;
    case dsl::Op::Round: return Opcode::RoundF;
    case dsl::Op::Sqrt: return Opcode::SqrtF;
    case dsl::Op::Eq: return Opcode::EqF;
    case dsl::Op::Ne: return Opcode::NeF;
    case dsl::Op::Lt: return Opcode::LtF;
    case dsl::Op::Le: return Opcode::LeF;
    case dsl::Op::Gt: return Opcode::GtF;
    case dsl::Op::Ge: return Opcode::GeF;
    case dsl::Op::IsNan: return Opcode::IsNan;
    case dsl::Op::IsInf: return Opcode::IsInf;
    case dsl::Op::FloatToInt: return Opcode::FloatToInt;
    default: return std::nullopt;
  }
}

}  // namespace flexc::compiler
