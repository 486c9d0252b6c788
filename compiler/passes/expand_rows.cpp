// expand-rows: a row is never stored. Reductions become a flex.reduce whose body computes element %i, and an index into a row
// computes that element alone.
#include "compiler/dialect/flex.h"
#include "compiler/passes/passes.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

class RowExpander {
 public:
  RowExpander(OpBuilder& builder, mlir::Location location) : builder_(builder), location_(location) {}

  /// Element `index` of a row, for an index that is in range.
  Value element(Value row, Value index) {
    Operation* op = row.getDefiningOp();
    const Type type = flex::element_of(row.getType());
    if (auto splat = dyn_cast<flex::SplatOp>(op)) return splat.getValue();
    SmallVector<Value> operands;
    if (auto gather = dyn_cast<flex::GatherRowOp>(op)) {
      operands.assign(gather.getIndices().begin(), gather.getIndices().end());
      operands.push_back(index);
      return create(("flex.gather"), operands, type, gather->getAttrs());
    }
    for (Value operand : op->getOperands()) operands.push_back(isa<flex::RowType>(operand.getType()) ? element(operand, index) : operand);
    return create(op->getName().getStringRef(), operands, type, {});
  }

  Value constant(std::int64_t value) { return builder_.create<arith::ConstantOp>(location_, builder_.getI64IntegerAttr(value)); }

  Value length(flex::DimAttr dim) {
    if (dim.getKind() == dsl::Dim::Kind::Constant) return constant(dim.getValue());
    return builder_.create<flex::DimOp>(location_, dim);
  }

  /// Element `index` of a row; 0 out of range, whatever the row computes there.
  Value element_or_zero(Value row, Value index) {
    const Value n = length(cast<flex::RowType>(row.getType()).getLength()), zero = constant(0);
    const Value below = builder_.create<flex::LtOp>(location_, index, zero);
    const Value wrapped = builder_.create<flex::SelectOp>(location_, below, builder_.create<flex::AddOp>(location_, index, n), index);
    const Value inside = builder_.create<flex::AndOp>(location_, builder_.create<flex::GeOp>(location_, wrapped, zero),
                                                      builder_.create<flex::LtOp>(location_, wrapped, n));
    const Value value = element(row, wrapped);
    const Type type = value.getType();
    const TypedAttr nothing = type.isF32() ? TypedAttr(builder_.getF32FloatAttr(0)) : TypedAttr(builder_.getI64IntegerAttr(0));
    return builder_.create<flex::SelectOp>(location_, inside, value, builder_.create<arith::ConstantOp>(location_, nothing));
  }

  Value reduce(StringRef kind, Value row, Value other) {
    const auto row_type = cast<flex::RowType>(row.getType());
    auto reduction = builder_.create<flex::ReduceOp>(location_, row_type.getElement(), builder_.getStringAttr(kind), row_type.getLength());
    const OpBuilder::InsertionGuard guard(builder_);
    Block& block = reduction.getBody().emplaceBlock();
    const Value index = block.addArgument(builder_.getI64Type(), location_);
    builder_.setInsertionPointToStart(&block);
    Value value = element(row, index);
    if (other) value = builder_.create<flex::MulOp>(location_, value, element(other, index));
    builder_.create<flex::YieldOp>(location_, ValueRange(value));
    return reduction.getResult();
  }

 private:
  Value create(StringRef name, ValueRange operands, Type type, ArrayRef<NamedAttribute> attributes) {
    OperationState state(location_, name, operands, type, attributes);
    return builder_.create(state)->getResult(0);
  }

  OpBuilder& builder_;
  mlir::Location location_;
};

struct ExpandRows : PassWrapper<ExpandRows, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandRows)
  StringRef getArgument() const override { return "flexc-expand-rows"; }
  StringRef getDescription() const override { return "Rows become reductions over an index"; }
  void runOnOperation() override {
    SmallVector<Operation*> users, rows;
    getOperation()->walk([&](Operation* op) {
      const auto is_row = [](Value value) { return isa<flex::RowType>(value.getType()); };
      if (op->getNumResults() == 1 && is_row(op->getResult(0))) rows.push_back(op);
      else if (llvm::any_of(op->getOperands(), is_row)) users.push_back(op);
    });
    for (Operation* op : users) {
      OpBuilder builder(op);
      RowExpander expander(builder, op->getLoc());
      Value value;
      if (auto index = dyn_cast<flex::RowIndexOp>(op)) value = expander.element_or_zero(index.getRow(), index.getIndex());
      else if (auto dot = dyn_cast<flex::DotOp>(op)) value = expander.reduce("sum", dot.getLhs(), dot.getRhs());
      else if (isa<flex::SumOp>(op)) value = expander.reduce("sum", op->getOperand(0), {});
      else value = expander.reduce(isa<flex::RowMinOp>(op) ? "min" : "max", op->getOperand(0), {});
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
    for (Operation* op : llvm::reverse(rows)) op->erase();
  }
};

}  // namespace

std::unique_ptr<Pass> create_expand_rows() { return std::make_unique<ExpandRows>(); }

}  // namespace flexc::compiler
