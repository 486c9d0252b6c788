// choose-loose: for the CPU. Of a general score's pairs, outside of the strict cone: functions that have a shorter list are marked for it (attribute
// flex.loose; expand-math walks it), and a quotient by a number that all calls share becomes a product with its reciprocal. Valid because such floats
// carry documented bounds only (docs/math.md, "The CPU's pairs"). The bound of the product holds while the reciprocal is a normal number: of a constant
// that is known; of a param a narrow member assumes it, and the launch looks.

#include "compiler/passes/free_floats.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/ranges.h"
#include "flexc/dsl/expand_math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

struct ChooseLoose : PassWrapper<ChooseLoose, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseLoose)
  StringRef getArgument() const override { return "flexc-choose-loose"; }
  StringRef getDescription() const override { return "Marks the functions of a pair outside of the strict cone that the CPU computes by a shorter list"; }

  void runOnOperation() override {
    for (flex::VariantOp variant : getOperation().getOps<flex::VariantOp>())
      for (flex::ScoreModOp mod : variant.getOps<flex::ScoreModOp>()) {
        // The loops of other scores do not compute this body.
        if (auto name = mod->getAttrOfType<StringAttr>("flex.score_class"); name && name.getValue() != "general") continue;
        run_on(mod.getBody(), variant);
      }
  }

 private:
  void run_on(Region& mod, flex::VariantOp variant) {
    Dependences dependences;
    for (flex::LanguageOp op : free_operations(mod, dependences)) {
      if (dsl::loose_expansion_of(op.operation())) op->setAttr(flex::kLooseAttribute, UnitAttr::get(&getContext()));
      else if (auto quotient = dyn_cast<flex::DivOp>(op.getOperation())) multiply_instead(quotient, variant);
    }
  }

  void multiply_instead(flex::DivOp quotient, flex::VariantOp variant) {
    OpBuilder builder(quotient);
    Value reciprocal;
    if (FloatAttr constant; matchPattern(quotient.getRhs(), m_Constant(&constant))) {
      const float divisor = constant.getValue().convertToFloat();
      if (!runtime::has_normal_reciprocal(divisor)) return;
      reciprocal = builder.create<arith::ConstantOp>(quotient.getLoc(), builder.getF32FloatAttr(1 / divisor));
    } else if (quotient.getRhs().getDefiningOp<flex::ReadOp>() && variant->hasAttr(flex::kNarrowAttribute)) {
      assume(variant, kAssumesReciprocals);
      const Value one = builder.create<arith::ConstantOp>(quotient.getLoc(), builder.getF32FloatAttr(1));
      reciprocal = builder.create<flex::DivOp>(quotient.getLoc(), one, quotient.getRhs());
    } else {
      return;
    }
    quotient.getResult().replaceAllUsesWith(builder.create<flex::MulOp>(quotient.getLoc(), quotient.getLhs(), reciprocal));
    quotient.erase();
  }
};

}  // namespace

std::unique_ptr<Pass> create_choose_loose() { return std::make_unique<ChooseLoose>(); }

}  // namespace flexc::compiler
