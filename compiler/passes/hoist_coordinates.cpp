// hoist-coordinates: names the level at which each value can be computed: launch, head (of b and h), q_side (and q), kv_side (of
// b, h and kv) or pair. Emission computes q_side and below once a row segment, and the rest for vectors of columns. A column's
// value that took a gather and that a pair needs gets a slot (flex.slot) of a table, which is filled once for many rows.
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
      constexpr unsigned kOfAffineArgument[] = {kOnHead, kOnHead, kOnQ, kOnKv, kOnKv};
      // In an affine row the segment's first column and step are shared by all columns.
      if (isa<flex::AffineRowOp>(owner)) coordinates = affine_ == AffineColumns::OfTheRow ? kOnQ : kOfAffineArgument[argument.getArgNumber()];
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

/// Whether a gather stands behind the value.
bool took_gather(Value value, DenseMap<Value, bool>& known) {
  Operation* op = value.getDefiningOp();
  if (!op) return false;
  if (const auto found = known.find(value); found != known.end()) return found->second;
  bool result = isa<flex::GatherOp, flex::ReduceOp>(op);
  for (Value operand : op->getOperands()) result = result || took_gather(operand, known);
  return known[value] = result;
}

/// Numbers the slots of one mod from `slot` on.
void assign_slots(Block& block, int& slot) {
  const auto is_kv_side = [](Operation* op) {
    const auto level = op->getAttrOfType<StringAttr>("flex.level");
    return level && level.getValue() == "kv_side";
  };
  DenseMap<Value, bool> known;
  for (Operation& op : block) {
    if (op.getNumResults() != 1 || !is_kv_side(&op) || !took_gather(op.getResult(0), known)) continue;
    const bool ends_here = llvm::any_of(op.getUsers(), [&](Operation* user) { return !is_kv_side(block.findAncestorOpInBlock(*user)); });
    if (ends_here) op.setAttr("flex.slot", IntegerAttr::get(IntegerType::get(op.getContext(), 64), slot++));
  }
}

struct HoistCoordinates : PassWrapper<HoistCoordinates, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HoistCoordinates)
  StringRef getArgument() const override { return "flexc-hoist-coordinates"; }
  StringRef getDescription() const override { return "Names each value's level: launch, head, q_side, kv_side or pair; gives columns' values slots"; }
  void runOnOperation() override {
    int slot = 0;
    getOperation()->walk([&](Operation* mod) {
      if (!isa<flex::ScoreModOp, flex::MaskModOp>(mod)) return;
      Dependences dependences;
      for (Operation& op : mod->getRegion(0).front()) {
        if (op.getNumResults() != 1 || isa<arith::ConstantOp>(op)) continue;
        op.setAttr("flex.level", StringAttr::get(&getContext(), level_of(dependences.of(op.getResult(0)))));
      }
      assign_slots(mod->getRegion(0).front(), slot);
    });
  }
};

}  // namespace

std::unique_ptr<Pass> create_hoist_coordinates() { return std::make_unique<HoistCoordinates>(); }

}  // namespace flexc::compiler
