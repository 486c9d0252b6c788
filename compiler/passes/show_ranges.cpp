// show-ranges: writes on each integer operation what the range analysis says of it. No stage: for tests, and for looking.
#include "compiler/passes/passes.h"
#include "compiler/passes/ranges.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

struct ShowRanges : PassWrapper<ShowRanges, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShowRanges)
  StringRef getArgument() const override { return "flexc-show-ranges"; }
  StringRef getDescription() const override { return "Writes each integer's range on its operation: [lo, hi], whether it may wrap, what it assumes"; }
  void runOnOperation() override {
    getOperation()->walk([&](flex::VariantOp variant) {
      Ranges ranges(variant);
      variant.walk([&](Operation* op) {
        if (op->getNumResults() != 1 || isa<arith::ConstantOp>(op)) return;
        const Type type = flex::element_of(op->getResult(0).getType());
        if (!type.isInteger(64) && !type.isInteger(32)) return;
        Builder builder(&getContext());
        const Range range = ranges.of(op->getResult(0));
        op->setAttr("flex.range", builder.getI64ArrayAttr({range.lo, range.hi}));
        if (ranges.wraps(op->getResult(0))) op->setAttr("flex.wraps", builder.getUnitAttr());
        if (std::uint32_t assumes = kAssumesNothing; ranges.is_exact(op->getResult(0), &assumes)) op->setAttr("flex.exact", builder.getI64IntegerAttr(assumes));
        if (range.assumes != kAssumesNothing) op->setAttr("flex.rests_on", builder.getI64IntegerAttr(range.assumes));
      });
    });
  }
};

}  // namespace

std::unique_ptr<Pass> create_show_ranges() { return std::make_unique<ShowRanges>(); }

}  // namespace flexc::compiler
