// choose-units: for CUDA. Marks the functions that a special unit of the GPU may compute (attribute flex.unit), so that expand-math
// leaves them alone: those of a pair (elsewhere a value is computed once for many pairs, and exactly) that no integer or boolean
// depends on. Valid because such floats carry documented bounds only (docs/math.md); a NaN stays a NaN, and infinities are the
// function's own. A quotient by a value that all pairs of a row share becomes a product with its reciprocal.
#include "compiler/passes/free_floats.h"
#include "compiler/passes/passes.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

bool has_unit(dsl::Op kind) {
  switch (kind) {
    case dsl::Op::Div: case dsl::Op::Exp: case dsl::Op::Exp2: case dsl::Op::Log: case dsl::Op::Log2: case dsl::Op::Sqrt: case dsl::Op::Rsqrt:
    case dsl::Op::Tanh: case dsl::Op::Sigmoid: return true;
    default: return false;
  }
}

struct ChooseUnits : PassWrapper<ChooseUnits, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseUnits)
  StringRef getArgument() const override { return "flexc-choose-units"; }
  StringRef getDescription() const override { return "Marks the functions of a pair outside of the strict cone that a unit of the GPU computes"; }

  void runOnOperation() override {
    getOperation()->walk([&](flex::ScoreModOp mod) { run_on(mod.getBody()); });  // a mask is all strict
  }

 private:
  void run_on(Region& mod) {
    Dependences dependences;
    SmallVector<flex::DivOp> shared_divisors;
    for (flex::LanguageOp op : free_operations(mod, dependences)) {
      if (!has_unit(op.operation())) continue;
      auto quotient = dyn_cast<flex::DivOp>(op.getOperation());
      if (quotient && (dependences.of(quotient.getRhs()) & (kOnScore | kOnKv | kOnLoop)) == 0) shared_divisors.push_back(quotient);
      else op->setAttr("flex.unit", UnitAttr::get(&getContext()));
    }
    for (flex::DivOp quotient : shared_divisors) {
      OpBuilder builder(quotient);
      const Value one = builder.create<arith::ConstantOp>(quotient.getLoc(), builder.getF32FloatAttr(1));
      const Value reciprocal = builder.create<flex::DivOp>(quotient.getLoc(), one, quotient.getRhs());
      quotient.getResult().replaceAllUsesWith(builder.create<flex::MulOp>(quotient.getLoc(), quotient.getLhs(), reciprocal));
      quotient.erase();
    }
  }
};

}  // namespace

std::unique_ptr<Pass> create_choose_units() { return std::make_unique<ChooseUnits>(); }

}  // namespace flexc::compiler
