#include "compiler/emit/cuda/launch_program.h"

#include <bit>

#include "compiler/emit/tile_program/opcodes.h"

using namespace mlir;

namespace flexc::compiler::cuda {

using tile::Opcode;
using tile::Register;

namespace {

constexpr std::int64_t kLowHalf = 0xFFFFFFFF;

/// Whether the 64-bit result of an integer instruction may leave 32 bits, so that a 32-bit operation has to wrap it.
bool may_leave_32_bits(Opcode op) {
  switch (op) {
    case Opcode::Add: case Opcode::Sub: case Opcode::Mul: case Opcode::FloorDiv: case Opcode::Neg: case Opcode::Abs: case Opcode::Shl: return true;
    default: return false;
  }
}

}  // namespace

LaunchEmitter::LaunchEmitter(flex::VariantOp variant) {
  for (Operation& op : variant.getBody().front()) {
    if (isa<flex::ParamOp>(op)) ++launch_.program.params;
    else if (isa<flex::FreshDimOp>(op)) ++launch_.program.fresh_dims;
  }
  ++launch_.program.params;  // the scale
}

void LaunchEmitter::add_value(Value wanted, Factor factor) {
  Register result = value(wanted);
  if (factor == Factor::Log2E) result = add(Opcode::MulF, 0, {result, real(kLog2E)});
  if (factor == Factor::Scale) result = add(Opcode::MulF, 0, {result, add(Opcode::ParamF, launch_.program.params - 1, {})});
  if (factor == Factor::None && wanted.getType().isInteger(32)) result = add(Opcode::And, 0, {result, integer(kLowHalf)});
  launch_.values.push_back(result);
}

void LaunchEmitter::add_divisor(Value wanted) { launch_.divisors.push_back(value(wanted)); }

Result<runtime::LaunchProgram> LaunchEmitter::finish() {
  launch_.program.result = add(Opcode::ConstB, 1, {});  // a tile program has a boolean result; nobody asks for this one
  if (problem_.empty()) problem_ = runtime::check(launch_);
  if (!problem_.empty()) return std::unexpected(Error{ErrorKind::Internal, "the launch level cannot be emitted: " + problem_});
  return std::move(launch_);
}

Register LaunchEmitter::add(Opcode op, std::int64_t imm, ArrayRef<Register> operands) {
  tile::Program& program = launch_.program;
  program.instructions.push_back({op, imm, static_cast<std::uint32_t>(program.operands.size()), static_cast<std::uint32_t>(operands.size())});
  program.operands.insert(program.operands.end(), operands.begin(), operands.end());
  return static_cast<Register>(program.instructions.size() - 1);
}

Register LaunchEmitter::real(float value) { return add(Opcode::ConstF, std::bit_cast<std::uint32_t>(value), {}); }

Register LaunchEmitter::fail(Operation& op) {
  if (problem_.empty()) problem_ = op.getName().getStringRef().str() + " has no instruction";
  return 0;
}

Register LaunchEmitter::value(Value wanted) {
  if (const auto found = known_.find(wanted); found != known_.end()) return found->second;
  Operation* op = wanted.getDefiningOp();
  if (op == nullptr) {
    if (problem_.empty()) problem_ = "a position is read";
    return 0;
  }
  const Register result = computed(*op);
  return known_[wanted] = result;
}

Register LaunchEmitter::computed(Operation& op) {
  const Type type = op.getResult(0).getType();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto number = dyn_cast<FloatAttr>(constant.getValue())) return real(std::bit_cast<float>(static_cast<std::uint32_t>(number.getValue().bitcastToAPInt().getZExtValue())));
    const APInt bits = cast<IntegerAttr>(constant.getValue()).getValue();
    return type.isInteger(1) ? add(Opcode::ConstB, bits.isZero() ? 0 : 1, {}) : integer(bits.getSExtValue());
  }
  if (auto dim = dyn_cast<flex::DimOp>(op)) {
    const flex::DimAttr size = dim.getSize();
    switch (size.getKind()) {
      case dsl::Dim::Kind::Constant: return integer(size.getValue());
      case dsl::Dim::Kind::Symbol: return add(Opcode::Symbol, size.getValue(), {});
      case dsl::Dim::Kind::Fresh: return add(Opcode::FreshDim, size.getValue(), {});
    }
  }
  if (auto read = dyn_cast<flex::ReadOp>(op))
    return add(type.isF32() ? Opcode::ParamF : type.isInteger(1) ? Opcode::ParamB : Opcode::ParamI, flex::number_of(read.getParam()), {});
  if (op.getNumOperands() == 0 || op.getNumRegions() != 0 || isa<flex::GatherOp>(op)) return fail(op);
  SmallVector<Register> operands;
  for (Value operand : op.getOperands()) operands.push_back(value(operand));
  if (!problem_.empty()) return 0;  // operands may be of any type then
  if (isa<flex::ToI32Op>(op)) return add(Opcode::WrapI32, 0, operands);
  if (isa<flex::ToI64Op>(op)) return operands[0];  // registers hold 32-bit integers sign-extended
  if (isa<flex::SelectOp, arith::SelectOp>(op)) return add(type.isF32() ? Opcode::SelectF : type.isInteger(1) ? Opcode::SelectB : Opcode::SelectI, 0, operands);
  if (auto language_op = dyn_cast<flex::LanguageOp>(op)) return language(language_op.operation(), op, operands);
  return step(op, operands);
}

Register LaunchEmitter::language(dsl::Op kind, Operation& op, ArrayRef<Register> operands) {
  const Type from = op.getOperand(0).getType();
  if (op.hasAttr("flex.unit")) return fail(op);  // units compute values of pairs only
  if (from.isInteger(1) && (kind == dsl::Op::Eq || kind == dsl::Op::Ne)) {
    const Register differs = add(Opcode::XorB, 0, operands);
    return kind == dsl::Op::Ne ? differs : add(Opcode::NotB, 0, {differs});
  }
  const auto opcode = from.isF32() ? float_opcode(kind) : from.isInteger(1) ? boolean_opcode(kind) : integer_opcode(kind);
  if (!opcode) return fail(op);
  const Register result = add(*opcode, 0, operands);
  const bool wraps = op.getResult(0).getType().isInteger(32) && may_leave_32_bits(*opcode);
  return wraps ? add(Opcode::WrapI32, 0, {result}) : result;
}

/// The arith and math operations that expand-math writes; as the tile emitter walks the table of expansions.
Register LaunchEmitter::step(Operation& op, ArrayRef<Register> operands) {
  const Type type = op.getResult(0).getType();
  const bool is_bool = type.isInteger(1), is_narrow = type.isInteger(32);
  const auto simple = [&](Opcode opcode) { return add(opcode, 0, operands); };
  const auto wrapped = [&](Register wide) { return is_narrow ? add(Opcode::WrapI32, 0, {wide}) : wide; };
  const auto unsigned_of = [&](Register narrow) { return is_narrow ? add(Opcode::And, 0, {narrow, integer(kLowHalf)}) : narrow; };
  if (isa<arith::AddFOp>(op)) return simple(Opcode::AddF);
  if (isa<arith::SubFOp>(op)) return simple(Opcode::SubF);
  if (isa<arith::MulFOp>(op)) return simple(Opcode::MulF);
  if (isa<arith::DivFOp>(op)) return simple(Opcode::DivF);
  if (isa<math::FmaOp>(op)) return simple(Opcode::FmaF);
  if (isa<math::SqrtOp>(op)) return simple(Opcode::SqrtF);
  if (isa<arith::NegFOp>(op)) return simple(Opcode::NegF);
  if (isa<math::AbsFOp>(op)) return simple(Opcode::AbsF);
  if (isa<math::FloorOp>(op)) return simple(Opcode::FloorF);
  if (isa<math::RoundEvenOp>(op)) return simple(Opcode::RoundF);
  if (isa<arith::AddIOp>(op)) return wrapped(simple(Opcode::Add));
  if (isa<arith::SubIOp>(op)) return wrapped(simple(Opcode::Sub));
  if (isa<arith::MulIOp>(op)) return wrapped(simple(Opcode::Mul));
  if (isa<arith::AndIOp>(op)) return simple(is_bool ? Opcode::AndB : Opcode::And);
  if (isa<arith::OrIOp>(op)) return simple(is_bool ? Opcode::OrB : Opcode::Or);
  if (isa<arith::XOrIOp>(op)) return simple(is_bool ? Opcode::XorB : Opcode::Xor);
  if (isa<arith::ShLIOp>(op)) return wrapped(simple(Opcode::Shl));
  if (isa<arith::ShRSIOp>(op)) return simple(Opcode::Shr);
  if (isa<arith::ShRUIOp>(op)) return wrapped(add(Opcode::ShrLogical, 0, {unsigned_of(operands[0]), operands[1]}));
  if (isa<arith::RemUIOp>(op)) return simple(Opcode::RemUnsigned);
  if (isa<arith::BitcastOp>(op)) return simple(type.isF32() ? Opcode::FloatOfBits : Opcode::BitsOfF);
  if (isa<arith::ExtUIOp>(op)) return op.getOperand(0).getType().isInteger(1) ? simple(Opcode::BoolToInt) : add(Opcode::And, 0, {operands[0], integer(kLowHalf)});
  if (isa<arith::TruncIOp>(op)) return simple(Opcode::WrapI32);
  if (isa<arith::ExtSIOp>(op)) return operands[0];
  if (isa<arith::SIToFPOp>(op)) return simple(Opcode::IntToFloat);
  if (isa<arith::FPToSIOp>(op)) return simple(Opcode::FloatToInt);
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    switch (compare.getPredicate()) {
      case arith::CmpFPredicate::OEQ: return simple(Opcode::EqF);
      case arith::CmpFPredicate::OLT: return simple(Opcode::LtF);
      case arith::CmpFPredicate::OLE: return simple(Opcode::LeF);
      default: return fail(op);
    }
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    if (compare.getPredicate() == arith::CmpIPredicate::eq) return simple(Opcode::Eq);
    if (compare.getPredicate() == arith::CmpIPredicate::slt) return simple(Opcode::Lt);
  }
  return fail(op);
}

}  // namespace flexc::compiler::cuda
