// narrow-integers: in a variant that may be compiled under the assumptions of members.h (flex.narrow), integers whose values and
// whose operands' values fit in 32 bits are computed in 32 bits: eight to an AVX2 register instead of four, and converted to
// float by one instruction where i64 takes a dozen. What the proofs assume is recorded, and checked at launch; where they
// assume nothing, the variant has one member only.
#include "compiler/passes/levels.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/ranges.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

constexpr unsigned kNarrowBits = 32;

class Narrower {
 public:
  explicit Narrower(flex::VariantOp variant) : variant_(variant), ranges_(variant), i32_(IntegerType::get(variant.getContext(), kNarrowBits)) {}

  void run() {
    // All is decided before anything changes, because ranges are known by value.
    variant_.walk([&](Operation* op) {
      // An affine row and a band are a handful of scalars a row: nothing to gain.
      if (op->getParentOfType<flex::AffineRowOp>() || op->getParentOfType<flex::BandOp>()) return;
      if (auto gather = dyn_cast<flex::GatherOp>(op)) plan_gather(gather);
      else if (op->getNumResults() == 1 && is_small(op)) plan(op);
    });
    for (Operation* op : planned_) rewrite(op);
    for (Operation* op : llvm::reverse(widened_))
      if (op->use_empty()) op->erase();
    assume(variant_, assumes_);
  }

 private:
  static bool is_wide_integer(Value value) { return value.getType().isInteger(64); }

  bool fits(Value value) { return ranges_.of(value).fits(kNarrowBits); }

  /// An operation of the language on integers with an i32 form that gives the same value.
  bool is_small(Operation* op) {
    auto language = dyn_cast<flex::LanguageOp>(op);
    if (!language || isa<flex::FloatToIntOp>(op)) return false;
    if (isa<flex::WrapI32Op, flex::BoolToIntOp>(op)) return is_wide_integer(op->getResult(0));
    SmallVector<Value> values(op->getOperands());
    values.push_back(op->getResult(0));
    if (llvm::any_of(values, [](Value value) { return isa<flex::RowType>(value.getType()); })) return false;
    llvm::erase_if(values, [](Value value) { return !is_wide_integer(value); });
    return !values.empty() && llvm::all_of(values, [&](Value value) { return fits(value); });
  }

  void plan(Operation* op) {
    planned_.push_back(op);
    if (isa<flex::WrapI32Op>(op)) return;  // the low 32 bits, whatever the operand
    for (Value value : op->getOperands())
      if (is_wide_integer(value)) assumes_ |= ranges_.of(value).assumes;
    if (is_wide_integer(op->getResult(0))) assumes_ |= ranges_.of(op->getResult(0)).assumes;
  }

  /// Indices of a column are worth 32 bits, where the launch checks that the capture's offsets fit; a row's are scalars.
  bool has_small_indices(flex::GatherOp gather) {
    const bool varies = llvm::any_of(gather.getIndices(), [&](Value index) { return (dependences_.of(index) & (kOnKv | kOnScore)) != 0; });
    return varies && llvm::all_of(gather.getIndices(), [&](Value index) { return is_wide_integer(index) && fits(index); });
  }

  bool has_small_elements(flex::GatherOp gather) {
    auto capture = SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant_, gather.getCaptureAttr());
    return is_wide_integer(gather.getResult()) && (capture.getElement().isInteger(32) || capture.getElement().isUnsignedInteger(8));
  }

  void plan_gather(flex::GatherOp gather) {
    const bool small_indices = has_small_indices(gather);
    if (!small_indices && !has_small_elements(gather)) return;
    planned_.push_back(gather);
    if (!small_indices) return;
    with_small_indices_.insert(gather);
    assumes_ |= kAssumesCaptures;
    for (Value index : gather.getIndices()) assumes_ |= ranges_.of(index).assumes;
  }

  /// `value` in 32 bits, made where it is defined.
  Value narrow(Value value) {
    Value& known = narrow_[value];
    if (known) return known;
    OpBuilder builder(variant_.getContext());
    builder.setInsertionPointAfterValue(value);
    const auto argument = dyn_cast<BlockArgument>(value);  // the text gives arguments no place of their own
    const mlir::Location location = argument ? argument.getOwner()->getParentOp()->getLoc() : value.getLoc();
    if (const auto constant = flex::constant_integer(value))
      known = builder.create<arith::ConstantOp>(location, builder.getI32IntegerAttr(static_cast<std::int32_t>(*constant)));
    else
      known = builder.create<flex::ToI32Op>(location, i32_, value);
    return known;
  }

  void rewrite(Operation* op) {
    const bool gathers = isa<flex::GatherOp>(op);
    const bool small_result = gathers ? has_small_elements(cast<flex::GatherOp>(op)) : is_wide_integer(op->getResult(0));
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    Value result;
    if (isa<flex::WrapI32Op>(op)) {
      result = narrow(op->getOperand(0));
    } else {
      SmallVector<Value> operands;
      const bool small_operands = !gathers || with_small_indices_.contains(op);
      for (Value operand : op->getOperands()) operands.push_back(small_operands && is_wide_integer(operand) ? narrow(operand) : operand);
      OperationState state(op->getLoc(), op->getName().getStringRef(), operands, small_result ? Type(i32_) : op->getResult(0).getType(), op->getAttrs());
      result = builder.create(state)->getResult(0);
    }
    if (small_result) {
      const Value wide = builder.create<flex::ToI64Op>(op->getLoc(), builder.getI64Type(), result);
      widened_.push_back(wide.getDefiningOp());
      narrow_[wide] = result;
      result = wide;
    }
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  flex::VariantOp variant_;
  Ranges ranges_;
  Dependences dependences_;
  Type i32_;
  SmallVector<Operation*> planned_, widened_;
  llvm::DenseSet<Operation*> with_small_indices_;
  llvm::DenseMap<Value, Value> narrow_;
  std::uint32_t assumes_ = kAssumesNothing;
};

struct NarrowIntegers : PassWrapper<NarrowIntegers, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowIntegers)
  StringRef getArgument() const override { return "flexc-narrow-integers"; }
  StringRef getDescription() const override { return "Integers that fit are computed in 32 bits, in variants marked flex.narrow"; }
  void runOnOperation() override {
    for (flex::VariantOp variant : getOperation().getOps<flex::VariantOp>())
      if (variant->hasAttr(flex::kNarrowAttribute)) Narrower(variant).run();
  }
};

}  // namespace

std::unique_ptr<Pass> create_narrow_integers() { return std::make_unique<NarrowIntegers>(); }

}  // namespace flexc::compiler
