// propagate-equalities: in a conjunction with a == b, every other term may read a for b. Where doc[q] == doc[kv] must hold,
// offsets[doc[kv]] is offsets[doc[q]]: a gather of every column becomes one of the row, and tile proofs see one term.
#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/passes.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

void collect_terms(Value value, SmallVectorImpl<Value>& terms) {
  if (auto conjunction = value.getDefiningOp<flex::AndOp>()) {
    collect_terms(conjunction.getLhs(), terms);
    collect_terms(conjunction.getRhs(), terms);
  } else if (!llvm::is_contained(terms, value)) {
    terms.push_back(value);
  }
}

/// `value` with `from` read as `to`; `value` itself where nothing changes.
class Substitution {
 public:
  Substitution(OpBuilder& builder, Value from, Value to) : builder_(builder) { known_[from] = to; }

  Value apply(Value value) {
    if (const auto found = known_.find(value); found != known_.end()) return found->second;
    Value result = value;
    Operation* op = value.getDefiningOp();
    if (op && op->getNumRegions() == 0) {
      SmallVector<Value> operands;
      bool changed = false;
      for (Value operand : op->getOperands()) {
        operands.push_back(apply(operand));
        changed |= operands.back() != operand;
      }
      if (changed) {
        Operation* copy = builder_.clone(*op);
        copy->setOperands(operands);
        result = copy->getResult(0);
      }
    }
    known_[value] = result;
    return result;
  }

 private:
  OpBuilder& builder_;
  DenseMap<Value, Value> known_;
};

/// Lower is better to read: constants, what the row knows, what the column knows.
unsigned rank_of(Value value, Dependences& dependences) {
  if (value.getDefiningOp<arith::ConstantOp>()) return 0;
  const unsigned coordinates = dependences.of(value);
  return 1 + ((coordinates & kOnScore) ? 8 : 0) + ((coordinates & kOnKv) ? 4 : 0) + ((coordinates & kOnQ) ? 2 : 0) + ((coordinates & kOnHead) ? 1 : 0);
}

/// One conjunction; whether something changed.
bool propagate(flex::AndOp root) {
  SmallVector<Value> terms;
  collect_terms(root.getResult(), terms);
  OpBuilder builder(root);
  bool changed = false;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    auto equality = terms[i].getDefiningOp<flex::EqOp>();
    if (!equality || !equality.getLhs().getType().isInteger(64)) continue;  // floats: -0 == 0
    Dependences dependences;
    Value keep = equality.getLhs(), drop = equality.getRhs();
    if (rank_of(drop, dependences) < rank_of(keep, dependences)) std::swap(keep, drop);
    // A bare coordinate stays: in q == kv nothing is gained, and bands are read off the coordinates.
    if (isa<BlockArgument>(drop) || rank_of(keep, dependences) == rank_of(drop, dependences)) continue;
    Substitution substitution(builder, drop, keep);
    for (std::size_t k = 0; k < terms.size(); ++k) {
      if (k == i) continue;
      const Value replaced = substitution.apply(terms[k]);
      changed |= replaced != terms[k];
      terms[k] = replaced;
    }
  }
  if (!changed) return false;
  Value all = terms[0];
  for (Value term : ArrayRef<Value>(terms).drop_front()) all = builder.create<flex::AndOp>(root.getLoc(), all, term);
  root.getResult().replaceAllUsesWith(all);
  return true;
}

struct PropagateEqualities : PassWrapper<PropagateEqualities, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PropagateEqualities)
  StringRef getArgument() const override { return "flexc-propagate-equalities"; }
  StringRef getDescription() const override { return "a == b & f(b) becomes a == b & f(a)"; }
  void runOnOperation() override {
    SmallVector<flex::AndOp> roots;
    getOperation()->walk([&](flex::AndOp op) {
      const bool inner = op->hasOneUse() && isa<flex::AndOp>(*op->getUsers().begin());
      if (op.getType().isInteger(1) && !inner) roots.push_back(op);
    });
    for (flex::AndOp root : roots) propagate(root);
  }
};

}  // namespace

std::unique_ptr<Pass> create_propagate_equalities() { return std::make_unique<PropagateEqualities>(); }

}  // namespace flexc::compiler
