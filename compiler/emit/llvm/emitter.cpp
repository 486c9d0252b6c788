// The walk over a mod: what is shared and what varies, loops, broadcasts, loads.
#include "compiler/emit/llvm/emitter.h"

#include <limits>

#include "templates/cpu/row_segment.h"

using namespace mlir;

namespace flexc::compiler {

ModEmitter::ModEmitter(OpBuilder& builder, flex::VariantOp variant, int width)
    : builder_(builder), location_(variant.getLoc()), variant_(variant), width_(width) {}

Type ModEmitter::vector_of(Type scalar) { return VectorType::get({width_}, scalar); }

Value ModEmitter::constant_i64(std::int64_t value) { return integer(value, builder_.getI64Type()); }

Value ModEmitter::load_field(Value pointer, std::size_t offset, Type type) {
  const Type pointer_type = llvm_ir::LLVMPointerType::get(builder_.getContext());
  const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointer_type, builder_.getI8Type(), pointer,
                                                        ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(static_cast<std::int32_t>(offset))});
  return builder_.create<llvm_ir::LoadOp>(location_, type, address);
}

Value ModEmitter::broadcast(Value scalar) {
  if (isa<VectorType>(scalar.getType())) return scalar;
  if (auto constant = scalar.getDefiningOp<llvm_ir::ConstantOp>()) {
    const auto type = cast<VectorType>(vector_of(scalar.getType()));
    return builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(type, constant.getValue()));
  }
  const Value empty = builder_.create<llvm_ir::UndefOp>(location_, vector_of(scalar.getType()));
  const Value first = builder_.create<llvm_ir::InsertElementOp>(location_, empty, scalar, integer(0, builder_.getI32Type()));
  const SmallVector<std::int32_t> zeros(static_cast<std::size_t>(width_), 0);
  return builder_.create<llvm_ir::ShuffleVectorOp>(location_, first, empty, zeros);
}

Value ModEmitter::get(Value value, bool as_vector) {
  Value emitted;
  if (auto constant = value.getDefiningOp<arith::ConstantOp>()) {
    emitted = builder_.create<llvm_ir::ConstantOp>(location_, constant.getValue());
  } else {
    emitted = values_.lookup(value);
  }
  return as_vector ? broadcast(emitted) : emitted;
}

void ModEmitter::need(Operation* op, bool stop_at_slots) {
  if (!op || !needed_.insert(op).second) return;
  if (stop_at_slots && op->hasAttr("flex.slot")) return;
  for (Value operand : op->getOperands()) need(operand.getDefiningOp(), stop_at_slots);
  // A reduction's body is emitted as a whole; what it reads from outside is needed too.
  op->walk([&](Operation* inner) {
    if (inner == op) return;
    for (Value operand : inner->getOperands())
      if (Operation* outside = operand.getDefiningOp(); outside && !op->isProperAncestor(outside)) need(outside, stop_at_slots);
  });
}

void ModEmitter::need_result(Region& mod) {
  for (Value result : mod.front().getTerminator()->getOperands()) need(result.getDefiningOp(), true);
}

void ModEmitter::need_slots(Region& mod) {
  for (Operation& op : mod.front())
    if (op.hasAttr("flex.slot")) need(&op, false);
}

Value ModEmitter::live_lanes(Value column, Value count) {
  SmallVector<std::int64_t> lanes;
  for (int lane = 0; lane < width_; ++lane) lanes.push_back(lane);
  const auto type = cast<VectorType>(vector_of(builder_.getI64Type()));
  const Value lane = builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(type, ArrayRef<std::int64_t>(lanes)));
  return icmp(llvm_ir::ICmpPredicate::slt, lane, broadcast(binary<llvm_ir::SubOp>(count, column)));
}

Value ModEmitter::slot_address(const Table& table, std::int64_t slot) {
  const Type pointer = llvm_ir::LLVMPointerType::get(builder_.getContext());
  const Value index = binary<llvm_ir::AddOp>(binary<llvm_ir::MulOp>(table.stride, constant_i64(slot)), table.column);
  return builder_.create<llvm_ir::GEPOp>(location_, pointer, builder_.getI64Type(), table.base, ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(index)});
}

Value ModEmitter::to_slot(Value value) {
  const Type slots = vector_of(builder_.getI64Type()), element = getElementTypeOrSelf(value.getType());
  if (element.isInteger(64)) return value;
  if (element.isInteger(32)) return make<llvm_ir::SExtOp>(slots, value);
  if (element.isF32()) value = make<llvm_ir::BitcastOp>(vector_of(builder_.getI32Type()), value);
  return make<llvm_ir::ZExtOp>(slots, value);
}

/// Lanes beyond the segment read nothing: the table is only as long as its columns. They hold 1, because a divisor may stand in a
/// slot, with the guard against 0 on the table's side, and the machine traps on x / 0.
Value ModEmitter::from_slot(std::int64_t slot, Type scalar) {
  const Type slots = vector_of(builder_.getI64Type());
  const Value word = builder_.create<llvm_ir::MaskedLoadOp>(location_, slots, slot_address(*table_, slot), live_lanes(table_->column, table_->count),
                                                            ValueRange(integer(1, slots)), builder_.getI32IntegerAttr(sizeof(std::int64_t)));
  if (scalar.isInteger(64)) return word;
  if (scalar.isInteger(1)) return icmp(llvm_ir::ICmpPredicate::ne, word, integer(0, slots));
  const Value low = make<llvm_ir::TruncOp>(vector_of(builder_.getI32Type()), word);
  return scalar.isInteger(32) ? low : make<llvm_ir::BitcastOp>(vector_of(scalar), low);
}

void ModEmitter::load_captures(Region& mod) {
  mod.walk([&](flex::GatherOp op) {
    const unsigned number = flex::number_of(op.getCapture());
    if (captures_.contains(number)) return;
    const Type i64 = builder_.getI64Type(), pointer = llvm_ir::LLVMPointerType::get(builder_.getContext());
    const Value captures = load_field(launch_, offsetof(flexc_row_launch, captures), pointer);
    const std::size_t at = sizeof(flexc_row_capture) * number;
    CaptureAddress address;
    address.data = load_field(captures, at + offsetof(flexc_row_capture, data), pointer);
    const Value sizes = load_field(captures, at + offsetof(flexc_row_capture, sizes), pointer);
    const Value strides = load_field(captures, at + offsetof(flexc_row_capture, strides), pointer);
    for (std::size_t axis = 0; axis < op.getIndices().size(); ++axis) {
      address.sizes.push_back(load_field(sizes, sizeof(std::int64_t) * axis, i64));
      address.strides.push_back(load_field(strides, sizeof(std::int64_t) * axis, i64));
      const Value has_elements = icmp(llvm_ir::ICmpPredicate::sgt, address.sizes[axis], constant_i64(0));
      address.data = select(has_elements, address.data, launch_);
    }
    captures_[number] = address;
  });
}

void ModEmitter::emit_uniform(Region& mod) {
  for (Operation& op : mod.front())
    if (needed_.contains(&op) && !isa<arith::ConstantOp>(op) && !is_varying(op.getResult(0))) emit(op);
}

void ModEmitter::emit_varying(Region& mod) {
  for (Operation& op : mod.front())
    if (needed_.contains(&op) && !isa<arith::ConstantOp>(op) && is_varying(op.getResult(0))) emit(op);
}

void ModEmitter::emit(Operation& op) {
  const bool varying = is_varying(op.getResult(0));
  if (const auto slot = op.getAttrOfType<IntegerAttr>("flex.slot"); slot && table_) {
    values_[op.getResult(0)] = from_slot(slot.getInt(), op.getResult(0).getType());
    return;
  }
  if (auto reduction = dyn_cast<flex::ReduceOp>(op)) {
    values_[op.getResult(0)] = reduce(reduction);
    return;
  }
  SmallVector<Value> operands;
  for (Value operand : op.getOperands()) operands.push_back(get(operand, varying));
  const Type scalar = op.getResult(0).getType(), type = varying ? vector_of(scalar) : scalar;
  Value result;
  if (auto gather_op = dyn_cast<flex::GatherOp>(op)) result = gather(gather_op, operands, varying);
  else if (isa<flex::ToI32Op>(op)) result = op.getOperand(0) == columns_ ? low_columns_ : make<llvm_ir::TruncOp>(type, operands[0]);
  else if (isa<flex::ToI64Op>(op)) result = make<llvm_ir::SExtOp>(type, operands[0]);
  else if (auto size = dyn_cast<flex::DimOp>(op)) result = dim(size.getSize());
  else if (auto read = dyn_cast<flex::ReadOp>(op)) result = param(read);
  else if (auto language_op = dyn_cast<flex::LanguageOp>(op)) result = language(language_op.operation(), op, operands, type);
  else result = step(op, operands, type);
  values_[op.getResult(0)] = result;
}

SmallVector<Value> ModEmitter::loop(Value end, std::int64_t step, ValueRange initial, llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  Block* before = builder_.getInsertionBlock();
  Region* region = before->getParent();
  Block* head = builder_.createBlock(region);
  Block* inside = builder_.createBlock(region);
  Block* after = builder_.createBlock(region);
  const Type i64 = builder_.getI64Type();
  head->addArgument(i64, location_);
  for (Value value : initial) {
    head->addArgument(value.getType(), location_);
    after->addArgument(value.getType(), location_);
  }
  builder_.setInsertionPointToEnd(before);
  SmallVector<Value> entry{constant_i64(0)};
  entry.append(initial.begin(), initial.end());
  builder_.create<llvm_ir::BrOp>(location_, entry, head);

  builder_.setInsertionPointToEnd(head);
  const Value index = head->getArgument(0);
  const ValueRange carried = head->getArguments().drop_front();
  builder_.create<llvm_ir::CondBrOp>(location_, icmp(llvm_ir::ICmpPredicate::slt, index, end), inside, ValueRange(), after, carried);

  builder_.setInsertionPointToEnd(inside);
  SmallVector<Value> next{Value()};
  next.append(body(index, carried));
  next[0] = binary<llvm_ir::AddOp>(index, constant_i64(step));
  builder_.create<llvm_ir::BrOp>(location_, next, head);

  builder_.setInsertionPointToEnd(after);
  return SmallVector<Value>(after->args_begin(), after->args_end());
}

Value ModEmitter::reduce(flex::ReduceOp op) {
  using Integers = std::numeric_limits<std::int64_t>;
  const bool varying = is_varying(op.getResult());
  const Type scalar = op.getType(), type = varying ? vector_of(scalar) : scalar;
  const StringRef kind = op.getKind();
  const bool is_float = scalar.isF32();
  const float infinity = std::numeric_limits<float>::infinity();
  const Value start = is_float ? real(kind == "sum" ? 0.0f : kind == "min" ? infinity : -infinity, type)
                               : integer(kind == "sum" ? 0 : kind == "min" ? Integers::max() : Integers::min(), type);
  const dsl::Op combine = kind == "sum" ? dsl::Op::Add : kind == "min" ? dsl::Op::Min : dsl::Op::Max;
  Block& body = op.getBody().front();
  const Value total = loop(dim(op.getLength()), 1, start, [&](Value index, ValueRange carried) {
    values_[body.getArgument(0)] = index;
    for (Operation& inner : body)
      if (inner.getNumResults() == 1 && !isa<arith::ConstantOp>(inner)) emit(inner);
    const Value element = get(cast<flex::YieldOp>(body.getTerminator()).getValues()[0], varying);
    const SmallVector<Value> pair{carried[0], element};
    return SmallVector<Value>{is_float ? float_operation(combine, pair, type) : integer_operation(combine, pair, type)};
  })[0];
  return total;
}

}  // namespace flexc::compiler
