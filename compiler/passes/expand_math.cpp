// expand-math: walks the one table of dsl/include/flexc/dsl/expand_math.h. Each step becomes the arith or math op that does the
// same; the table promises that shift counts and conversions are in range, so that none of them is poison.
#include "compiler/dialect/flex.h"
#include "compiler/passes/passes.h"
#include "flexc/dsl/expand_math.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

using dsl::RegisterType;
using dsl::Step;
using dsl::StepOp;

class StepBuilder {
 public:
  StepBuilder(OpBuilder& builder, mlir::Location location, ValueRange inputs) : builder_(builder), location_(location), inputs_(inputs) {}

  Value run(const dsl::Expansion& expansion) {
    for (const Step& step : expansion.steps) registers_.push_back(build(step));
    return registers_[expansion.result];
  }

 private:
  Type type_of(RegisterType type) {
    switch (type) {
      case RegisterType::Bool: return builder_.getI1Type();
      case RegisterType::F32: return builder_.getF32Type();
      case RegisterType::I32: return builder_.getI32Type();
      case RegisterType::I64: return builder_.getI64Type();
    }
    return {};
  }

  Value constant(const Step& step) {
    const Type type = type_of(step.type);
    if (step.type == RegisterType::F32)
      return builder_.create<arith::ConstantOp>(
          location_, FloatAttr::get(type, llvm::APFloat(llvm::APFloat::IEEEsingle(), llvm::APInt(32, static_cast<std::uint32_t>(step.imm)))));
    return builder_.create<arith::ConstantOp>(location_, IntegerAttr::get(type, step.type == RegisterType::Bool ? step.imm & 1 : step.imm));
  }

  template <class Op>
  Value make(const Step& step) {
    SmallVector<Value> operands;
    for (int i = 0; i < step.operand_count; ++i) operands.push_back(registers_[step.operands[i]]);
    return builder_.create<Op>(location_, type_of(step.type), operands);
  }

  Value compare(const Step& step, arith::CmpFPredicate predicate) {
    return builder_.create<arith::CmpFOp>(location_, predicate, registers_[step.operands[0]], registers_[step.operands[1]]);
  }
  Value compare(const Step& step, arith::CmpIPredicate predicate) {
    return builder_.create<arith::CmpIOp>(location_, predicate, registers_[step.operands[0]], registers_[step.operands[1]]);
  }

  Value build(const Step& step) {
    switch (step.op) {
      case StepOp::Input: return inputs_[step.imm];
      case StepOp::Constant: return constant(step);
      case StepOp::AddF: return make<arith::AddFOp>(step);
      case StepOp::SubF: return make<arith::SubFOp>(step);
      case StepOp::MulF: return make<arith::MulFOp>(step);
      case StepOp::DivF: return make<arith::DivFOp>(step);
      case StepOp::FmaF: return make<math::FmaOp>(step);
      case StepOp::SqrtF: return make<math::SqrtOp>(step);
      case StepOp::NegF: return make<arith::NegFOp>(step);
      case StepOp::AbsF: return make<math::AbsFOp>(step);
      case StepOp::FloorF: return make<math::FloorOp>(step);
      case StepOp::RoundEvenF: return make<math::RoundEvenOp>(step);
      case StepOp::EqF: return compare(step, arith::CmpFPredicate::OEQ);
      case StepOp::LtF: return compare(step, arith::CmpFPredicate::OLT);
      case StepOp::LeF: return compare(step, arith::CmpFPredicate::OLE);
      case StepOp::AddI: return make<arith::AddIOp>(step);
      case StepOp::SubI: return make<arith::SubIOp>(step);
      case StepOp::MulI: return make<arith::MulIOp>(step);
      case StepOp::AndI: case StepOp::AndB: return make<arith::AndIOp>(step);
      case StepOp::OrI: case StepOp::OrB: return make<arith::OrIOp>(step);
      case StepOp::XorI: return make<arith::XOrIOp>(step);
      case StepOp::ShlI: return make<arith::ShLIOp>(step);
      case StepOp::ShrLogicalI: return make<arith::ShRUIOp>(step);
      case StepOp::ShrArithI: return make<arith::ShRSIOp>(step);
      case StepOp::RemUnsignedI: return make<arith::RemUIOp>(step);
      case StepOp::EqI: return compare(step, arith::CmpIPredicate::eq);
      case StepOp::LtI: return compare(step, arith::CmpIPredicate::slt);
      case StepOp::NotB: {
        const Value yes = builder_.create<arith::ConstantOp>(location_, builder_.getBoolAttr(true));
        return builder_.create<arith::XOrIOp>(location_, registers_[step.operands[0]], yes);
      }
      case StepOp::Select: return make<arith::SelectOp>(step);
      case StepOp::BitsOfF: case StepOp::FloatOfBits: return make<arith::BitcastOp>(step);
      case StepOp::ZeroExtend: return make<arith::ExtUIOp>(step);
      case StepOp::SignExtend: return make<arith::ExtSIOp>(step);
      case StepOp::Truncate: return make<arith::TruncIOp>(step);
      case StepOp::FloatOfI32: case StepOp::FloatOfI64: return make<arith::SIToFPOp>(step);
      case StepOp::I32OfF: case StepOp::I64OfF: return make<arith::FPToSIOp>(step);
    }
    return {};
  }

  OpBuilder& builder_;
  mlir::Location location_;
  ValueRange inputs_;
  SmallVector<Value> registers_;
};

struct ExpandMath : PassWrapper<ExpandMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMath)
  StringRef getArgument() const override { return "flexc-expand-math"; }
  StringRef getDescription() const override { return "Functions become the steps of the table in expand_math.h"; }
  void runOnOperation() override {
    SmallVector<std::pair<flex::LanguageOp, const dsl::Expansion*>> functions;
    getOperation()->walk([&](flex::LanguageOp op) {
      if (op->hasAttr("flex.unit") || !op->getResult(0).getType().isF32() || !op->getOperand(0).getType().isF32()) return;
      const bool loose = op->hasAttr(flex::kLooseAttribute);
      if (const dsl::Expansion* expansion = loose ? dsl::loose_expansion_of(op.operation()) : dsl::expansion_of(op.operation())) functions.push_back({op, expansion});
    });
    for (auto& [op, expansion] : functions) {
      OpBuilder builder(op);
      const Value value = StepBuilder(builder, op->getLoc(), op->getOperands()).run(*expansion);
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
  }
};

}  // namespace

std::unique_ptr<Pass> create_expand_math() { return std::make_unique<ExpandMath>(); }

}  // namespace flexc::compiler
