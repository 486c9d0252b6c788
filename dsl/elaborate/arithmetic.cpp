// Operators on values: compile-time numbers are computed, everything else becomes nodes of the promoted type.
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"

namespace flexc::dsl {

namespace {

Op op_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add: return Op::Add;
    case BinaryOp::Sub: return Op::Sub;
    case BinaryOp::Mul: return Op::Mul;
    case BinaryOp::Div: return Op::Div;
    case BinaryOp::FloorDiv: return Op::FloorDiv;
    case BinaryOp::Mod: return Op::Mod;
    case BinaryOp::Pow: return Op::Pow;
    case BinaryOp::BitAnd: return Op::And;
    case BinaryOp::BitOr: return Op::Or;
    case BinaryOp::BitXor: return Op::Xor;
    case BinaryOp::Shl: return Op::Shl;
    case BinaryOp::Shr: return Op::Shr;
  }
  return Op::Add;
}

Op op_of(CompareOp op) {
  constexpr std::array kOps = {Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge};
  return kOps[static_cast<std::size_t>(op)];
}

bool is_bitwise(BinaryOp op) { return op == BinaryOp::BitAnd || op == BinaryOp::BitOr || op == BinaryOp::BitXor; }
bool is_shift(BinaryOp op) { return op == BinaryOp::Shl || op == BinaryOp::Shr; }

}  // namespace

NodeId Elaborator::emit(Op op, Type type, std::vector<NodeId> operands, Span span, std::int64_t imm) {
  if (builder_.op_count() >= kMaxOps)
    stop(codes::too_many_ops, span, fmt::format("the mod has more than {} operations after inlining and unrolling, which is the limit", kMaxOps));
  return builder_.op(op, type, std::move(operands), span, imm);
}

Value Elaborator::materialise(const Value& value, Span span) {
  if (!value.is<TensorValue>()) return value;
  const auto& tensor = value.as<TensorValue>();
  const CaptureInfo& capture = form_.captures[tensor.capture];
  const std::size_t rank = capture.dims.size(), given = tensor.indices.size();
  if (given + 1 == rank) {
    const Scalar scalar = is_float(capture.dtype) ? Scalar::F32 : capture.dtype == DType::Bool ? Scalar::Bool : Scalar::I64;
    return Value{NodeValue{emit(Op::GatherRow, {scalar, true, capture.dims.back()}, tensor.indices, span, tensor.capture)}};
  }
  report(codes::tensor_needs_indices, span,
         fmt::format("the capture '{}' has {} dimensions and {} {} given: index it in all of them for a number, or in all but the last for a row",
                     capture.name, rank, given, given == 1 ? "index is" : "indices are"));
  return poison();
}

bool Elaborator::is_row(const Value& value) const {
  if (value.is<NodeValue>()) return builder_.type(value.as<NodeValue>().id).is_row;
  if (!value.is<TensorValue>()) return false;
  const auto& tensor = value.as<TensorValue>();
  return tensor.indices.size() + 1 == form_.captures[tensor.capture].dims.size();
}

std::string Elaborator::describe_value(const Value& value) const {
  if (value.is<bool>()) return value.as<bool>() ? "bool (True)" : "bool (False)";
  if (value.is<mpz_class>()) {
    const std::string digits = value.as<mpz_class>().get_str();
    return digits.size() <= 24 ? "integer " + digits : "an integer of " + std::to_string(digits.size()) + " digits";
  }
  if (value.is<double>()) {
    const std::string digits = fmt::format("{}", value.as<double>());
    return "float " + digits + (digits.find_first_not_of("-0123456789") == std::string::npos ? ".0" : "");
  }
  if (value.is<std::string>()) return "a string";
  if (value.is<NoneValue>()) return "None";
  if (value.is<TupleValue>()) return fmt::format("a tuple of {}", value.as<TupleValue>().items->size());
  if (value.is_callable()) return "a function";
  if (value.is<ModuleValue>()) return "a module";
  if (value.is<CastValue>()) return "a dtype";
  if (value.is<RangeValue>()) return "a range";
  if (value.is<NodeValue>()) return describe(builder_.type(value.as<NodeValue>().id), form_);
  if (value.is<TensorValue>()) {
    const auto& tensor = value.as<TensorValue>();
    const CaptureInfo& capture = form_.captures[tensor.capture];
    if (is_row(value)) {
      const Scalar scalar = is_float(capture.dtype) ? Scalar::F32 : capture.dtype == DType::Bool ? Scalar::Bool : Scalar::I64;
      return describe({scalar, true, capture.dims.back()}, form_);
    }
    return fmt::format("the tensor '{}' of {} dimensions", capture.name, capture.dims.size() - tensor.indices.size());
  }
  return "nothing";
}

std::optional<Scalar> Elaborator::number_type(const Value& value, std::string_view what, Span span) {
  if (value.poisoned()) return std::nullopt;
  if (value.is<bool>()) return Scalar::Bool;
  if (value.is<mpz_class>()) return Scalar::I64;
  if (value.is<double>()) return Scalar::F32;
  if (value.is<NodeValue>()) return builder_.type(value.as<NodeValue>().id).scalar;
  report(codes::type_mismatch, span, fmt::format("{} takes numbers, found {}", what, describe_value(value)));
  return std::nullopt;
}

std::optional<NodeId> Elaborator::to_node(const Value& value, Scalar scalar, Span span) {
  if (value.is<NodeValue>()) return builder_.promote(value.as<NodeValue>().id, scalar, span);
  switch (scalar) {
    case Scalar::Bool: return builder_.constant(value.as<bool>());
    case Scalar::F32:
      if (value.is<mpz_class>()) return builder_.constant(to_float(value.as<mpz_class>()));
      return builder_.constant(static_cast<float>(as_double(value)));
    case Scalar::I64: {
      const mpz_class integer = as_integer(value);
      if (mpz_sizeinbase(integer.get_mpz_t(), 2) <= 63) return builder_.constant(static_cast<std::int64_t>(integer.get_si()));
      mpz_class lowest;
      mpz_setbit(lowest.get_mpz_t(), 63);
      if (integer == -lowest) return builder_.constant(std::numeric_limits<std::int64_t>::min());
      report(codes::integer_too_large, span,
             fmt::format("the compile-time value {} meets a run-time integer here, and does not fit in 64 bits", describe_value(value)));
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool Elaborator::require_equal(const Dim& a, const Dim& b, Span span) {
  if (a == b) return true;
  if (a.kind == Dim::Kind::Constant && b.kind == Dim::Kind::Constant) {
    report(codes::row_lengths_differ, span, fmt::format("these rows have different lengths, {} and {}", a.value, b.value));
    return false;
  }
  for (const auto& [x, y] : form_.equal_lengths)
    if ((x == a && y == b) || (x == b && y == a)) return true;
  form_.equal_lengths.emplace_back(a, b);
  return true;
}

std::optional<Dim> Elaborator::common_length(const std::vector<NodeId>& operands, Span span) {
  std::optional<Dim> length;
  for (NodeId id : operands) {
    const Type& type = builder_.type(id);
    if (!type.is_row) continue;
    if (length && !require_equal(*length, type.length, span)) return std::nullopt;
    if (!length) length = type.length;
  }
  return length ? length : Dim{};
}

Value Elaborator::elementwise(Op op, Scalar result, std::vector<NodeId> operands, Span span) {
  bool row = false;
  for (NodeId id : operands) row |= builder_.type(id).is_row;
  if (!row) return Value{NodeValue{emit(op, {result, false, {}}, std::move(operands), span)}};
  const std::optional<Dim> length = common_length(operands, span);
  if (!length) return poison();
  return Value{NodeValue{emit(op, {result, true, *length}, std::move(operands), span)}};
}

Value Elaborator::binary(BinaryOp op, const Value& left, const Value& right, Span span) {
  if (left.poisoned() || right.poisoned()) return poison();
  const std::string what = fmt::format("'{}'", spelling(op));
  if (left.is_constant_number() && right.is_constant_number()) {
    const ConstantResult result = constant_binary(op, left, right);
    switch (result.fault) {
      case ConstantFault::None: return result.value;
      case ConstantFault::WrongType:
        report(codes::type_mismatch, span, fmt::format("{} takes integers or bools, found {} and {}", what, describe_value(left), describe_value(right)));
        return poison();
      case ConstantFault::ShiftCount:
        report(codes::shift_count, span, fmt::format("a compile-time shift count must be 0 to 63, found {}", describe_value(right)));
        return poison();
      case ConstantFault::TooLarge:
        report(codes::integer_too_large, span, fmt::format("this compile-time integer has more than {} bits, which is the limit", kMaxIntegerBits));
        return poison();
    }
  }
  if (op == BinaryOp::Add && left.is<TupleValue>() && right.is<TupleValue>()) {
    auto items = std::make_shared<ValueList>(*left.as<TupleValue>().items);
    const ValueList& more = *right.as<TupleValue>().items;
    step(span, static_cast<int>(items->size() + more.size()));
    items->insert(items->end(), more.begin(), more.end());
    return Value{TupleValue{std::move(items)}};
  }
  const Value a = materialise(left, span), b = materialise(right, span);
  const auto type_a = number_type(a, what, span);
  const auto type_b = type_a ? number_type(b, what, span) : std::nullopt;
  if (!type_a || !type_b) return poison();
  if ((is_bitwise(op) || is_shift(op)) && (is_row(a) || is_row(b))) {
    report(codes::row_misuse, span, fmt::format("{} does not take rows, found {} and {}", what, describe_value(a), describe_value(b)));
    return poison();
  }
  if ((is_bitwise(op) || is_shift(op)) && (*type_a == Scalar::F32 || *type_b == Scalar::F32)) {
    report(codes::type_mismatch, span,
           fmt::format("{} takes {}, found {} and {}", what, is_shift(op) ? "integers" : "integers or bools", describe_value(a), describe_value(b)));
    return poison();
  }
  if (op == BinaryOp::Pow) return power(a, b, span);
  Scalar type = std::max(*type_a, *type_b);
  if (op == BinaryOp::Div) type = Scalar::F32;
  else if (!is_bitwise(op) && type == Scalar::Bool) type = Scalar::I64;
  const auto x = to_node(a, op == BinaryOp::Div && *type_a != Scalar::F32 ? Scalar::I64 : type, span);
  const auto y = x ? to_node(b, op == BinaryOp::Div && *type_b != Scalar::F32 ? Scalar::I64 : type, span) : std::nullopt;
  if (!x || !y) return poison();
  return elementwise(op_of(op), type, {builder_.promote(*x, type, span), builder_.promote(*y, type, span)}, span);
}

Value Elaborator::power(const Value& a, const Value& b, Span span) {
  const auto type_a = number_type(a, "'**'", span), type_b = number_type(b, "'**'", span);
  if (!type_a || !type_b) return poison();
  const bool constant_exponent = b.is<mpz_class>() || b.is<bool>();
  if (constant_exponent && *type_a != Scalar::F32 && as_integer(b) >= 0) {
    // Integer to a known power: multiplication is exact modulo 2^64, so squaring is as good as any order.
    mpz_class exponent = as_integer(b);
    const auto base = to_node(a, Scalar::I64, span);
    if (!base) return poison();
    const Value one{NodeValue{builder_.constant(std::int64_t{1})}};
    if (exponent == 0 && !builder_.type(*base).is_row) return one;
    if (exponent == 0)  // a row of ones, as long as the base
      return binary(BinaryOp::Add, binary(BinaryOp::Mul, Value{NodeValue{*base}}, Value{NodeValue{builder_.constant(std::int64_t{0})}}, span), one, span);
    std::optional<Value> result;
    Value square{NodeValue{*base}};
    while (true) {
      if (mpz_odd_p(exponent.get_mpz_t())) result = result ? binary(BinaryOp::Mul, *result, square, span) : square;
      exponent >>= 1;
      if (exponent == 0) return *result;
      square = binary(BinaryOp::Mul, square, square, span);
      if (square.poisoned()) return square;
    }
  }
  const auto x = to_node(a, Scalar::F32, span), y = to_node(b, Scalar::F32, span);
  if (!x || !y) return poison();
  // As torch does: a square and a cube are products.
  if (constant_exponent && as_integer(b) == 2) return elementwise(Op::Mul, Scalar::F32, {*x, *x}, span);
  if (b.is<double>() && b.as<double>() == 2.0) return elementwise(Op::Mul, Scalar::F32, {*x, *x}, span);
  return elementwise(Op::Pow, Scalar::F32, {*x, *y}, span);
}

Value Elaborator::unary(UnaryOp op, const Value& operand, Span span) {
  if (operand.poisoned()) return poison();
  if (op == UnaryOp::Not) return logical_not(operand, "'not'", span);
  const std::string what = fmt::format("unary '{}'", spelling(op));
  if (operand.is_constant_number()) {
    const ConstantResult result = constant_unary(op, operand);
    if (result.fault == ConstantFault::None) return result.value;
    report(codes::type_mismatch, span, fmt::format("{} takes an integer or a bool, found {}", what, describe_value(operand)));
    return poison();
  }
  const Value a = materialise(operand, span);
  const auto type = number_type(a, what, span);
  if (!type) return poison();
  const NodeId id = a.as<NodeValue>().id;
  if (op == UnaryOp::Invert) {
    if (*type == Scalar::F32 || is_row(a)) {
      report(is_row(a) ? codes::row_misuse : codes::type_mismatch, span,
             fmt::format("{} takes an integer or a bool, found {}", what, describe_value(a)));
      return poison();
    }
    return elementwise(Op::Not, *type, {id}, span);
  }
  const Scalar result = *type == Scalar::Bool ? Scalar::I64 : *type;
  const NodeId x = builder_.promote(id, result, span);
  return op == UnaryOp::Plus ? Value{NodeValue{x}} : elementwise(Op::Neg, result, {x}, span);
}

Value Elaborator::compare(CompareOp op, const Value& left, const Value& right, Span span) {
  if (left.poisoned() || right.poisoned()) return poison();
  if (left.is_constant_number() && right.is_constant_number()) return Value{constant_compare(op, left, right)};
  if (left.is<std::string>() && right.is<std::string>() && (op == CompareOp::Eq || op == CompareOp::Ne))
    return Value{(left.as<std::string>() == right.as<std::string>()) == (op == CompareOp::Eq)};
  const Value a = materialise(left, span), b = materialise(right, span);
  const std::string what = fmt::format("'{}'", spelling(op));
  const auto type_a = number_type(a, what, span);
  const auto type_b = type_a ? number_type(b, what, span) : std::nullopt;
  if (!type_a || !type_b) return poison();
  if (is_row(a) || is_row(b)) {
    report(codes::row_misuse, span, fmt::format("{} does not take rows, found {} and {}", what, describe_value(a), describe_value(b)));
    return poison();
  }
  const Scalar type = std::max({*type_a, *type_b, Scalar::I64});
  const auto x = to_node(a, type, span);
  const auto y = x ? to_node(b, type, span) : std::nullopt;
  if (!x || !y) return poison();
  return elementwise(op_of(op), Scalar::Bool, {*x, *y}, span);
}

bool Elaborator::require_bool(const Value& value, std::string_view what, Span span) {
  if (value.poisoned()) return false;
  if (value.is<bool>()) return true;
  if (value.is<NodeValue>() && builder_.type(value.as<NodeValue>().id) == Type{Scalar::Bool, false, {}}) return true;
  report(codes::not_a_bool, span, fmt::format("{} takes bools, found {}{}", what, describe_value(value),
                                              value.is_constant_number() || value.is<NodeValue>() ? "; compare it with something" : ""));
  return false;
}

Value Elaborator::logical(Op op, const Value& left, const Value& right, std::string_view what, Span span) {
  if (!require_bool(left, what, span) || !require_bool(right, what, span)) return poison();
  if (left.is<bool>() && right.is<bool>()) {
    const bool x = left.as<bool>(), y = right.as<bool>();
    return Value{op == Op::And ? x && y : op == Op::Or ? x || y : x != y};
  }
  return elementwise(op, Scalar::Bool, {*to_node(left, Scalar::Bool, span), *to_node(right, Scalar::Bool, span)}, span);
}

Value Elaborator::logical_not(const Value& a, std::string_view what, Span span) {
  if (!require_bool(a, what, span)) return poison();
  if (a.is<bool>()) return Value{!a.as<bool>()};
  return elementwise(Op::Not, Scalar::Bool, {a.as<NodeValue>().id}, span);
}

Value Elaborator::select(const Value& condition, const Value& left, const Value& right, std::string_view what, Span span) {
  if (condition.poisoned() || left.poisoned() || right.poisoned()) return poison();
  if (!require_bool(condition, fmt::format("the condition of {}", what), span)) return poison();
  const bool constant = condition.is<bool>();
  const Value a = materialise(left, span), b = materialise(right, span);
  const auto type_a = number_type(a, what, span);
  const auto type_b = type_a ? number_type(b, what, span) : std::nullopt;
  if (!type_a || !type_b) return poison();
  const Scalar type = std::max(*type_a, *type_b);
  if (constant) {
    const Value& chosen = condition.as<bool>() ? a : b;
    if (chosen.is_constant_number() && type == Scalar::F32) return Value{as_double(chosen)};
    if (chosen.is_constant_number() && type == Scalar::I64) return Value{as_integer(chosen)};
    if (chosen.is_constant_number()) return chosen;
    return Value{NodeValue{builder_.promote(chosen.as<NodeValue>().id, type, span)}};
  }
  const auto x = to_node(a, type, span);
  const auto y = x ? to_node(b, type, span) : std::nullopt;
  if (!x || !y) return poison();
  return elementwise(Op::Select, type, {condition.as<NodeValue>().id, *x, *y}, span);
}

Value Elaborator::min_max(Op op, const Value& left, const Value& right, Span span) {
  if (left.poisoned() || right.poisoned()) return poison();
  const std::string_view what = op == Op::Min ? "min" : "max";
  if (left.is_constant_number() && right.is_constant_number()) {
    const bool real = left.is<double>() || right.is<double>();
    if (!real) {
      const mpz_class x = as_integer(left), y = as_integer(right);
      return Value{mpz_class((op == Op::Min) == (x < y) ? x : y)};
    }
    const double x = as_double(left), y = as_double(right);
    const bool first = std::isnan(x) || (op == Op::Min ? x < y : x > y);
    return Value{first ? x : y};
  }
  const Value a = materialise(left, span), b = materialise(right, span);
  const auto type_a = number_type(a, what, span);
  const auto type_b = type_a ? number_type(b, what, span) : std::nullopt;
  if (!type_a || !type_b) return poison();
  const Scalar type = std::max({*type_a, *type_b, Scalar::I64});
  const auto x = to_node(a, type, span);
  const auto y = x ? to_node(b, type, span) : std::nullopt;
  if (!x || !y) return poison();
  return elementwise(op, type, {*x, *y}, span);
}

}  // namespace flexc::dsl
