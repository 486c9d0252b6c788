// negations-inward: conditions in negation normal form, so that De Morgan's rules change nothing that later passes see: a negated
// conjunction is a disjunction of negations, and a choice with a constant side is a conjunction or a disjunction. Valid for all
// booleans; integers' bits are left alone.
#include "compiler/dialect/flex.h"
#include "compiler/passes/passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

struct NotOfConnective : OpRewritePattern<flex::NotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(flex::NotOp op, PatternRewriter& rewriter) const override {
    Operation* inner = op.getOperand().getDefiningOp();
    if (!op.getType().isInteger(1) || !inner) return failure();
    const auto negated = [&](Value value) -> Value { return rewriter.create<flex::NotOp>(op.getLoc(), value); };
    if (isa<flex::NotOp>(inner)) rewriter.replaceOp(op, inner->getOperand(0));
    else if (isa<flex::AndOp>(inner)) rewriter.replaceOpWithNewOp<flex::OrOp>(op, negated(inner->getOperand(0)), negated(inner->getOperand(1)));
    else if (isa<flex::OrOp>(inner)) rewriter.replaceOpWithNewOp<flex::AndOp>(op, negated(inner->getOperand(0)), negated(inner->getOperand(1)));
    else if (isa<flex::SelectOp>(inner)) rewriter.replaceOpWithNewOp<flex::SelectOp>(op, op.getType(), inner->getOperand(0), negated(inner->getOperand(1)), negated(inner->getOperand(2)));
    else return not_of_order(op, inner, rewriter);
    return success();
  }

 private:
  /// Of integers; with a NaN, not (a < b) is no order.
  static LogicalResult not_of_order(flex::NotOp op, Operation* compare, PatternRewriter& rewriter) {
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

/// select c, x, false → c and x; select c, true, y → c or y; select c, false, y → not c and y; select c, x, true → not c or x.
struct ChoiceOfConditions : OpRewritePattern<flex::SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(flex::SelectOp op, PatternRewriter& rewriter) const override {
    if (!op.getType().isInteger(1)) return failure();
    const auto constant = [](Value value) -> std::optional<bool> {
      auto defined = value.getDefiningOp<arith::ConstantOp>();
      if (!defined) return std::nullopt;
      return !cast<IntegerAttr>(defined.getValue()).getValue().isZero();
    };
    const Value condition = op.getCondition(), a = op.getOnTrue(), b = op.getOnFalse();
    const auto left = constant(a), right = constant(b);
    const auto negated = [&]() -> Value { return rewriter.create<flex::NotOp>(op.getLoc(), condition); };
    if (right && !*right) rewriter.replaceOpWithNewOp<flex::AndOp>(op, condition, a);
    else if (left && *left) rewriter.replaceOpWithNewOp<flex::OrOp>(op, condition, b);
    else if (left) rewriter.replaceOpWithNewOp<flex::AndOp>(op, negated(), b);
    else if (right) rewriter.replaceOpWithNewOp<flex::OrOp>(op, negated(), a);
    else return failure();
    return success();
  }
};

/// A condition as 0 or 1, compared with a constant, is the condition, its negation or a constant.
template <class Compare>
struct ComparedCondition : OpRewritePattern<Compare> {
  using OpRewritePattern<Compare>::OpRewritePattern;
  LogicalResult matchAndRewrite(Compare op, PatternRewriter& rewriter) const override {
    Value lhs = op.getLhs(), rhs = op.getRhs();
    auto number = lhs.template getDefiningOp<flex::BoolToIntOp>();
    const bool swapped = !number;
    if (swapped) number = rhs.template getDefiningOp<flex::BoolToIntOp>();
    const auto constant = flex::constant_integer(swapped ? lhs : rhs);
    if (!number || !constant) return failure();
    const auto holds = [&](std::int64_t value) { return swapped ? compare(*constant, value) : compare(value, *constant); };
    const Value condition = number.getOperand();
    if (holds(0) == holds(1)) rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, rewriter.getBoolAttr(holds(1)));
    else if (holds(1)) rewriter.replaceOp(op, condition);
    else rewriter.replaceOpWithNewOp<flex::NotOp>(op, condition);
    return success();
  }

 private:
  static bool compare(std::int64_t a, std::int64_t b) {
    if constexpr (std::is_same_v<Compare, flex::EqOp>) return a == b;
    else if constexpr (std::is_same_v<Compare, flex::NeOp>) return a != b;
    else if constexpr (std::is_same_v<Compare, flex::LtOp>) return a < b;
    else if constexpr (std::is_same_v<Compare, flex::LeOp>) return a <= b;
    else if constexpr (std::is_same_v<Compare, flex::GtOp>) return a > b;
    else return a >= b;
  }
};

struct NegationsInward : PassWrapper<NegationsInward, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NegationsInward)
  StringRef getArgument() const override { return "flexc-negations-inward"; }
  StringRef getDescription() const override { return "Conditions in negation normal form"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NotOfConnective, ChoiceOfConditions, ComparedCondition<flex::EqOp>, ComparedCondition<flex::NeOp>, ComparedCondition<flex::LtOp>, ComparedCondition<flex::LeOp>,
                 ComparedCondition<flex::GtOp>, ComparedCondition<flex::GeOp>>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns)))) signalPassFailure();
  }
};

}  // namespace

std::unique_ptr<Pass> create_negations_inward() { return std::make_unique<NegationsInward>(); }

}  // namespace flexc::compiler
