// classify-score: identity, affine (factor·score + row + slope·column, all three the same for a row segment) or general. An
// affine score needs no call: the kernel folds `row` into the row's maximum, and `slope` into one fused operation an element.
#include <cmath>
#include <limits>

#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/linear_form.h"
#include "compiler/passes/passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

/// Positions and lengths are below this (docs/contracts.md).
constexpr double kMaxPosition = 0x1p48;
/// A sum of integers whose terms are below this in all cannot wrap.
constexpr double kNoWrap = 0x1p62;
constexpr double kUnbounded = std::numeric_limits<double>::infinity();
constexpr int kMaxBoundDepth = 16;

double bound_of_type(Type stored) {
  if (stored.isInteger(1)) return 1;
  const unsigned bits = stored.isInteger() ? stored.getIntOrFloatBitWidth() : 64;
  return bits < 64 ? std::ldexp(1.0, static_cast<int>(bits)) : kUnbounded;
}

/// What an i64 cannot exceed in magnitude, in so far as that is evident.
double bound_of(Value value, flex::VariantOp variant, int depth = kMaxBoundDepth) {
  if (isa<BlockArgument>(value)) return kMaxPosition;
  if (const auto constant = flex::constant_integer(value)) return std::fabs(static_cast<double>(*constant));
  Operation* op = value.getDefiningOp();
  const auto of = [&](unsigned operand) { return depth > 0 ? bound_of(op->getOperand(operand), variant, depth - 1) : kUnbounded; };
  if (isa<flex::DimOp>(op)) return kMaxPosition;
  if (isa<flex::BoolToIntOp>(op)) return 1;
  if (isa<flex::WrapI32Op>(op)) return bound_of_type(IntegerType::get(op->getContext(), 32));
  if (auto read = dyn_cast<flex::ReadOp>(op)) return bound_of_type(SymbolTable::lookupNearestSymbolFrom<flex::ParamOp>(variant, read.getParamAttr()).getType());
  if (auto gather = dyn_cast<flex::GatherOp>(op)) return bound_of_type(SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant, gather.getCaptureAttr()).getElement());
  if (isa<flex::FloorDivOp>(op)) return of(0);
  if (isa<flex::ModOp>(op)) return of(1);
  if (isa<flex::MinOp, flex::MaxOp>(op)) return std::max(of(0), of(1));
  if (isa<flex::SelectOp>(op)) return std::max(of(1), of(2));
  // What might wrap on the way is not bounded by its terms.
  double sum = kUnbounded;
  if (isa<flex::AddOp, flex::SubOp>(op)) sum = of(0) + of(1);
  else if (isa<flex::MulOp>(op)) sum = of(0) * of(1);
  else if (isa<flex::NegOp, flex::AbsOp>(op)) sum = of(0);
  return sum < kNoWrap ? sum : kUnbounded;
}

/// factor·score + row + slope·column; a missing value is 0.
struct Affine {
  Value factor, row, slope;
};

class AffineBuilder {
 public:
  AffineBuilder(flex::ScoreModOp mod, flex::AffineRowOp affine)
      : mod_(mod), builder_(OpBuilder::atBlockBegin(&affine.getBody().front())), location_(mod.getLoc()) {
    Block& from = mod.getBody().front();
    Block& to = affine.getBody().front();
    for (unsigned i = 0; i < 3; ++i) mapping_.map(from.getArgument(i + 1), to.getArgument(i));
    kv_ = from.getArgument(4);
    kv_base_ = to.getArgument(3);
    kv_step_ = to.getArgument(4);
  }

  std::optional<Affine> run() { return decompose(cast<flex::YieldOp>(mod_.getBody().front().getTerminator()).getValues()[0]); }

  void yield(const Affine& affine) {
    const auto or_zero = [&](Value value) { return value ? value : zero(); };
    builder_.create<flex::YieldOp>(location_, ValueRange{or_zero(affine.factor), or_zero(affine.row), or_zero(affine.slope)});
  }

 private:
  Value zero() { return constant(0.0f); }
  Value constant(float value) { return builder_.create<arith::ConstantOp>(location_, builder_.getF32FloatAttr(value)); }

  bool is_uniform(Value value) { return (dependences_.of(value) & (kOnScore | kOnKv)) == 0; }

  /// A value of the mod that the columns share, computed in the new function.
  Value copy(Value value) {
    if (const Value known = mapping_.lookupOrNull(value)) return known;
    Operation* op = value.getDefiningOp();
    for (Value operand : op->getOperands()) copy(operand);
    // A reduction's body reads values from outside, too.
    llvm::SetVector<Value> outside;
    getUsedValuesDefinedAbove(op->getRegions(), outside);
    for (Value operand : outside) copy(operand);
    return builder_.clone(*op, mapping_)->getResult(0);
  }

  template <class Op>
  Value make(Value a, Value b) {
    return builder_.create<Op>(location_, a, b);
  }
  Value add(Value a, Value b) { return !a ? b : !b ? a : make<flex::AddOp>(a, b); }
  Value subtract(Value a, Value b) { return !b ? a : !a ? Value(builder_.create<flex::NegOp>(location_, b)) : make<flex::SubOp>(a, b); }
  Value multiply(Value a, Value b) { return !a || !b ? Value() : make<flex::MulOp>(a, b); }
  Value divide(Value a, Value b) { return !a ? Value() : make<flex::DivOp>(a, b); }

  /// int_to_float(c·kv + rest): exact in i64 at the segment's first column, then one step a column. Steps of f32 do not wrap, so
  /// the sum must not either.
  std::optional<Affine> of_integer(Value value) {
    Linear rest = linear_form(value);
    Unsigned slope = 0;
    const auto variant = mod_->getParentOfType<flex::VariantOp>();
    double bound = std::fabs(static_cast<double>(static_cast<std::int64_t>(rest.constant)));
    for (const auto& [term, coefficient] : rest.terms) bound += std::fabs(static_cast<double>(static_cast<std::int64_t>(coefficient))) * bound_of(term, variant);
    for (auto& [term, coefficient] : rest.terms) {
      if (term == kv_) slope = coefficient;
      else if (!is_uniform(term)) return std::nullopt;
      term = term == kv_ ? kv_base_ : copy(term);
    }
    if (slope != 0 && !(bound < kNoWrap)) return std::nullopt;
    const auto to_float = [&](Value integer) -> Value { return builder_.create<flex::IntToFloatOp>(location_, builder_.getF32Type(), integer); };
    Linear step;
    step.add_term(kv_step_, slope);
    return Affine{{}, to_float(materialize(rest, builder_, location_)), slope == 0 ? Value() : to_float(materialize(step, builder_, location_))};
  }

  std::optional<Affine> decompose(Value value) {
    if (value == mod_.getBody().front().getArgument(0)) return Affine{constant(1.0f), {}, {}};
    if (is_uniform(value)) return Affine{{}, copy(value), {}};
    Operation* op = value.getDefiningOp();
    if (!op) return std::nullopt;
    if (auto conversion = dyn_cast<flex::IntToFloatOp>(op)) return of_integer(conversion.getOperand());
    if (auto neg = dyn_cast<flex::NegOp>(op)) {
      const auto x = decompose(neg.getOperand());
      return x ? std::optional(Affine{subtract({}, x->factor), subtract({}, x->row), subtract({}, x->slope)}) : std::nullopt;
    }
    if (isa<flex::AddOp, flex::SubOp>(op)) {
      const auto x = decompose(op->getOperand(0)), y = x ? decompose(op->getOperand(1)) : std::nullopt;
      if (!y) return std::nullopt;
      if (isa<flex::AddOp>(op)) return Affine{add(x->factor, y->factor), add(x->row, y->row), add(x->slope, y->slope)};
      return Affine{subtract(x->factor, y->factor), subtract(x->row, y->row), subtract(x->slope, y->slope)};
    }
    if (isa<flex::MulOp>(op)) {
      const bool on_right = is_uniform(op->getOperand(1));
      if (!on_right && !is_uniform(op->getOperand(0))) return std::nullopt;
      const auto x = decompose(op->getOperand(on_right ? 0 : 1));
      if (!x) return std::nullopt;
      const Value by = copy(op->getOperand(on_right ? 1 : 0));
      return Affine{multiply(x->factor, by), multiply(x->row, by), multiply(x->slope, by)};
    }
    if (isa<flex::DivOp>(op) && is_uniform(op->getOperand(1))) {
      const auto x = decompose(op->getOperand(0));
      if (!x) return std::nullopt;
      const Value by = copy(op->getOperand(1));
      return Affine{divide(x->factor, by), divide(x->row, by), divide(x->slope, by)};
    }
    return std::nullopt;
  }

  flex::ScoreModOp mod_;
  OpBuilder builder_;
  mlir::Location location_;
  IRMapping mapping_;
  Dependences dependences_;
  Value kv_, kv_base_, kv_step_;
};

struct ClassifyScore : PassWrapper<ClassifyScore, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ClassifyScore)
  StringRef getArgument() const override { return "flexc-classify-score"; }
  StringRef getDescription() const override { return "Marks the score_mod identity, affine or general; writes affine ones as flex.affine_row"; }
  void runOnOperation() override {
    SmallVector<flex::ScoreModOp> mods;
    getOperation()->walk([&](flex::ScoreModOp mod) { mods.push_back(mod); });
    for (flex::ScoreModOp mod : mods) {
      const StringRef name = classify(mod);
      mod->setAttr("flex.score_class", StringAttr::get(&getContext(), name));
    }
  }

 private:
  static StringRef classify(flex::ScoreModOp mod) {
    Block& block = mod.getBody().front();
    if (cast<flex::YieldOp>(block.getTerminator()).getValues()[0] == block.getArgument(0)) return "identity";
    OpBuilder builder(mod);
    builder.setInsertionPointAfter(mod);
    auto affine = builder.create<flex::AffineRowOp>(mod.getLoc());
    Block& to = affine.getBody().emplaceBlock();
    for (int i = 0; i < 5; ++i) to.addArgument(builder.getI64Type(), mod.getLoc());
    AffineBuilder decomposition(mod, affine);
    const auto parts = decomposition.run();
    // Without the score in it, the kernel would do its products for nothing: such mods are general.
    if (!parts || !parts->factor) {
      affine.erase();
      return "general";
    }
    decomposition.yield(*parts);
    return "affine";
  }
};

}  // namespace

std::unique_ptr<Pass> create_classify_score() { return std::make_unique<ClassifyScore>(); }

}  // namespace flexc::compiler
