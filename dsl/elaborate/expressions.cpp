// Evaluation of expressions. Left-deep chains are walked in a loop, so recursion is bounded by the nesting limit times the
// inlining depth (and by kMaxDepth in all).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"
#include "dsl/syntax/names.h"

namespace flexc::dsl {

namespace {

bool in_spine(const Expr& expr) {
  return expr.kind == ExprKind::Binary || expr.kind == ExprKind::Call || expr.kind == ExprKind::Attribute || expr.kind == ExprKind::Subscript;
}

/// The literal without underscores.
std::string digits_of(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '_') digits += c;
  return digits;
}

}  // namespace

Value Elaborator::eval(const Expr& expr) {
  step(expr.span);
  const DepthGuard guard(*this, expr.span);
  // Every evaluation makes a copy: that of a large integer counts by its size, so that the limit on steps is one on memory too.
  constexpr std::size_t kLimbsPerStep = 16;
  const auto charged = [&](Value value) {
    if (value.is<mpz_class>()) step(expr.span, static_cast<int>(mpz_size(value.as<mpz_class>().get_mpz_t()) / kLimbsPerStep));
    return value;
  };
  if (!in_spine(expr)) return charged(eval_leaf(expr));
  std::vector<const Expr*> spine;
  const Expr* cursor = &expr;
  for (; in_spine(*cursor); cursor = cursor->a) spine.push_back(cursor);
  Value value = eval_leaf(*cursor);
  for (std::size_t i = spine.size(); i-- > 0;) {
    const Expr& link = *spine[i];
    step(link.span);
    switch (link.kind) {
      case ExprKind::Binary: value = binary(link.binary_op, value, eval(*link.b), link.anchor); break;
      case ExprKind::Call: value = eval_call(link, value); break;
      case ExprKind::Attribute: value = eval_attribute(link, value); break;
      default: value = eval_subscript(link, value); break;
    }
  }
  return charged(std::move(value));
}

Value Elaborator::eval_leaf(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::Name: return eval_name(expr);
    case ExprKind::Integer:
    case ExprKind::Float: return eval_number(expr);
    case ExprKind::Bool: return Value{expr.truth};
    case ExprKind::None: return Value{NoneValue{}};
    case ExprKind::String: return Value{expr.string};
    case ExprKind::Tuple: {
      auto items = std::make_shared<ValueList>();
      for (const Expr* item : expr.items) items->push_back(eval(*item));
      return Value{TupleValue{std::move(items)}};
    }
    case ExprKind::Unary: return unary(expr.unary_op, eval(*expr.a), expr.span);
    case ExprKind::BoolAnd:
    case ExprKind::BoolOr: return eval_bool_chain(expr);
    case ExprKind::Compare: return eval_compare(expr);
    case ExprKind::Conditional: return eval_conditional(expr);
    case ExprKind::Lambda: return make_closure(*expr.function);
    default: return poison();
  }
}

int Elaborator::slot_of(const Function& function, std::string_view name) {
  auto [map, fresh] = slot_maps_.try_emplace(&function);
  if (fresh)
    for (std::size_t i = 0; i < function.locals.size(); ++i) map->second.emplace(function.locals[i], static_cast<int>(i));
  const auto found = map->second.find(name);
  return found == map->second.end() ? -1 : found->second;
}

Value* Elaborator::find_local(Frame* frame, std::string_view name) {
  for (; frame; frame = frame->parent)
    if (const int slot = slot_of(*frame->function, name); slot >= 0) return &frame->slots[static_cast<std::size_t>(slot)];
  return nullptr;
}

Value Elaborator::eval_name(const Expr& expr) {
  const std::string_view name = expr.text;
  const Value* found = find_local(scope_, name);
  if (!found)
    if (const auto global = globals_.find(name); global != globals_.end()) found = &global->second;
  if (found) {
    if (found->is<Unassigned>()) {
      switch (found->as<Unassigned>().why) {
        case Unassigned::Why::Never: report(codes::not_assigned, expr.span, fmt::format("'{}' is used before it is assigned", name)); break;
        case Unassigned::Why::Partly:
          report(codes::not_assigned, expr.span, fmt::format("'{}' is not assigned on every path that leads here", name));
          break;
        case Unassigned::Why::Differs:
          report(codes::branches_differ, expr.span,
                 fmt::format("'{}' was given different things by the branches of a run-time condition, which can only choose between numbers", name));
          break;
      }
      return poison();
    }
    return *found;
  }
  if (const auto capture = captures_.find(name); capture != captures_.end()) {
    const CaptureInfo& info = form_.captures[capture->second];
    if (!info.dims.empty()) return Value{TensorValue{capture->second, {}}};
    const Scalar scalar = is_float(info.dtype) ? Scalar::F32 : info.dtype == DType::Bool ? Scalar::Bool : Scalar::I64;
    return Value{NodeValue{builder_.leaf(Op::Gather, {scalar, false, {}}, capture->second)}};
  }
  if (const auto param = params_.find(name); param != params_.end()) {
    const DType type = form_.params[param->second].type;
    const Scalar scalar = type == DType::F32 ? Scalar::F32 : type == DType::Bool ? Scalar::Bool : Scalar::I64;
    return Value{NodeValue{builder_.leaf(Op::Param, {scalar, false, {}}, param->second)}};
  }
  for (std::size_t i = 0; i < kSymbolNames.size(); ++i)
    if (name == kSymbolNames[i]) return dim_value({Dim::Kind::Symbol, static_cast<std::int64_t>(i)});
  if (name == "inf") return Value{HUGE_VAL};
  if (name == "nan") return Value{std::nan("")};
  if (name == "torch") return Value{ModuleValue{ModuleKind::Torch}};
  if (name == "math") return Value{ModuleValue{ModuleKind::Math}};
  if (name == "functools") return Value{ModuleValue{ModuleKind::Functools}};
  for (const Import& import : program_.imports) {
    if (import.alias != name) continue;
    const std::string full = import.name.empty() ? import.module : import.module + "." + std::string(import.name);
    if (full == "torch.nn.functional") return Value{ModuleValue{ModuleKind::Functional}};
    if (full == "torch.nn") return Value{ModuleValue{ModuleKind::TorchNn}};
  }
  if (name == "F") return Value{ModuleValue{ModuleKind::Functional}};
  if (const auto type = cast_type_named(name)) return Value{CastValue{*type}};
  if (is_builtin(name)) return Value{BuiltinValue{name, nullptr}};
  return poison();  // resolve() has reported it
}

Value Elaborator::eval_number(const Expr& expr) {
  const std::string digits = digits_of(expr.text);
  if (expr.kind == ExprKind::Float) return Value{std::strtod(digits.c_str(), nullptr)};
  const bool prefixed = digits.size() > 2 && digits[0] == '0' && !(digits[1] >= '0' && digits[1] <= '9');
  const int base = !prefixed ? 10 : (digits[1] | 0x20) == 'x' ? 16 : 2;
  const std::string body = prefixed ? digits.substr(2) : digits;
  // A digit is more than 3 bits in decimal; what may fit is converted, then measured. Zeros in front count for nothing.
  const std::size_t significant = body.size() - std::min(body.find_first_not_of('0'), body.size());
  const std::size_t bits_a_digit = base == 2 ? 1 : base == 10 ? 3 : 4;
  constexpr auto kMaxBits = static_cast<std::size_t>(kMaxIntegerBits);
  mpz_class value;
  const bool hopeless = significant > 0 && (significant - 1) * bits_a_digit >= kMaxBits;
  if (!hopeless) value = mpz_class(significant == 0 ? "0" : body.substr(body.size() - significant), base);
  if (hopeless || mpz_sizeinbase(value.get_mpz_t(), 2) > kMaxBits) {
    report(codes::integer_too_large, expr.span, fmt::format("this integer has more than {} bits, which is the limit", kMaxIntegerBits));
    return poison();
  }
  return Value{value};
}

Value Elaborator::eval_conditional(const Expr& expr) {
  const Value condition = eval(*expr.b);
  if (!require_bool(condition, "'if'", expr.b->span)) {  // both sides are still looked at, for all errors at once
    eval(*expr.a);
    eval(*expr.c);
    return poison();
  }
  if (condition.is<bool>()) return eval(condition.as<bool>() ? *expr.a : *expr.c);
  const Value then_value = eval(*expr.a), else_value = eval(*expr.c);
  if (then_value.poisoned() || else_value.poisoned()) return poison();
  return merge_values(condition.as<NodeValue>().id, then_value, else_value, expr.span);
}

Value Elaborator::eval_bool_chain(const Expr& expr) {
  const bool conjunction = expr.kind == ExprKind::BoolAnd;
  const std::string_view what = conjunction ? "'and'" : "'or'";
  std::optional<Value> result;
  bool wrong = false;  // the operands behind a wrong one are still looked at, for all errors at once
  for (const Expr* item : expr.items) {
    const Value value = eval(*item);
    wrong = !require_bool(value, what, item->span) || wrong;
    if (wrong) continue;
    result = result ? logical(conjunction ? Op::And : Op::Or, *result, value, what, expr.anchor) : value;
    // Short circuit, as in Python: what follows a decisive constant is not evaluated.
    if (result->is<bool>() && result->as<bool>() != conjunction) return *result;
  }
  return wrong ? poison() : *result;
}

Value Elaborator::eval_compare(const Expr& expr) {
  std::optional<Value> result;
  bool wrong = false;
  Value left = eval(*expr.items[0]);
  for (std::size_t i = 1; i < expr.items.size(); ++i) {
    Value right = eval(*expr.items[i]);
    const Span span = expr.op_spans[i - 1];
    const Value one = compare(expr.compare_ops[i - 1], left, right, span);
    left = std::move(right);
    wrong = wrong || one.poisoned();
    if (wrong) continue;
    result = result ? logical(Op::And, *result, one, "a chained comparison", span) : one;
    if (result->is<bool>() && !result->as<bool>()) return *result;
  }
  return wrong ? poison() : *result;
}

Value Elaborator::dim_value(const Dim& dim) {
  switch (dim.kind) {
    case Dim::Kind::Constant: return Value{mpz_class(std::to_string(dim.value))};
    case Dim::Kind::Symbol: return Value{NodeValue{builder_.leaf(Op::SymbolValue, {Scalar::I64, false, {}}, dim.value)}};
    case Dim::Kind::Fresh: return Value{NodeValue{builder_.leaf(Op::FreshDim, {Scalar::I64, false, {}}, dim.value)}};
  }
  return poison();
}

Value Elaborator::tensor_shape(std::uint32_t capture) {
  auto items = std::make_shared<ValueList>();
  for (const Dim& dim : form_.captures[capture].dims) items->push_back(dim_value(dim));
  return Value{TupleValue{std::move(items)}};
}

Value Elaborator::eval_attribute(const Expr& expr, const Value& base) {
  if (base.poisoned()) return poison();
  if (base.is<ModuleValue>()) return module_attribute(base.as<ModuleValue>(), expr);
  const std::string_view name = expr.text;
  if (name == "shape") {
    if (base.is<TensorValue>() && base.as<TensorValue>().indices.empty()) return tensor_shape(base.as<TensorValue>().capture);
    report(codes::unknown_attribute, expr.anchor, fmt::format("'.shape' is for captures, found {}", describe_value(base)));
    return poison();
  }
  if (name == "dtype") {
    if (base.is<TensorValue>()) {
      const DType dtype = form_.captures[base.as<TensorValue>().capture].dtype;
      return Value{CastValue{is_float(dtype) ? CastType::Float32 : dtype == DType::Bool ? CastType::Bool : dtype == DType::I32 ? CastType::Int32 : CastType::Int64}};
    }
    const auto type = number_type(base, "'.dtype'", expr.anchor);
    if (!type) return poison();
    return Value{CastValue{*type == Scalar::F32 ? CastType::Float32 : *type == Scalar::Bool ? CastType::Bool : CastType::Int64}};
  }
  if (base.is<NodeValue>() || base.is<TensorValue>() || base.is_constant_number()) {
    static constexpr std::string_view kMethods[] = {"abs", "sign", "floor", "ceil", "round", "exp", "exp2", "expm1", "log", "log2", "log1p", "sqrt",
        "rsqrt", "square", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "pow", "isnan", "isinf", "clamp", "min", "max", "minimum", "maximum", "where",
        "sum", "dot", "logical_and", "logical_or", "logical_not", "logical_xor", "remainder", "to", "long", "float", "int", "bool", "type_as",
        "new_ones", "new_zeros", "new_full", "relu", "div", "shape", "dtype"};
    for (std::string_view method : kMethods)
      if (name == method) return Value{BuiltinValue{method, std::make_shared<const Value>(base)}};
    const std::string_view near = nearest_name(name, kMethods);
    if (!near.empty()) {
      report(codes::unknown_attribute, expr.anchor, fmt::format("unknown method or attribute '.{}'; did you mean '.{}'?", name, near));
      return poison();
    }
    return host_code(fmt::format("the method '.{}'", name), expr.anchor);
  }
  report(codes::unknown_attribute, expr.anchor, fmt::format("{} has no attribute '{}'", describe_value(base), name));
  return poison();
}

Value Elaborator::host_code(std::string_view what, Span span) {
  report(codes::host_code, span,
         fmt::format("{} is host-side code, which is not part of the language: compute it beforehand and pass the result as a capture "
                     "(`tensor NAME: dtype[dims]`)", what));
  return poison();
}

Value Elaborator::index_tensor(const TensorValue& tensor, const Expr& expr) {
  const CaptureInfo& capture = form_.captures[tensor.capture];
  TensorValue indexed = tensor;
  bool wrong = false;
  for (const Expr* item : expr.items) {
    if (indexed.indices.size() == capture.dims.size()) {
      if (!wrong) report(codes::too_many_indices, item->span, fmt::format("the capture '{}' has {} dimension{}, and this is one index more", capture.name, capture.dims.size(), capture.dims.size() == 1 ? "" : "s"));
      return poison();
    }
    const Value index = materialise(eval(*item), item->span);
    const auto type = number_type(index, "an index", item->span);
    const bool integer = type && *type != Scalar::F32 && !is_row(index);
    if (type && !integer)
      report(codes::index_not_integer, item->span, fmt::format("an index of '{}' must be an integer, found {}", capture.name, describe_value(index)));
    const auto id = integer ? to_node(index, Scalar::I64, item->span) : std::nullopt;
    wrong = wrong || !id;
    indexed.indices.push_back(id.value_or(NodeId{}));
  }
  if (wrong) return poison();
  if (indexed.indices.size() < capture.dims.size()) return Value{std::move(indexed)};
  const Scalar scalar = is_float(capture.dtype) ? Scalar::F32 : capture.dtype == DType::Bool ? Scalar::Bool : Scalar::I64;
  return Value{NodeValue{emit(Op::Gather, {scalar, false, {}}, std::move(indexed.indices), expr.span, tensor.capture)}};
}

Value Elaborator::eval_subscript(const Expr& expr, const Value& base) {
  if (base.poisoned()) return poison();
  if (base.is<TensorValue>()) return index_tensor(base.as<TensorValue>(), expr);
  if (base.is<TupleValue>()) {
    const ValueList& items = *base.as<TupleValue>().items;
    const Value index = eval(*expr.items[0]);
    if (index.poisoned()) return poison();
    if (!index.is<mpz_class>() || expr.items.size() != 1) {
      report(codes::tuple_index, expr.items[0]->span, fmt::format("the index into a tuple must be one compile-time integer, found {}", describe_value(index)));
      return poison();
    }
    mpz_class at = index.as<mpz_class>();
    if (at < 0) at += static_cast<long>(items.size());
    if (at < 0 || at >= static_cast<long>(items.size())) {
      report(codes::tuple_index, expr.items[0]->span, fmt::format("index {} is outside of a tuple of {}", index.as<mpz_class>().get_str(), items.size()));
      return poison();
    }
    return items[at.get_ui()];
  }
  if (is_row(base)) {
    const Value index = materialise(eval(*expr.items[0]), expr.items[0]->span);
    const auto type = number_type(index, "an index", expr.items[0]->span);
    if (!type) return poison();
    if (expr.items.size() != 1) {
      report(codes::too_many_indices, expr.items[1]->span, "a row has one dimension, and this is one index more");
      return poison();
    }
    if (*type == Scalar::F32 || is_row(index)) {
      report(codes::index_not_integer, expr.items[0]->span, fmt::format("an index of a row must be an integer, found {}", describe_value(index)));
      return poison();
    }
    const auto id = to_node(index, Scalar::I64, expr.items[0]->span);
    if (!id) return poison();
    const NodeId row = base.as<NodeValue>().id;
    return Value{NodeValue{emit(Op::RowIndex, {builder_.type(row).scalar, false, {}}, {row, *id}, expr.span)}};
  }
  report(codes::type_mismatch, expr.anchor, fmt::format("only captures, rows and tuples can be indexed, found {}", describe_value(base)));
  return poison();
}

}  // namespace flexc::dsl
