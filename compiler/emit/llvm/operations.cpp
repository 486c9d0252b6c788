// One op at a time: the language's totality becomes explicit here, and nowhere else.
#include <limits>

#include "compiler/emit/llvm/emitter.h"
#include "templates/cpu/row_segment.h"

using namespace mlir;

namespace flexc::compiler {

using dsl::Op;
using llvm_ir::FCmpPredicate;
using llvm_ir::ICmpPredicate;

Value ModEmitter::integer(std::int64_t value, Type like) {
  const Type element = getElementTypeOrSelf(like);
  const TypedAttr scalar = builder_.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like)) return builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(vector, Attribute(scalar)));
  return builder_.create<llvm_ir::ConstantOp>(location_, scalar);
}

Value ModEmitter::real(float value, Type like) {
  const TypedAttr scalar = FloatAttr::get(builder_.getF32Type(), llvm::APFloat(value));
  if (auto vector = dyn_cast<VectorType>(like)) return builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(vector, Attribute(scalar)));
  return builder_.create<llvm_ir::ConstantOp>(location_, scalar);
}

Value ModEmitter::icmp(ICmpPredicate predicate, Value a, Value b) { return builder_.create<llvm_ir::ICmpOp>(location_, predicate, a, b); }
Value ModEmitter::fcmp(FCmpPredicate predicate, Value a, Value b) { return builder_.create<llvm_ir::FCmpOp>(location_, predicate, a, b); }
Value ModEmitter::select(Value condition, Value a, Value b) { return builder_.create<llvm_ir::SelectOp>(location_, condition, a, b); }

Value ModEmitter::floor_division(Value a, Value b, bool remainder) {
  const Type type = a.getType();
  const Value zero = integer(0, type), one = integer(1, type), minus_one = integer(-1, type);
  // The two divisors that the machine would trap on are replaced by 1 and put right afterwards.
  const Value is_zero = icmp(ICmpPredicate::eq, b, zero), is_minus_one = icmp(ICmpPredicate::eq, b, minus_one);
  const Value safe = select(binary<llvm_ir::OrOp>(is_zero, is_minus_one), one, b);
  const auto complete = [&](Value quotient) { return select(is_zero, zero, select(is_minus_one, binary<llvm_ir::SubOp>(zero, a), quotient)); };
  if (isa<VectorType>(type) && getElementTypeOrSelf(type).isInteger(32) && !b.getDefiningOp<llvm_ir::ConstantOp>()) {
    // No machine divides vectors of integers, but f64 holds i32 exactly: a quotient that is no integer is at least 1/|b| away from
    // one, and rounding moves it by at most |a/b|·2^-53 < 2^-22/|b|, so its floor is exact.
    const Type f64 = vector_of(builder_.getF64Type());
    const Value rounded = binary<llvm_ir::FDivOp>(make<llvm_ir::SIToFPOp>(f64, a), make<llvm_ir::SIToFPOp>(f64, safe));
    const Value floored = make<llvm_ir::FPToSIOp>(type, make<llvm_ir::FFloorOp>(f64, rounded));
    if (!remainder) return complete(floored);
    return select(is_zero, zero, binary<llvm_ir::SubOp>(a, binary<llvm_ir::MulOp>(floored, safe)));
  }
  const Value quotient = binary<llvm_ir::SDivOp>(a, safe);
  const Value rest = binary<llvm_ir::SubOp>(a, binary<llvm_ir::MulOp>(quotient, safe));
  const Value opposite = icmp(ICmpPredicate::slt, binary<llvm_ir::XOrOp>(rest, safe), zero);
  const Value below = binary<llvm_ir::AndOp>(icmp(ICmpPredicate::ne, rest, zero), opposite);
  if (remainder) {
    const Value moved = select(below, binary<llvm_ir::AddOp>(rest, safe), rest);
    return select(is_zero, zero, moved);
  }
  const Value floored = select(below, binary<llvm_ir::SubOp>(quotient, one), quotient);
  return complete(floored);
}

Value ModEmitter::float_to_int(Value x, Type type) {
  using Limits = std::numeric_limits<std::int64_t>;
  const Type real_type = x.getType();
  const Value high = fcmp(FCmpPredicate::oge, x, real(0x1p63f, real_type)), low = fcmp(FCmpPredicate::olt, x, real(-0x1p63f, real_type));
  const Value is_nan = fcmp(FCmpPredicate::uno, x, x);
  const Value outside = binary<llvm_ir::OrOp>(is_nan, binary<llvm_ir::OrOp>(high, low));
  const Value inside = make<llvm_ir::FPToSIOp>(type, select(outside, real(0, real_type), x));
  return select(high, integer(Limits::max(), type), select(low, integer(Limits::min(), type), inside));
}

Value ModEmitter::integer_operation(Op kind, ValueRange operands, Type type) {
  const Value a = operands[0], b = operands.size() > 1 ? operands[1] : Value();
  const Type from = a.getType();
  const auto zero = [&] { return integer(0, from); };
  const auto count = [&] { return binary<llvm_ir::AndOp>(b, integer(63, from)); };
  const bool is_narrow = getElementTypeOrSelf(from).isInteger(32);
  switch (kind) {
    case Op::Add: return binary<llvm_ir::AddOp>(a, b);
    case Op::Sub: return binary<llvm_ir::SubOp>(a, b);
    case Op::Mul: return binary<llvm_ir::MulOp>(a, b);
    case Op::FloorDiv: return floor_division(a, b, false);
    case Op::Mod: return floor_division(a, b, true);
    case Op::Neg: return binary<llvm_ir::SubOp>(zero(), a);
    case Op::Abs: return select(icmp(ICmpPredicate::slt, a, zero()), binary<llvm_ir::SubOp>(zero(), a), a);
    case Op::Sign: {
      const Value positive = make<llvm_ir::ZExtOp>(from, icmp(ICmpPredicate::sgt, a, zero()));
      return binary<llvm_ir::SubOp>(positive, make<llvm_ir::ZExtOp>(from, icmp(ICmpPredicate::slt, a, zero())));
    }
    case Op::Min: return select(icmp(ICmpPredicate::slt, a, b), a, b);
    case Op::Max: return select(icmp(ICmpPredicate::sgt, a, b), a, b);
    case Op::And: return binary<llvm_ir::AndOp>(a, b);
    case Op::Or: return binary<llvm_ir::OrOp>(a, b);
    case Op::Xor: return binary<llvm_ir::XOrOp>(a, b);
    case Op::Not: return binary<llvm_ir::XOrOp>(a, integer(-1, from));
    case Op::Shl: {
      if (!is_narrow) return binary<llvm_ir::ShlOp>(a, count());
      // Counts of 32 to 63 leave nothing of the low half.
      const Value low = binary<llvm_ir::AndOp>(b, integer(31, from)), far = binary<llvm_ir::AndOp>(b, integer(32, from));
      return select(icmp(ICmpPredicate::ne, far, zero()), zero(), binary<llvm_ir::ShlOp>(a, low));
    }
    case Op::Shr: {
      if (!is_narrow) return binary<llvm_ir::AShrOp>(a, count());
      const Value wanted = count(), most = integer(31, from);
      return binary<llvm_ir::AShrOp>(a, select(icmp(ICmpPredicate::sgt, wanted, most), most, wanted));
    }
    case Op::WrapI32: return binary<llvm_ir::AShrOp>(binary<llvm_ir::ShlOp>(a, integer(32, from)), integer(32, from));
    case Op::Eq: return icmp(ICmpPredicate::eq, a, b);
    case Op::Ne: return icmp(ICmpPredicate::ne, a, b);
    case Op::Lt: return icmp(ICmpPredicate::slt, a, b);
    case Op::Le: return icmp(ICmpPredicate::sle, a, b);
    case Op::Gt: return icmp(ICmpPredicate::sgt, a, b);
    case Op::Ge: return icmp(ICmpPredicate::sge, a, b);
    case Op::BoolToInt: return make<llvm_ir::ZExtOp>(type, a);
    case Op::IntToFloat: return make<llvm_ir::SIToFPOp>(type, a);
    default: return {};
  }
}

Value ModEmitter::float_operation(Op kind, ValueRange operands, Type type) {
  const Value a = operands[0], b = operands.size() > 1 ? operands[1] : Value();
  const Type from = a.getType();
  const auto keep_nan = [&](FCmpPredicate predicate) {
    return select(binary<llvm_ir::OrOp>(fcmp(predicate, a, b), fcmp(FCmpPredicate::uno, a, a)), a, b);
  };
  switch (kind) {
    case Op::Add: return binary<llvm_ir::FAddOp>(a, b);
    case Op::Sub: return binary<llvm_ir::FSubOp>(a, b);
    case Op::Mul: return binary<llvm_ir::FMulOp>(a, b);
    case Op::Div: return binary<llvm_ir::FDivOp>(a, b);
    case Op::Neg: return make<llvm_ir::FNegOp>(from, a);
    case Op::Abs: return make<llvm_ir::FAbsOp>(from, a);
    case Op::Sign: {
      const Value zero = real(0, from), one = real(1, from);
      return select(fcmp(FCmpPredicate::ogt, a, zero), one, select(fcmp(FCmpPredicate::olt, a, zero), real(-1, from), zero));
    }
    case Op::Min: return keep_nan(FCmpPredicate::olt);
    case Op::Max: return keep_nan(FCmpPredicate::ogt);
    case Op::Eq: return fcmp(FCmpPredicate::oeq, a, b);
    case Op::Ne: return fcmp(FCmpPredicate::une, a, b);
    case Op::Lt: return fcmp(FCmpPredicate::olt, a, b);
    case Op::Le: return fcmp(FCmpPredicate::ole, a, b);
    case Op::Gt: return fcmp(FCmpPredicate::ogt, a, b);
    case Op::Ge: return fcmp(FCmpPredicate::oge, a, b);
    case Op::Floor: return make<llvm_ir::FFloorOp>(from, a);
    case Op::Round: return make<llvm_ir::RoundEvenOp>(from, a);
    case Op::Sqrt: return make<llvm_ir::SqrtOp>(from, a);
    case Op::IsNan: return fcmp(FCmpPredicate::uno, a, a);
    case Op::IsInf: return fcmp(FCmpPredicate::oeq, make<llvm_ir::FAbsOp>(from, a), real(std::numeric_limits<float>::infinity(), from));
    case Op::FloatToInt: return float_to_int(a, type);
    default: return {};  // expand-math leaves none of the others
  }
}

Value ModEmitter::language(Op kind, Operation& op, ValueRange operands, Type type) {
  if (kind == Op::Select) return select(operands[0], operands[1], operands[2]);
  return op.getOperand(0).getType().isF32() ? float_operation(kind, operands, type) : integer_operation(kind, operands, type);
}

/// The arith and math ops that expand-math writes.
Value ModEmitter::step(Operation& op, ValueRange operands, Type type) {
  const auto two = [&]<class To>(To*) -> Value { return binary<To>(operands[0], operands[1]); };
  const auto cast_to = [&]<class To>(To*) -> Value { return make<To>(type, operands[0]); };
#define FLEXC_TWO(From, To) if (isa<From>(op)) return two(static_cast<llvm_ir::To*>(nullptr));
#define FLEXC_ONE(From, To) if (isa<From>(op)) return cast_to(static_cast<llvm_ir::To*>(nullptr));
  FLEXC_TWO(arith::AddFOp, FAddOp)
  FLEXC_TWO(arith::SubFOp, FSubOp)
  FLEXC_TWO(arith::MulFOp, FMulOp)
  FLEXC_TWO(arith::DivFOp, FDivOp)
  FLEXC_TWO(arith::AddIOp, AddOp)
  FLEXC_TWO(arith::SubIOp, SubOp)
  FLEXC_TWO(arith::MulIOp, MulOp)
  FLEXC_TWO(arith::AndIOp, AndOp)
  FLEXC_TWO(arith::OrIOp, OrOp)
  FLEXC_TWO(arith::XOrIOp, XOrOp)
  FLEXC_TWO(arith::ShLIOp, ShlOp)
  FLEXC_TWO(arith::ShRUIOp, LShrOp)
  FLEXC_TWO(arith::ShRSIOp, AShrOp)
  FLEXC_TWO(arith::RemUIOp, URemOp)
  FLEXC_ONE(arith::NegFOp, FNegOp)
  FLEXC_ONE(math::AbsFOp, FAbsOp)
  FLEXC_ONE(math::FloorOp, FFloorOp)
  FLEXC_ONE(math::RoundEvenOp, RoundEvenOp)
  FLEXC_ONE(math::SqrtOp, SqrtOp)
  FLEXC_ONE(arith::BitcastOp, BitcastOp)
  FLEXC_ONE(arith::ExtUIOp, ZExtOp)
  FLEXC_ONE(arith::ExtSIOp, SExtOp)
  FLEXC_ONE(arith::TruncIOp, TruncOp)
  FLEXC_ONE(arith::SIToFPOp, SIToFPOp)
  FLEXC_ONE(arith::FPToSIOp, FPToSIOp)
#undef FLEXC_TWO
#undef FLEXC_ONE
  if (isa<math::FmaOp>(op)) return make<llvm_ir::FMAOp>(type, operands[0], operands[1], operands[2]);
  if (isa<arith::SelectOp>(op)) return select(operands[0], operands[1], operands[2]);
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    switch (compare.getPredicate()) {
      case arith::CmpFPredicate::OEQ: return fcmp(FCmpPredicate::oeq, operands[0], operands[1]);
      case arith::CmpFPredicate::OLT: return fcmp(FCmpPredicate::olt, operands[0], operands[1]);
      case arith::CmpFPredicate::OLE: return fcmp(FCmpPredicate::ole, operands[0], operands[1]);
      default: return {};
    }
  }
  // arith and the LLVM dialect number the integer predicates alike.
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) return icmp(static_cast<ICmpPredicate>(compare.getPredicate()), operands[0], operands[1]);
  return {};
}

Value ModEmitter::dim(flex::DimAttr size) {
  constexpr std::size_t kOffsets[] = {offsetof(flexc_row_problem, batch), offsetof(flexc_row_problem, heads), offsetof(flexc_row_problem, kv_heads),
                                      offsetof(flexc_row_problem, q_total), offsetof(flexc_row_problem, kv_total)};
  const Type i64 = builder_.getI64Type();
  switch (size.getKind()) {
    case dsl::Dim::Kind::Constant: return constant_i64(size.getValue());
    case dsl::Dim::Kind::Symbol: return load_field(launch_, offsetof(flexc_row_launch, problem) + kOffsets[size.getValue()], i64);
    case dsl::Dim::Kind::Fresh: break;
  }
  const Value sizes = load_field(launch_, offsetof(flexc_row_launch, fresh_dims), llvm_ir::LLVMPointerType::get(builder_.getContext()));
  return load_field(sizes, sizeof(std::int64_t) * static_cast<std::size_t>(size.getValue()), i64);
}

Value ModEmitter::param(flex::ReadOp op) {
  const Value params = load_field(launch_, offsetof(flexc_row_launch, params), llvm_ir::LLVMPointerType::get(builder_.getContext()));
  const std::size_t at = sizeof(flexc_row_param) * flex::number_of(op.getParam());
  if (op.getType().isF32()) return load_field(params, at + offsetof(flexc_row_param, real), builder_.getF32Type());
  const Value value = load_field(params, at + offsetof(flexc_row_param, integer), builder_.getI64Type());
  return op.getType().isInteger(1) ? icmp(ICmpPredicate::ne, value, constant_i64(0)) : value;
}

/// An element where `pointer` points to, or one a lane.
Value ModEmitter::load_element(Value pointer, Type stored, Type wanted, bool as_vector) {
  const Type i16 = builder_.getI16Type(), i32 = builder_.getI32Type(), f32 = builder_.getF32Type(), i64 = builder_.getI64Type();
  const auto shaped = [&](Type type) { return as_vector ? vector_of(type) : type; };
  const auto load = [&](Type type) -> Value {
    const unsigned bytes = type.getIntOrFloatBitWidth() / 8;
    if (!as_vector) return builder_.create<llvm_ir::LoadOp>(location_, type, pointer, bytes);
    return builder_.create<llvm_ir::masked_gather>(location_, shaped(type), pointer, integer(1, shaped(builder_.getI1Type())), ValueRange(),
                                                   builder_.getI32IntegerAttr(static_cast<std::int32_t>(bytes)));
  };
  if (stored.isF32()) return load(f32);
  if (stored.isF16()) return make<llvm_ir::FPExtOp>(shaped(f32), make<llvm_ir::BitcastOp>(shaped(stored), load(i16)));
  if (stored.isBF16()) {
    const Value bits = make<llvm_ir::ZExtOp>(shaped(i32), load(i16));
    return make<llvm_ir::BitcastOp>(shaped(f32), binary<llvm_ir::ShlOp>(bits, integer(16, bits.getType())));
  }
  if (stored.isInteger(64)) return load(i64);
  if (stored.isInteger(32)) return wanted.isInteger(32) ? load(i32) : make<llvm_ir::SExtOp>(shaped(i64), load(i32));
  const Value byte = load(builder_.getI8Type());
  if (stored.isInteger(1)) return icmp(ICmpPredicate::ne, byte, integer(0, byte.getType()));
  return make<llvm_ir::ZExtOp>(shaped(wanted), byte);
}

/// Out of range, element 0 is read instead and the value dropped: no branch, no mask, and addresses that are a base and an index.
/// A capture without elements has no element 0; its base is the launch structure, which is always there. With 32-bit indices the
/// offsets are computed in 32 bits: the launch has checked that they fit.
Value ModEmitter::gather(flex::GatherOp op, ValueRange indices, bool as_vector) {
  const unsigned number = flex::number_of(op.getCapture());
  const CaptureAddress& capture = captures_[number];
  auto declaration = SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant_, op.getCaptureAttr());
  const auto shaped = [&](Value uniform) { return as_vector ? broadcast(uniform) : uniform; };
  const bool is_narrow = llvm::all_of(op.getIndices(), [](Value index) { return index.getType().isInteger(32); });
  const auto in_width = [&](Value size) { return is_narrow ? make<llvm_ir::TruncOp>(builder_.getI32Type(), size) : size; };
  Value inside, offset;
  for (auto [axis, given] : llvm::enumerate(indices)) {
    const bool extend = !is_narrow && op.getIndices()[axis].getType().isInteger(32);
    const Value index = extend ? make<llvm_ir::SExtOp>(as_vector ? vector_of(builder_.getI64Type()) : builder_.getI64Type(), given) : given;
    const Value size = shaped(in_width(capture.sizes[axis])), zero = integer(0, index.getType());
    const Value wrapped = select(icmp(ICmpPredicate::slt, index, zero), binary<llvm_ir::AddOp>(index, size), index);
    const Value is_inside = icmp(ICmpPredicate::ult, wrapped, size);
    const Value step = binary<llvm_ir::MulOp>(wrapped, shaped(in_width(capture.strides[axis])));
    inside = inside ? binary<llvm_ir::AndOp>(inside, is_inside) : is_inside;
    offset = offset ? binary<llvm_ir::AddOp>(offset, step) : step;
  }
  const Type stored = declaration.getElement(), pointer = llvm_ir::LLVMPointerType::get(builder_.getContext());
  const Type unit = stored.isInteger(1) || stored.isUnsignedInteger(8) ? builder_.getI8Type() : stored;
  const Type wanted = op.getType();
  if (!offset) return load_element(capture.data, stored, wanted, false);
  const Type pointers = as_vector ? Type(llvm_ir::getVectorType(pointer, width_)) : pointer;
  const Value safe = select(inside, offset, integer(0, offset.getType()));
  const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointers, unit, capture.data, ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(safe)});
  const Value value = load_element(address, stored, wanted, as_vector);
  const Type type = value.getType();
  return select(inside, value, isa<FloatType>(getElementTypeOrSelf(type)) ? real(0, type) : integer(0, type));
}

}  // namespace flexc::compiler
