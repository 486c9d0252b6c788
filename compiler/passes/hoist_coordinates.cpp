// hoist-coordinates: names the level at which each value can be computed: launch, head (of b and h), q_side (and q), kv_side (of
// b, h and kv), relative (of b, h and q - kv) or pair. Emission computes q_side and below once a row segment, and the rest for vectors of columns.
// A column's value that took a gather and that a pair needs gets a slot (flex.slot) of a table, which is filled once for many rows. A relative
// value of a general score that takes more than reading it gets a slot (flex.relative_slot) of a table of differences, one a tile.
#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/shifts.h"

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

/// What an operation takes, about, in issue slots of a pair.
unsigned cost_of(Operation* op) {
  constexpr unsigned kGather = 8, kReduction = 16, kConversion = 4, kUnit = 4, kExact = 8, kPlain = 1;
  if (isa<flex::GatherOp>(op)) return kGather;
  if (isa<flex::ReduceOp>(op)) return kReduction;
  if (op->hasAttr("flex.unit")) return kUnit;
  if (isa<flex::IntToFloatOp, flex::FloatToIntOp, arith::SIToFPOp, arith::FPToSIOp>(op)) return kConversion;
  if (isa<flex::DivOp, flex::SqrtOp, arith::DivFOp, math::SqrtOp>(op)) return kExact;
  if (isa<flex::FloorDivOp, flex::ModOp>(op)) {
    const auto divisor = flex::constant_integer(op->getOperand(1));
    return divisor && *divisor > 0 && llvm::isPowerOf2_64(static_cast<std::uint64_t>(*divisor)) ? kPlain : kExact;
  }
  return isa<arith::ConstantOp, flex::ToI32Op, flex::ToI64Op>(op) ? 0 : kPlain;
}

/// From this cost on a value is read from the table of differences: reading takes a load of shared memory, half a one for each pair, and a tile waits for the table.
constexpr unsigned kWorthALoad = 4;
/// 32-bit words an entry of that table has at most; the most expensive values get them.
constexpr unsigned kMostRelativeWords = 4;

/// Slots of the values of `block` that depend on the difference of the positions and that other values read.
class RelativeSlots {
 public:
  RelativeSlots(Block& block, Dependences& dependences, Shifts& shifts) : block_(block), dependences_(dependences), shifts_(shifts) {}

  bool is_relative(Value value) { return level_of(dependences_.of(value)) == "pair" && !(dependences_.of(value) & kOnScore) && shifts_.is_invariant(value); }

  void assign() {
    struct Candidate {
      Operation* op;
      unsigned cost, words;
    };
    SmallVector<Candidate> candidates;
    for (Operation& op : block_) {
      if (op.getNumResults() != 1 || !is_relative(op.getResult(0))) continue;
      const bool ends_here = llvm::any_of(op.getUsers(), [&](Operation* user) {
        Operation* reader = block_.findAncestorOpInBlock(*user);
        return reader->getNumResults() != 1 || !is_relative(reader->getResult(0));
      });
      if (const unsigned cost = ends_here ? cost_behind(&op) : 0; cost >= kWorthALoad) candidates.push_back({&op, cost, op.getResult(0).getType().isInteger(64) ? 2u : 1u});
    }
    llvm::stable_sort(candidates, [](const Candidate& a, const Candidate& b) { return a.cost > b.cost; });
    unsigned words = 0, slot = 0;
    for (const Candidate& each : candidates) {
      if (words + each.words > kMostRelativeWords) continue;
      words += each.words;
      each.op->setAttr("flex.relative_slot", IntegerAttr::get(IntegerType::get(each.op->getContext(), 64), slot++));
    }
  }

 private:
  /// Of the operations that a pair would repeat, each once.
  unsigned cost_behind(Operation* op) {
    SmallVector<Operation*> open{op};
    llvm::DenseSet<Operation*> seen;
    unsigned cost = 0;
    while (!open.empty()) {
      Operation* next = open.pop_back_val();
      if (!next || !seen.insert(next).second || level_of(dependences_.of(next->getResult(0))) != "pair") continue;
      cost += cost_of(next);
      for (Value operand : next->getOperands()) open.push_back(operand.getDefiningOp());
    }
    return cost;
  }

  Block& block_;
  Dependences& dependences_;
  Shifts& shifts_;
};

struct HoistCoordinates : PassWrapper<HoistCoordinates, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HoistCoordinates)
  StringRef getArgument() const override { return "flexc-hoist-coordinates"; }
  StringRef getDescription() const override { return "Names each value's level: launch, head, q_side, kv_side, relative or pair; gives slots to columns' and relative values"; }
  void runOnOperation() override {
    int slot = 0;
    getOperation()->walk([&](Operation* mod) {
      if (!isa<flex::ScoreModOp, flex::MaskModOp>(mod)) return;
      Block& block = mod->getRegion(0).front();
      Dependences dependences;
      Shifts shifts;
      RelativeSlots relative(block, dependences, shifts);
      for (Operation& op : block) {
        if (op.getNumResults() != 1 || isa<arith::ConstantOp>(op)) continue;
        const Value result = op.getResult(0);
        op.setAttr("flex.level", StringAttr::get(&getContext(), relative.is_relative(result) ? "relative" : level_of(dependences.of(result))));
      }
      assign_slots(block, slot);
      // An affine score has the numbers of a row, and its general form is rare.
      const auto score_class = mod->getAttrOfType<StringAttr>("flex.score_class");
      if (isa<flex::ScoreModOp>(mod) && (!score_class || score_class.getValue() == "general")) relative.assign();
    });
  }
};

}  // namespace

std::unique_ptr<Pass> create_hoist_coordinates() { return std::make_unique<HoistCoordinates>(); }

}  // namespace flexc::compiler
