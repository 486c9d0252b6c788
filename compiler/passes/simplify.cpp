// simplify: folds, removes dead code and common subexpressions, and brings sums of integers into linear normal form:
// constant + Σ coefficient·term modulo 2^64, so that k - (k - q) is q and both sides of a comparison meet. x - x % n becomes
// (x // n)·n, which is monotone in x where the difference of two terms is not.
#include "compiler/dialect/flex.h"
#include "compiler/passes/linear_form.h"
#include "compiler/passes/passes.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

/// Operations that writing the form takes: the sum as it is stays where that is no more than it has.
std::size_t cost(const Linear& form) {
  std::size_t multiplications = 0;
  for (const auto& [value, coefficient] : form.terms) multiplications += coefficient != 1 && coefficient != ~Unsigned{0};
  return form.terms.size() + multiplications + (form.constant != 0);
}

/// Linear operations that only serve `value`, itself included.
std::size_t size_of(Value value, int budget) {
  Operation* op = value.getDefiningOp();
  if (budget == 0 || !is_linear(op)) return 0;
  std::size_t size = 1;
  for (Value operand : op->getOperands())
    if (operand.hasOneUse()) size += size_of(operand, budget - 1);
  return size;
}

/// A sum of integers whose linear form is shorter.
struct LinearForm : RewritePattern {
  explicit LinearForm(MLIRContext* context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation* op, PatternRewriter& rewriter) const override {
    if (!is_linear(op)) return failure();
    const Linear form = linear_form(op->getResult(0));
    // A sum of too many terms is its own form: replaced by itself it would be erased while it is used.
    if (form.terms.size() == 1 && form.terms.front().first == op->getResult(0)) return failure();
    const bool all_negative = llvm::all_of(form.terms, [](const auto& term) { return static_cast<std::int64_t>(term.second) < 0; });
    const std::size_t written = form.terms.empty() ? 0 : cost(form) - 1 + (all_negative ? 1 : 0);
    if (written >= size_of(op->getResult(0), kMaxLinearDepth)) return failure();
    rewriter.replaceOp(op, materialize(form, rewriter, op->getLoc()));
    return success();
  }
};

/// x - x % n → (x // n)·n, also inside a longer sum.
struct FloorToMultiple : OpRewritePattern<flex::SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(flex::SubOp op, PatternRewriter& rewriter) const override {
    if (!op.getType().isInteger(64)) return failure();
    auto mod = op.getRhs().getDefiningOp<flex::ModOp>();
    if (!mod || mod.getLhs() != op.getLhs()) return failure();
    // Where n is 0 the left side is x and the right side 0, so n must be known not to be.
    const auto divisor = flex::constant_integer(mod.getRhs());
    if (!divisor || *divisor == 0) return failure();
    const Value quotient = rewriter.create<flex::FloorDivOp>(op.getLoc(), op.getLhs(), mod.getRhs());
    rewriter.replaceOpWithNewOp<flex::MulOp>(op, quotient, mod.getRhs());
    return success();
  }
};

/// Comparisons of integers that differ by a constant or not at all are decided only for equality: order may wrap.
/// a == b with a - b constant is that constant == 0; a + c == b + c is a == b.
template <class Compare>
struct CancelInEquality : OpRewritePattern<Compare> {
  using OpRewritePattern<Compare>::OpRewritePattern;
  LogicalResult matchAndRewrite(Compare op, PatternRewriter& rewriter) const override {
    if (!op.getLhs().getType().isInteger(64)) return failure();
    Linear lhs = linear_form(op.getLhs()), rhs = linear_form(op.getRhs()), difference = lhs;
    difference.add(rhs, ~Unsigned{0});
    difference.drop_zeros();
    if (cost(difference) >= cost(lhs) + cost(rhs)) return failure();
    Linear positive, negative;
    for (const auto& [term, coefficient] : difference.terms) {
      if (static_cast<std::int64_t>(coefficient) < 0) negative.add_term(term, 0 - coefficient);
      else positive.add_term(term, coefficient);
    }
    negative.constant = 0 - difference.constant;
    rewriter.replaceOpWithNewOp<Compare>(op, materialize(positive, rewriter, op.getLoc()), materialize(negative, rewriter, op.getLoc()));
    return success();
  }
};

/// not (a < b) → a >= b for integers; not (a == b) → a != b for floats too, as no order of a NaN is involved.
struct NotOfComparison : OpRewritePattern<flex::NotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(flex::NotOp op, PatternRewriter& rewriter) const override {
    Operation* compare = op.getOperand().getDefiningOp();
    if (!compare || !compare->hasOneUse()) return failure();
    const auto replace = [&]<class To>(To*) {
      rewriter.replaceOpWithNewOp<To>(op, op.getType(), compare->getOperand(0), compare->getOperand(1));
      return success();
    };
    if (isa<flex::EqOp>(compare)) return replace(static_cast<flex::NeOp*>(nullptr));
    if (isa<flex::NeOp>(compare)) return replace(static_cast<flex::EqOp*>(nullptr));
    if (!isa<flex::LtOp, flex::LeOp, flex::GtOp, flex::GeOp>(compare) || !compare->getOperand(0).getType().isInteger(64)) return failure();
    if (isa<flex::LtOp>(compare)) return replace(static_cast<flex::GeOp*>(nullptr));
    if (isa<flex::LeOp>(compare)) return replace(static_cast<flex::GtOp*>(nullptr));
    if (isa<flex::GtOp>(compare)) return replace(static_cast<flex::LeOp*>(nullptr));
    return replace(static_cast<flex::LtOp*>(nullptr));
  }
};

struct Simplify : PassWrapper<Simplify, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Simplify)
  StringRef getArgument() const override { return "flexc-simplify"; }
  StringRef getDescription() const override { return "Folds, linear normal form of integer sums, common subexpressions"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LinearForm>(&getContext());
    patterns.add<FloorToMultiple, CancelInEquality<flex::EqOp>, CancelInEquality<flex::NeOp>, NotOfComparison>(&getContext());
    const FrozenRewritePatternSet frozen(std::move(patterns));
    // What common subexpressions reveal can be simplified again; two rounds reach the fixed point of all known variants.
    for (int round = 0; round < 2; ++round) {
      if (failed(applyPatternsAndFoldGreedily(getOperation(), frozen))) return signalPassFailure();
      IRRewriter rewriter(&getContext());
      DominanceInfo dominance(getOperation());
      bool changed = false;
      eliminateCommonSubExpressions(rewriter, dominance, getOperation(), &changed);
      if (!changed) break;
    }
  }
};

}  // namespace

std::unique_ptr<Pass> create_simplify() { return std::make_unique<Simplify>(); }

}  // namespace flexc::compiler
