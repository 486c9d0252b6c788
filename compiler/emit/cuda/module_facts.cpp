#include "compiler/emit/cuda/module_facts.h"

#include "compiler/passes/levels.h"
#include "compiler/passes/ranges.h"

using namespace mlir;

namespace flexc::compiler::cuda {
namespace {

/// Where emission computes each value (values.cpp).
class Levels {
 public:
  enum Level : unsigned { Launch, Head, Row, Column, Relative, Pair };

  Level of(Operation* op) {
    const Value value = op->getResult(0);
    unsigned coordinates = dependences_.of(value) & ~unsigned{kOnLoop};
    if ((coordinates & (kOnQ | kOnKv)) && is_of_difference(op)) return Relative;
    // An affine score's numbers are a row's: it reads the first column's position and the step.
    if ((coordinates & kOnKv) && op->getParentOfType<flex::AffineRowOp>()) coordinates = (coordinates & ~unsigned{kOnKv}) | kOnQ;
    if ((coordinates & kOnScore) || ((coordinates & kOnQ) && (coordinates & kOnKv))) return Pair;
    if (coordinates & kOnKv) return is_in_table(op) ? Column : Pair;
    if (coordinates & kOnQ) return Row;
    // The host evaluates the launch level, and captures are in the GPU's memory.
    return coordinates & kOnHead || reads_memory(op) ? Head : Launch;
  }

 private:
  /// A value that the table of differences brings, or that only such values read.
  bool is_of_difference(Operation* op) {
    if (op->hasAttr("flex.relative_slot")) return true;
    if (const auto found = of_difference_.find(op); found != of_difference_.end()) return found->second;
    const bool result = !op->use_empty() && llvm::all_of(op->getUsers(), [&](Operation* user) {
      Operation* reader = op->getBlock()->findAncestorOpInBlock(*user);
      return reader && reader->getNumResults() == 1 && is_of_difference(reader);
    });
    return of_difference_[op] = result;
  }
  /// A key's value that the table brings, or that only such values read. Others are computed again at each pair.
  bool is_in_table(Operation* op) {
    if (op->hasAttr("flex.slot")) return true;
    if (const auto found = in_table_.find(op); found != in_table_.end()) return found->second;
    const bool result = !op->use_empty() && llvm::all_of(op->getUsers(), [&](Operation* user) { return user->getNumResults() == 1 && user->getNumRegions() == 0 && of(user) == Column; });
    return in_table_[op] = result;
  }
  bool reads_memory(Operation* op) {
    if (const auto found = reads_memory_.find(op); found != reads_memory_.end()) return found->second;
    const bool result = isa<flex::GatherOp, flex::ReduceOp>(op) || llvm::any_of(op->getOperands(), [&](Value operand) {
                          Operation* before = operand.getDefiningOp();
                          return before != nullptr && reads_memory(before);
                        });
    return reads_memory_[op] = result;
  }

  Dependences dependences_{AffineColumns::Distinct};
  llvm::DenseMap<Operation*, bool> of_difference_, in_table_, reads_memory_;
};

/// What stands behind conversions between widths.
Value unconverted(Value value) {
  while (Operation* op = value.getDefiningOp()) {
    if (!isa<flex::ToI32Op, flex::ToI64Op>(op)) break;
    value = op->getOperand(0);
  }
  return value;
}

/// b, h and a loop's number lie in the dims that they count.
bool counts(Value index, flex::DimAttr dim) {
  auto argument = dyn_cast<BlockArgument>(unconverted(index));
  if (!argument) return false;
  Operation* owner = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<flex::ReduceOp>(owner)) return loop.getLength() == dim;
  if (dim.getKind() != dsl::Dim::Kind::Symbol) return false;
  const unsigned number = argument.getArgNumber() - (isa<flex::ScoreModOp>(owner) ? 1 : 0);
  const StringRef symbol = dsl::kSymbolNames[static_cast<std::size_t>(dim.getValue())];
  return (number == 0 && symbol == "B") || (number == 1 && symbol == "H");
}

/// Never outside [-n, n).
bool is_inside(Ranges& ranges, flex::GatherOp gather, ArrayAttr dims) {
  for (const auto& [index, attribute] : llvm::zip_equal(gather.getIndices(), dims)) {
    const auto dim = cast<flex::DimAttr>(attribute);
    if (counts(index, dim)) continue;
    if (dim.getKind() != dsl::Dim::Kind::Constant) return false;
    const Range range = ranges.of(index);
    if (range.lo < -dim.getValue() || range.hi >= dim.getValue()) return false;
  }
  return true;
}

}  // namespace

KernelFacts facts_of(flex::VariantOp variant) {
  KernelFacts facts;
  facts.assumptions = assumptions_of(variant);
  Ranges narrow(variant);
  const Attribute mark = variant->removeAttr(flex::kNarrowAttribute);
  Ranges wide(variant);  // assumes nothing
  if (mark) variant->setAttr(flex::kNarrowAttribute, mark);
  Levels levels;
  bool is_affine = false;
  variant.walk([&](flex::AffineRowOp) { is_affine = true; });
  variant.walk([&](Operation* op) {
    if (op->getNumResults() != 1 || op->getNumOperands() == 0 || isa<arith::ConstantOp>(op)) return;
    // Beside its affine form a score's general one serves rows whose numbers are not finite.
    if (is_affine && op->getParentOfType<flex::ScoreModOp>() && !op->getParentOfType<flex::AffineRowOp>()) return;
    if (isa<flex::AffineRowOp>(op)) return;
    const unsigned level = levels.of(op);
    facts.reductions += isa<flex::ReduceOp>(op);
    ++facts.operations[level];
    auto gather = dyn_cast<flex::GatherOp>(op);
    if (!gather) return;
    auto capture = SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant, gather.getCaptureAttr());
    KernelFacts::Gather fact{flex::number_of(gather.getCapture()), level, level == Levels::Column || level == Levels::Relative, KernelFacts::Bounds::Guarded};
    if (is_inside(wide, gather, capture.getDims())) fact.bounds = KernelFacts::Bounds::Proven;
    else if (is_inside(narrow, gather, capture.getDims())) fact.bounds = KernelFacts::Bounds::LaunchChecked;
    facts.gathers.push_back(fact);
  });
  return facts;
}

}  // namespace flexc::compiler::cuda
