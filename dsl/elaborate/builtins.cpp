// The functions and methods of the language.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"
#include "dsl/syntax/names.h"

namespace flexc::dsl {

namespace {

/// Parameter names as torch spells them; those from `required` on may be left out.
struct Signature {
  std::string_view name;
  std::size_t required;
  std::vector<std::string_view> parameters;
};

const Signature* signature_of(std::string_view name) {
  static const std::vector<Signature> kSignatures = {
      {"where", 3, {"condition", "input", "other"}},
      {"minimum", 2, {"input", "other"}},
      {"maximum", 2, {"input", "other"}},
      {"clamp", 2, {"input", "min", "max"}},
      {"pow", 2, {"input", "exponent"}},
      {"logical_and", 2, {"input", "other"}},
      {"logical_or", 2, {"input", "other"}},
      {"logical_xor", 2, {"input", "other"}},
      {"dot", 2, {"input", "other"}},
      {"remainder", 2, {"input", "other"}},
      {"div", 2, {"input", "other", "rounding_mode"}},
      {"full_like", 2, {"input", "fill_value", "dtype"}},
      {"zeros_like", 1, {"input", "dtype"}},
      {"ones_like", 1, {"input", "dtype"}},
      {"new_full", 3, {"input", "size", "fill_value"}},
      {"new_ones", 2, {"input", "size"}},
      {"new_zeros", 2, {"input", "size"}},
      {"to", 2, {"input", "dtype"}},
      {"type_as", 2, {"input", "other"}},
      {"tensor", 1, {"data", "dtype"}},
      {"gelu", 1, {"input", "approximate"}},
      {"softplus", 1, {"input", "beta", "threshold"}},
  };
  for (const Signature& signature : kSignatures)
    if (signature.name == name) return &signature;
  return nullptr;
}

constexpr std::array<std::string_view, 9> kExtraTorchFunctions = {"remainder", "div", "zeros_like", "full_like", "ones_like", "tensor", "relu", "sigmoid", "tanh"};
constexpr std::array<std::string_view, 6> kFunctionalFunctions = {"sigmoid", "silu", "relu", "gelu", "softplus", "tanh"};

std::optional<Op> float_op(std::string_view name) {
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"floor", Op::Floor}, {"ceil", Op::Ceil}, {"round", Op::Round}, {"exp", Op::Exp}, {"exp2", Op::Exp2}, {"expm1", Op::Expm1},
      {"log", Op::Log}, {"log2", Op::Log2}, {"log1p", Op::Log1p}, {"sqrt", Op::Sqrt}, {"rsqrt", Op::Rsqrt}, {"sin", Op::Sin}, {"cos", Op::Cos},
      {"tan", Op::Tan}, {"tanh", Op::Tanh}, {"sigmoid", Op::Sigmoid}, {"erf", Op::Erf}};
  for (const auto& [known, op] : kOps)
    if (known == name) return op;
  return std::nullopt;
}

}  // namespace

Value Elaborator::module_attribute(const ModuleValue& module, const Expr& expr) {
  const std::string_view name = expr.text;
  const bool torch = module.kind == ModuleKind::Torch;
  const auto has = [&](std::span<const std::string_view> names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (module.kind == ModuleKind::Functools && name == "partial") return Value{BuiltinValue{"partial", nullptr}};
  if (module.kind == ModuleKind::TorchNn && name == "functional") return Value{ModuleValue{ModuleKind::Functional}};
  if (module.kind == ModuleKind::Functional && has(kFunctionalFunctions)) return Value{BuiltinValue{name, nullptr}};
  if (torch || module.kind == ModuleKind::Math) {
    if (name == "inf") return Value{HUGE_VAL};
    if (name == "nan") return Value{std::nan("")};
    if (name == "pi") return Value{M_PI};
    if (name == "e") return Value{M_E};
    if (has(builtin_functions()) && name != "partial" && name != "range") return Value{BuiltinValue{name, nullptr}};
  }
  if (torch) {
    if (name == "nn") return Value{ModuleValue{ModuleKind::TorchNn}};
    if (name == "long") return Value{CastValue{CastType::Int64}};
    if (const auto type = cast_type_named(name)) return Value{CastValue{*type}};
    if (has(kExtraTorchFunctions)) return Value{BuiltinValue{name, nullptr}};
  }
  static constexpr std::string_view kModules[] = {"torch", "math", "torch.nn", "torch.nn.functional", "functools"};
  const std::string_view prefix = kModules[static_cast<std::size_t>(module.kind)];
  // What is in no module is not meant: torch.arange is no slip for range.
  std::vector<std::string_view> candidates;
  for (std::string_view known : builtin_functions())
    if (known != "range" && known != "partial" && known != "and_masks" && known != "or_masks") candidates.push_back(known);
  if (torch || module.kind == ModuleKind::Functional) {
    candidates.insert(candidates.end(), kExtraTorchFunctions.begin(), kExtraTorchFunctions.end());
    if (const std::string_view near = nearest_name(name, candidates); near.empty() || near.size() < 3)
      return host_code(fmt::format("{}.{}", prefix, name), expr.anchor);
  }
  const std::string_view near = nearest_name(name, candidates);
  report(codes::unknown_attribute, expr.anchor,
         near.empty() ? fmt::format("{}.{} is not part of the language", prefix, name)
                      : fmt::format("{0}.{1} is not part of the language; did you mean {0}.{2}?", prefix, name, near));
  return poison();
}

Value Elaborator::call_builtin(const BuiltinValue& builtin, CallArguments arguments) {
  const std::string_view name = builtin.name;
  const Span span = arguments.call;
  if (name == "range") return builtin_range(arguments);
  if (name == "and_masks" || name == "or_masks" || name == "partial") return builtin_combine(name, arguments);

  // Positional and keyword arguments into one list; absent optional ones are None.
  ValueList values;
  const bool method = builtin.self != nullptr;
  if (method) values.push_back(*builtin.self);
  values.insert(values.end(), arguments.positional.begin(), arguments.positional.end());
  if (method && name == "where" && values.size() >= 2) std::swap(values[0], values[1]);
  const bool reduction = name == "sum" || name == "min" || name == "max";
  const Signature* signature = signature_of(name);
  static const Signature kUnary{"", 1, {"input"}};
  static const Signature kReduction{"", 1, {"input", "dim"}};
  if (!signature) signature = reduction ? &kReduction : &kUnary;
  const bool variadic = name == "min" || name == "max";
  if ((!variadic && values.size() > signature->parameters.size()) || (values.empty() && arguments.keywords.empty())) {
    report(codes::wrong_arguments, span,
           fmt::format("'{}' takes {}{} argument{}, found {}", name, signature->required < signature->parameters.size() ? "at most " : "",
                       signature->parameters.size(), signature->parameters.size() == 1 ? "" : "s", values.size()));
    return poison();
  }
  const std::size_t given = values.size();
  if (!variadic || !arguments.keywords.empty()) values.resize(std::max(values.size(), signature->parameters.size()), Value{NoneValue{}});
  for (const CallArguments::Keyword& keyword : arguments.keywords) {
    if (keyword.name == "dtype" && cast_type_of(keyword.value) && name != "to") continue;  // the type follows from the value
    const auto found = std::find(signature->parameters.begin(), signature->parameters.end(), keyword.name == "x" || keyword.name == "self" ? "input" : keyword.name);
    const auto index = static_cast<std::size_t>(found - signature->parameters.begin());
    if (found == signature->parameters.end() || index < given) {
      const std::string_view near = nearest_name(keyword.name, signature->parameters);
      const std::string hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
      report(codes::wrong_arguments, keyword.name_span,
             found == signature->parameters.end() ? fmt::format("'{}' has no parameter '{}'{}", name, keyword.name, hint)
                                                  : fmt::format("'{}' is given twice in this call of '{}'", keyword.name, name));
      return poison();
    }
    values[index] = keyword.value;
  }
  for (const Value& value : values)
    if (value.poisoned()) return poison();
  std::size_t present = 0;
  while (present < values.size() && !values[present].is<NoneValue>()) ++present;
  const bool clamp = name == "clamp" && values.size() == 3 && !values[2].is<NoneValue>();  // clamp(x, max=…)
  if (present < signature->required && !clamp) {
    const bool own = method && present >= 1;
    report(codes::wrong_arguments, span,
           fmt::format("'{}' takes {} argument{}, found {}", name, signature->required - own, signature->required - own == 1 ? "" : "s", present - own));
    return poison();
  }

  if (reduction) return builtin_reduction(name, values, span);
  if (name == "where") return select(values[0], values[1], values[2], "'where'", span);
  if (name == "minimum" || name == "maximum") return min_max(name == "minimum" ? Op::Min : Op::Max, values[0], values[1], span);
  if (name == "clamp") return builtin_clamp(values, span);
  if (name == "pow") return binary(BinaryOp::Pow, values[0], values[1], span);
  if (name == "remainder") return binary(BinaryOp::Mod, values[0], values[1], span);
  if (name == "div") return builtin_divide(values, span);
  if (name == "dot") return builtin_dot(values[0], values[1], span);
  if (name == "logical_and") return logical(Op::And, values[0], values[1], "'logical_and'", span);
  if (name == "logical_or") return logical(Op::Or, values[0], values[1], "'logical_or'", span);
  if (name == "logical_xor") return logical(Op::Xor, values[0], values[1], "'logical_xor'", span);
  if (name == "logical_not") return logical_not(values[0], "'logical_not'", span);
  if (name == "tensor") return values[0];
  if (name == "zeros_like" || name == "ones_like" || name == "full_like" || name.starts_with("new_")) return builtin_like(name, values, arguments);
  if (name == "silu" || name == "relu" || name == "gelu" || name == "softplus") return builtin_activation(name, values, arguments);
  if (name == "float") return values[0].is<std::string>() ? cast_float_literal(values[0].as<std::string>(), span) : cast(values[0], CastType::Float32, span);
  if (name == "int" && !method) return cast(values[0], CastType::Int64, span);
  if (name == "int") return cast(values[0], CastType::Int32, span);
  if (name == "long") return cast(values[0], CastType::Int64, span);
  if (name == "bool") return cast(values[0], CastType::Bool, span);
  if (name == "type_as") {
    const Value other = materialise(values[1], span);
    const auto type = number_type(other, "'.type_as'", span);
    if (!type) return poison();
    return cast(values[0], *type == Scalar::F32 ? CastType::Float32 : *type == Scalar::Bool ? CastType::Bool : CastType::Int64, span);
  }
  if (name == "to") {
    const Value& target = values[1];
    if (const auto type = cast_type_of(target)) return cast(values[0], *type, span);
    report(codes::type_mismatch, span, fmt::format("'.to' takes torch.float32, int32, int64, bool or another value's .dtype, found {}", describe_value(target)));
    return poison();
  }
  return builtin_unary(name, values[0], span);
}

Value Elaborator::builtin_unary(std::string_view name, const Value& operand, Span span) {
  if (operand.poisoned()) return poison();
  const std::string what = fmt::format("'{}'", name);
  if (name == "square") return binary(BinaryOp::Mul, operand, operand, span);
  if (operand.is_constant_number()) {
    if (name == "abs") {
      if (operand.is<double>()) return Value{std::fabs(operand.as<double>())};
      return Value{mpz_class(abs(as_integer(operand)))};
    }
    if (name == "sign") {
      if (!operand.is<double>()) return Value{mpz_class(sgn(as_integer(operand)))};
      return Value{static_cast<double>((operand.as<double>() > 0) - (operand.as<double>() < 0))};
    }
    if (name == "isnan") return Value{std::isnan(as_double(operand))};
    if (name == "isinf") return Value{std::isinf(as_double(operand))};
    if (name == "floor" || name == "ceil" || name == "round")
      return operand.is<double>() ? Value{constant_rounding(name, operand.as<double>())} : Value{as_integer(operand)};
    if (is_float_function(name)) return Value{constant_function(name, as_double(operand))};
  }
  const Value value = materialise(operand, span);
  const auto type = number_type(value, what, span);
  if (!type) return poison();
  if (name == "abs" || name == "sign") {
    const Scalar result = std::max(*type, Scalar::I64);
    const auto id = to_node(value, result, span);
    return id ? elementwise(name == "abs" ? Op::Abs : Op::Sign, result, {*id}, span) : poison();
  }
  const auto id = to_node(value, Scalar::F32, span);
  if (!id) return poison();
  if (name == "isnan" || name == "isinf") {
    if (is_row(value)) {
      report(codes::row_misuse, span, fmt::format("{} does not take rows, found {}", what, describe_value(value)));
      return poison();
    }
    return elementwise(name == "isnan" ? Op::IsNan : Op::IsInf, Scalar::Bool, {*id}, span);
  }
  if (const auto op = float_op(name)) return elementwise(*op, Scalar::F32, {*id}, span);
  return host_code(what, span);
}

Value Elaborator::builtin_reduction(std::string_view name, const ValueList& values, Span span) {
  const auto is_last_dim = [](const Value& v) { return v.is<mpz_class>() && v.as<mpz_class>() == -1; };
  const bool row = is_row(values[0]);
  if (row && (values.size() == 1 || values[1].is<NoneValue>() || is_last_dim(values[1]) || name == "sum")) {
    if (values.size() > 1 && !values[1].is<NoneValue>() && !is_last_dim(values[1])) {
      report(codes::wrong_arguments, span, fmt::format("'{}' reduces a row along dim=-1, found {}", name, describe_value(values[1])));
      return poison();
    }
    const Value x = materialise(values[0], span);
    NodeId id = x.as<NodeValue>().id;
    if (builder_.type(id).scalar == Scalar::Bool) id = builder_.promote(id, Scalar::I64, span);
    const Op op = name == "sum" ? Op::Sum : name == "min" ? Op::RowMin : Op::RowMax;
    return Value{NodeValue{emit(op, {builder_.type(id).scalar, false, {}}, {id}, span)}};
  }
  if (name == "sum" || values.size() < 2 || values[1].is<NoneValue>()) {
    report(name == "sum" ? codes::type_mismatch : codes::wrong_arguments, span,
           name == "sum" ? fmt::format("'sum' takes a row, found {}", describe_value(values[0]))
                         : fmt::format("'{}' takes a row, or two numbers or more, found {}", name, describe_value(values[0])));
    return poison();
  }
  Value result = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) result = min_max(name == "min" ? Op::Min : Op::Max, result, values[i], span);
  return result;
}

Value Elaborator::builtin_dot(const Value& a, const Value& b, Span span) {
  if (!is_row(a) || !is_row(b)) {
    report(codes::type_mismatch, span, fmt::format("'dot' takes two rows, found {} and {}", describe_value(a), describe_value(b)));
    return poison();
  }
  NodeId x = materialise(a, span).as<NodeValue>().id, y = materialise(b, span).as<NodeValue>().id;
  const Scalar type = std::max({builder_.type(x).scalar, builder_.type(y).scalar, Scalar::I64});
  x = builder_.promote(x, type, span);
  y = builder_.promote(y, type, span);
  if (!require_equal(builder_.type(x).length, builder_.type(y).length, span)) return poison();
  return Value{NodeValue{emit(Op::Dot, {type, false, {}}, {x, y}, span)}};
}

Value Elaborator::builtin_clamp(const ValueList& values, Span span) {
  Value result = values[0];
  if (!values[1].is<NoneValue>()) result = min_max(Op::Max, result, values[1], span);
  if (values.size() > 2 && !values[2].is<NoneValue>()) result = min_max(Op::Min, result, values[2], span);
  return result;
}

Value Elaborator::builtin_divide(const ValueList& values, Span span) {
  const Value mode = values.size() > 2 ? values[2] : Value{NoneValue{}};
  if (mode.is<NoneValue>()) return binary(BinaryOp::Div, values[0], values[1], span);
  if (mode.is<std::string>() && mode.as<std::string>() == "floor") return binary(BinaryOp::FloorDiv, values[0], values[1], span);
  report(codes::wrong_arguments, span, "the rounding_mode of 'div' is None or \"floor\"");
  return poison();
}

Value Elaborator::builtin_like(std::string_view name, const ValueList& values, const CallArguments& arguments) {
  const Span span = arguments.call;
  const Value like = materialise(values[0], span);
  auto type = number_type(like, fmt::format("'{}'", name), span);
  if (!type) return poison();
  Value fill = name == "zeros_like" || name == "new_zeros" ? Value{mpz_class(0)} : Value{mpz_class(1)};
  if (name == "full_like") fill = values[1];
  if (name == "new_full") fill = values[2];
  CastType cast_type = *type == Scalar::F32 ? CastType::Float32 : *type == Scalar::Bool ? CastType::Bool : CastType::Int64;
  for (const CallArguments::Keyword& keyword : arguments.keywords)
    if (keyword.name == "dtype") cast_type = cast_type_of(keyword.value).value_or(cast_type);
  const Value converted = cast(fill, cast_type, span);
  if (!converted.is_constant_number()) return converted;
  // A run-time scalar of that type, not a compile-time one: `ones_like(score)` is f32.
  const auto id = to_node(converted, converted.is<double>() ? Scalar::F32 : converted.is<bool>() ? Scalar::Bool : Scalar::I64, span);
  return id ? Value{NodeValue{*id}} : poison();
}

Value Elaborator::builtin_activation(std::string_view name, const ValueList& values, const CallArguments& arguments) {
  const Span span = arguments.call;
  const Value& x = values[0];
  const auto mul = [&](const Value& a, const Value& b) { return binary(BinaryOp::Mul, a, b, span); };
  const auto add = [&](const Value& a, const Value& b) { return binary(BinaryOp::Add, a, b, span); };
  if (name == "relu") return min_max(Op::Max, x, Value{mpz_class(0)}, span);
  if (name == "silu") return mul(x, builtin_unary("sigmoid", x, span));
  if (name == "gelu") {
    const bool tanh_form = values.size() > 1 && values[1].is<std::string>() && values[1].as<std::string>() == "tanh";
    const bool exact_form = values.size() < 2 || values[1].is<NoneValue>() || (values[1].is<std::string>() && values[1].as<std::string>() == "none");
    if (!tanh_form && !exact_form) {
      report(codes::wrong_arguments, span, "the approximate of 'gelu' is \"none\" or \"tanh\"");
      return poison();
    }
    const Value half = mul(Value{0.5}, x);
    if (exact_form) return mul(half, add(Value{1.0}, builtin_unary("erf", mul(x, Value{M_SQRT1_2}), span)));
    const Value cube = mul(mul(x, x), x);
    const Value inner = mul(Value{std::sqrt(2 / M_PI)}, add(x, mul(Value{0.044715}, cube)));
    return mul(half, add(Value{1.0}, builtin_unary("tanh", inner, span)));
  }
  // softplus: log(1 + exp(beta x)) / beta, the identity above the threshold.
  const Value beta = values.size() > 1 && !values[1].is<NoneValue>() ? values[1] : Value{1.0};
  const Value threshold = values.size() > 2 && !values[2].is<NoneValue>() ? values[2] : Value{20.0};
  const Value scaled = mul(x, beta);
  const Value soft = binary(BinaryOp::Div, builtin_unary("log1p", builtin_unary("exp", scaled, span), span), beta, span);
  return select(compare(CompareOp::Gt, scaled, threshold, span), x, soft, "'softplus'", span);
}

Value Elaborator::builtin_range(const CallArguments& arguments) {
  if (arguments.positional.empty() || arguments.positional.size() > 3 || !arguments.keywords.empty()) {
    report(codes::wrong_arguments, arguments.call,
           arguments.keywords.empty() ? fmt::format("'range' takes 1 to 3 integers, found {}", arguments.positional.size()) : "'range' takes no keyword arguments");
    return poison();
  }
  std::array<mpz_class, 3> bounds;
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    const Value& bound = arguments.positional[i];
    if (bound.poisoned()) return poison();
    if (!bound.is<mpz_class>() && !bound.is<bool>()) {
      const bool run_time = bound.is<NodeValue>();
      report(run_time ? codes::not_constant : codes::type_mismatch, arguments.spans[i],
             run_time ? fmt::format("the bounds of 'range' must be compile-time integers, because loops are unrolled; this is known only at run time ({})",
                                    describe_value(bound))
                      : fmt::format("the bounds of 'range' must be integers, found {}", describe_value(bound)));
      return poison();
    }
    bounds[i] = as_integer(bound);
  }
  RangeValue range{0, bounds[0], 1};
  if (arguments.positional.size() > 1) range = {bounds[0], bounds[1], 1};
  if (arguments.positional.size() > 2) range.step = bounds[2];
  if (range.step == 0) {
    report(codes::wrong_arguments, arguments.spans[2], "the step of 'range' must not be 0");
    return poison();
  }
  return Value{std::move(range)};
}

Value Elaborator::builtin_combine(std::string_view name, const CallArguments& arguments) {
  const bool partial = name == "partial";
  if (arguments.positional.empty() || (!partial && !arguments.keywords.empty())) {
    report(codes::wrong_arguments, arguments.call, fmt::format("'{}' takes {}", name, partial ? "a function and some of its arguments" : "one mask function or more"));
    return poison();
  }
  Composite& composite = composites_.emplace_back();
  composite.kind = partial ? Composite::Kind::Partial : name == "and_masks" ? Composite::Kind::And : Composite::Kind::Or;
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    const Value& item = arguments.positional[i];
    if (item.poisoned()) return poison();
    if (!item.is_callable() && (!partial || i == 0)) {
      report(codes::type_mismatch, arguments.spans[i], fmt::format("'{}' takes functions, found {}", name, describe_value(item)));
      return poison();
    }
    composite.items.push_back(item);
  }
  for (const CallArguments::Keyword& keyword : arguments.keywords) composite.keywords.emplace_back(keyword.name, keyword.value);
  if (!partial && composite.items.size() == 1) return composite.items[0];
  return Value{CompositeValue{&composite}};
}

}  // namespace flexc::dsl
