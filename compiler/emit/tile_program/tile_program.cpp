#include "compiler/emit/tile_program/tile_program.h"

#include <bit>
#include <string>

#include "compiler/dialect/flex.h"
#include "compiler/emit/tile_program/opcodes.h"
#include "flexc/dsl/expand_math.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

using tile::Opcode;
using tile::Register;

DType dtype_of(Type type) {
  if (type.isF32()) return f32;
  if (type.isF16()) return f16;
  if (type.isBF16()) return bf16;
  if (type.isInteger(1)) return boolean;
  if (type.isInteger(8)) return u8;
  return type.isInteger(32) ? i32 : i64;
}

/// Functions whose bounds the interpreter knows.
std::optional<tile::Function> bounded_function(dsl::Op op) {
  switch (op) {
    case dsl::Op::Exp: return tile::Function::Exp;
    case dsl::Op::Exp2: return tile::Function::Exp2;
    case dsl::Op::Expm1: return tile::Function::Expm1;
    case dsl::Op::Log: return tile::Function::Log;
    case dsl::Op::Log2: return tile::Function::Log2;
    case dsl::Op::Log1p: return tile::Function::Log1p;
    case dsl::Op::Tanh: return tile::Function::Tanh;
    case dsl::Op::Sigmoid: return tile::Function::Sigmoid;
    case dsl::Op::Erf: return tile::Function::Erf;
    case dsl::Op::Sin: case dsl::Op::Cos: return tile::Function::Sine;
    default: return std::nullopt;
  }
}

class TileEmitter {
 public:
  explicit TileEmitter(flex::VariantOp variant) {
    for (Operation& op : variant.getBody().front()) {
      if (auto capture = dyn_cast<flex::CaptureOp>(op)) program_.captures.push_back({dtype_of(capture.getElement()), static_cast<std::uint32_t>(capture.getDims().size())});
      else if (isa<flex::ParamOp>(op)) ++program_.params;
      else if (isa<flex::FreshDimOp>(op)) ++program_.fresh_dims;
    }
  }

  Result<tile::Program> emit(flex::MaskModOp mask) {
    Block& block = mask.getBody().front();
    constexpr Opcode kArguments[] = {Opcode::Batch, Opcode::Head, Opcode::QIdx, Opcode::KvIdx};
    for (auto [argument, op] : llvm::zip(block.getArguments(), kArguments)) values_[argument] = add(op, 0, {});
    for (Operation& op : block.without_terminator()) emit_op(op);
    program_.result = value(cast<flex::YieldOp>(block.getTerminator()).getValues()[0]);
    return finish();
  }

  Result<tile::Program> keep_all() {
    program_.result = add(Opcode::ConstB, 1, {});
    return finish();
  }

 private:
  Result<tile::Program> finish() {
    if (!problem_.empty()) return std::unexpected(Error{ErrorKind::Internal, "the tile program cannot be emitted: " + problem_});
    if (const std::string problem = tile::check(program_); !problem.empty()) return std::unexpected(Error{ErrorKind::Internal, "the emitted tile program is not well formed: " + problem});
    return std::move(program_);
  }

  Register add(Opcode op, std::int64_t imm, ArrayRef<Register> operands) {
    program_.instructions.push_back({op, imm, static_cast<std::uint32_t>(program_.operands.size()), static_cast<std::uint32_t>(operands.size())});
    program_.operands.insert(program_.operands.end(), operands.begin(), operands.end());
    return static_cast<Register>(program_.instructions.size() - 1);
  }

  Register constant(Type type, Attribute attribute) {
    if (auto real = dyn_cast<FloatAttr>(attribute)) return add(Opcode::ConstF, std::bit_cast<std::uint32_t>(real.getValue().convertToFloat()), {});
    const APInt integer = cast<IntegerAttr>(attribute).getValue();
    return type.isInteger(1) ? add(Opcode::ConstB, integer.isZero() ? 0 : 1, {}) : add(Opcode::ConstI, integer.getSExtValue(), {});
  }

  Register integer(std::int64_t value) { return add(Opcode::ConstI, value, {}); }

  Register value(Value value) {
    const auto found = values_.find(value);
    if (found != values_.end()) return found->second;
    problem_ = "a value is used before it is made";
    return 0;
  }

  Register dim(flex::DimAttr size) {
    switch (size.getKind()) {
      case dsl::Dim::Kind::Constant: return integer(size.getValue());
      case dsl::Dim::Kind::Symbol: return add(Opcode::Symbol, size.getValue(), {});
      case dsl::Dim::Kind::Fresh: return add(Opcode::FreshDim, size.getValue(), {});
    }
    return integer(0);
  }

  void emit_op(Operation& op) {
    if (op.getNumResults() != 1) {
      problem_ = op.getName().getStringRef().str() + " is not expected here";
      return;
    }
    const Type type = op.getResult(0).getType();
    SmallVector<Register> operands;
    for (Value operand : op.getOperands()) operands.push_back(value(operand));
    Register result = 0;
    if (auto literal = dyn_cast<arith::ConstantOp>(op)) result = constant(type, literal.getValue());
    else if (auto size = dyn_cast<flex::DimOp>(op)) result = dim(size.getSize());
    else if (auto read = dyn_cast<flex::ReadOp>(op)) result = add(type.isF32() ? Opcode::ParamF : type.isInteger(1) ? Opcode::ParamB : Opcode::ParamI, flex::number_of(read.getParam()), {});
    else if (auto gather = dyn_cast<flex::GatherOp>(op)) result = add(type.isF32() ? Opcode::GatherF : type.isInteger(1) ? Opcode::GatherB : Opcode::GatherI, flex::number_of(gather.getCapture()), operands);
    else if (auto reduction = dyn_cast<flex::ReduceOp>(op)) result = reduce(reduction);
    else if (isa<flex::SelectOp>(op)) result = add(type.isF32() ? Opcode::SelectF : type.isInteger(1) ? Opcode::SelectB : Opcode::SelectI, 0, operands);
    else if (auto language = dyn_cast<flex::LanguageOp>(op)) result = operation(language.operation(), op, operands);
    else problem_ = op.getName().getStringRef().str() + " has no instruction";
    values_[op.getResult(0)] = result;
  }

  Register operation(dsl::Op kind, Operation& op, ArrayRef<Register> operands) {
    const Type from = op.getOperand(0).getType();
    const auto opcode = from.isF32() ? float_opcode(kind) : from.isInteger(1) ? boolean_opcode(kind) : integer_opcode(kind);
    if (opcode) return add(*opcode, 0, operands);
    const dsl::Expansion* expansion = from.isF32() ? dsl::expansion_of(kind) : nullptr;
    if (!expansion) {
      problem_ = std::string(dsl::name_of(kind)) + " has no instruction";
      return 0;
    }
    const Register exact = expand(*expansion, operands);
    const auto function = bounded_function(kind);
    return function ? add(Opcode::Enclose, static_cast<std::int64_t>(*function), {exact, operands[0]}) : exact;
  }

  /// Walks the table of expansions; 32-bit integers live sign-extended in 64-bit registers.
  Register expand(const dsl::Expansion& expansion, ArrayRef<Register> inputs) {
    using dsl::StepOp;
    SmallVector<Register> made;
    for (const dsl::Step& step : expansion.steps) {
      const auto a = [&](int i = 0) { return made[step.operands[i]]; };
      const bool narrow = step.type == dsl::RegisterType::I32;
      const auto wrapped = [&](Register wide) { return narrow ? add(Opcode::WrapI32, 0, {wide}) : wide; };
      const auto unsigned_of = [&](Register value) { return narrow ? add(Opcode::And, 0, {value, integer(0xFFFFFFFF)}) : value; };
      const auto simple = [&](Opcode op) {
        SmallVector<Register> operands;
        for (int i = 0; i < step.operand_count; ++i) operands.push_back(a(i));
        return add(op, 0, operands);
      };
      Register result = 0;
      switch (step.op) {
        case StepOp::Input: result = inputs[static_cast<std::size_t>(step.imm)]; break;
        case StepOp::Constant:
          if (step.type == dsl::RegisterType::F32) result = add(Opcode::ConstF, static_cast<std::int64_t>(static_cast<std::uint32_t>(step.imm)), {});
          else if (step.type == dsl::RegisterType::Bool) result = add(Opcode::ConstB, step.imm, {});
          else result = integer(step.imm);
          break;
        case StepOp::AddF: result = simple(Opcode::AddF); break;
        case StepOp::SubF: result = simple(Opcode::SubF); break;
        case StepOp::MulF: result = simple(Opcode::MulF); break;
        case StepOp::DivF: result = simple(Opcode::DivF); break;
        case StepOp::FmaF: result = simple(Opcode::FmaF); break;
        case StepOp::SqrtF: result = simple(Opcode::SqrtF); break;
        case StepOp::NegF: result = simple(Opcode::NegF); break;
        case StepOp::AbsF: result = simple(Opcode::AbsF); break;
        case StepOp::FloorF: result = simple(Opcode::FloorF); break;
        case StepOp::RoundEvenF: result = simple(Opcode::RoundF); break;
        case StepOp::EqF: result = simple(Opcode::EqF); break;
        case StepOp::LtF: result = simple(Opcode::LtF); break;
        case StepOp::LeF: result = simple(Opcode::LeF); break;
        case StepOp::AddI: result = wrapped(simple(Opcode::Add)); break;
        case StepOp::SubI: result = wrapped(simple(Opcode::Sub)); break;
        case StepOp::MulI: result = wrapped(simple(Opcode::Mul)); break;
        case StepOp::AndI: result = simple(Opcode::And); break;
        case StepOp::OrI: result = simple(Opcode::Or); break;
        case StepOp::XorI: result = simple(Opcode::Xor); break;
        case StepOp::ShlI: result = wrapped(simple(Opcode::Shl)); break;
        case StepOp::ShrLogicalI: result = wrapped(add(Opcode::ShrLogical, 0, {unsigned_of(a()), a(1)})); break;
        case StepOp::ShrArithI: result = simple(Opcode::Shr); break;
        case StepOp::RemUnsignedI: result = simple(Opcode::RemUnsigned); break;
        case StepOp::EqI: result = simple(Opcode::Eq); break;
        case StepOp::LtI: result = simple(Opcode::Lt); break;
        case StepOp::AndB: result = simple(Opcode::AndB); break;
        case StepOp::OrB: result = simple(Opcode::OrB); break;
        case StepOp::NotB: result = simple(Opcode::NotB); break;
        case StepOp::Select: result = simple(step.type == dsl::RegisterType::F32 ? Opcode::SelectF : step.type == dsl::RegisterType::Bool ? Opcode::SelectB : Opcode::SelectI); break;
        case StepOp::BitsOfF: result = simple(Opcode::BitsOfF); break;
        case StepOp::FloatOfBits: result = simple(Opcode::FloatOfBits); break;
        case StepOp::ZeroExtend: result = add(Opcode::And, 0, {a(), integer(0xFFFFFFFF)}); break;
        case StepOp::SignExtend: result = a(); break;
        case StepOp::Truncate: result = add(Opcode::WrapI32, 0, {a()}); break;
        case StepOp::FloatOfI32: case StepOp::FloatOfI64: result = simple(Opcode::IntToFloat); break;
        case StepOp::I32OfF: case StepOp::I64OfF: result = simple(Opcode::FloatToInt); break;
      }
      made.push_back(result);
    }
    return made[expansion.result];
  }

  Register reduce(flex::ReduceOp op) {
    Block& body = op.getBody().front();
    const Register length = dim(op.getLength());
    const Register begin = add(Opcode::LoopBegin, 0, {length});
    values_[body.getArgument(0)] = begin;
    for (Operation& inner : body.without_terminator()) emit_op(inner);
    const Register element = value(cast<flex::YieldOp>(body.getTerminator()).getValues()[0]);
    const bool is_float = op.getType().isF32();
    const StringRef kind = op.getKind();
    const Opcode end = kind == "sum"   ? (is_float ? Opcode::LoopSumF : Opcode::LoopSumI)
                       : kind == "min" ? (is_float ? Opcode::LoopMinF : Opcode::LoopMinI)
                                       : (is_float ? Opcode::LoopMaxF : Opcode::LoopMaxI);
    return add(end, 0, {begin, element});
  }

  tile::Program program_;
  DenseMap<Value, Register> values_;
  std::string problem_;
};

}  // namespace

Result<tile::Program> emit_tile_program(ModuleOp module) {
  flex::VariantOp variant;
  module.walk([&](flex::VariantOp op) { variant = op; });
  if (!variant) return std::unexpected(Error{ErrorKind::Internal, "the module has no variant"});
  flex::MaskModOp mask;
  variant.walk([&](flex::MaskModOp op) { mask = op; });
  TileEmitter emitter(variant);
  return mask ? emitter.emit(mask) : emitter.keep_all();
}

}  // namespace flexc::compiler
