// hoist-coordinates: names the level at which each value can be computed: launch, head (of b and h), q_side (and q), kv_side (of
// b, h and kv) or pair. Emission computes q_side and below once a row segment, and the rest for vectors of columns.
#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/passes.h"

using namespace mlir;

namespace flexc::compiler {

unsigned Dependences::of(Value value) {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  unsigned coordinates = 0;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation* owner = argument.getOwner()->getParentOp();
    if (isa<flex::ReduceOp>(owner)) {
      coordinates = kOnLoop;
    } else {
      constexpr unsigned kOfArgument[] = {kOnScore, kOnHead, kOnHead, kOnQ, kOnKv};
      // In an affine row the segment's first column and step are shared by all columns.
      if (isa<flex::AffineRowOp>(owner)) coordinates = kOnQ;
      else coordinates = kOfArgument[argument.getArgNumber() + (isa<flex::ScoreModOp>(owner) ? 0 : 1)];
    }
  } else {
    Operation* op = value.getDefiningOp();
    for (Value operand : op->getOperands()) coordinates |= of(operand);
    if (auto reduction = dyn_cast<flex::ReduceOp>(op))
      coordinates |= of(cast<flex::YieldOp>(reduction.getBody().front().getTerminator()).getValues()[0]) & ~unsigned{kOnLoop};
  }
  known_[value] = coordinates;
  return coordinates;
}

StringRef level_of(unsigned coordinates) {
  if (coordinates & kOnScore) return "pair";
  if ((coordinates & kOnQ) && (coordinates & kOnKv)) return "pair";
  if (coordinates & kOnKv) return "kv_side";
  if (coordinates & kOnQ) return "q_side";
  return coordinates & kOnHead ? "head" : "launch";
}

namespace {

struct HoistCoordinates : PassWrapper<HoistCoordinates, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HoistCoordinates)
  StringRef getArgument() const override { return "flexc-hoist-coordinates"; }
  StringRef getDescription() const override { return "Names each value's level: launch, head, q_side, kv_side or pair"; }
  void runOnOperation() override {
    getOperation()->walk([&](Operation* mod) {
      if (!isa<flex::ScoreModOp, flex::MaskModOp>(mod)) return;
      Dependences dependences;
      for (Operation& op : mod->getRegion(0).front()) {
        if (op.getNumResults() != 1 || isa<arith::ConstantOp>(op)) continue;
        op.setAttr("flex.level", StringAttr::get(&getContext(), level_of(dependences.of(op.getResult(0)))));
      }
    });
  }
};

}  // namespace

std::unique_ptr<Pass> create_hoist_coordinates() { return std::make_unique<HoistCoordinates>(); }

}  // namespace flexc::compiler
