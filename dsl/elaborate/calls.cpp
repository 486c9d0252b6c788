// Calls: functions of the program are inlined where they are called.
#include <algorithm>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"
#include "dsl/syntax/names.h"

namespace flexc::dsl {

Value Elaborator::make_closure(const Function& function) {
  Closure& closure = closures_.emplace_back();
  closure.function = &function;
  closure.name = function.name;
  closure.frame = scope_;
  if (scope_) {
    scope_->captured = true;
    evaluate_defaults(closure);
  }
  return Value{FunctionValue{&closure}};
}

void Elaborator::evaluate_defaults(Closure& closure) {
  // A nested function's defaults are evaluated where its def stands, as in Python; those of a top-level function at its
  // first call, because such functions may be called before they stand in the file.
  if (closure.defaults_ready) return;
  closure.defaults_ready = true;
  Frame* const caller = scope_;
  scope_ = closure.frame;
  for (const Parameter& parameter : closure.function->parameters)
    if (parameter.default_value) closure.defaults.push_back(eval(*parameter.default_value));
  scope_ = caller;
}

Value Elaborator::eval_call(const Expr& expr, const Value& callee) {
  CallArguments arguments;
  arguments.call = expr.span;
  for (const Argument& argument : expr.arguments) {
    Value value = eval(*argument.value);
    if (argument.name.empty()) {
      arguments.positional.push_back(std::move(value));
      arguments.spans.push_back(argument.value->span);
    } else {
      arguments.keywords.push_back({argument.name, std::move(value), argument.value->span, argument.name_span});
    }
  }
  if (callee.poisoned()) return poison();
  call_sites_.push_back(expr.span);
  Value result = call(callee, std::move(arguments));
  call_sites_.pop_back();
  return result;
}

Value Elaborator::call(const Value& callee, CallArguments arguments) {
  if (callee.is<FunctionValue>()) return call_closure(*callee.as<FunctionValue>().closure, std::move(arguments));
  if (callee.is<CompositeValue>()) return call_composite(*callee.as<CompositeValue>().composite, std::move(arguments));
  if (callee.is<BuiltinValue>()) return call_builtin(callee.as<BuiltinValue>(), std::move(arguments));
  if (!callee.poisoned())
    report(codes::not_callable, arguments.call,
           fmt::format("{} cannot be called{}", describe_value(callee), callee.is<TensorValue>() ? "; index a capture with [ ]" : ""));
  return poison();
}

bool Elaborator::bind_parameters(Closure& closure, CallArguments& arguments, Frame& frame) {
  const Function& function = *closure.function;
  const auto& parameters = function.parameters;
  std::vector<std::optional<Value>> values(parameters.size());
  const auto signature = [&] {
    std::string names;
    bool keyword_only = false;
    for (const Parameter& parameter : parameters) {
      if (parameter.keyword_only && !keyword_only) names += names.empty() ? "*" : ", *";
      keyword_only = parameter.keyword_only;
      names += (names.empty() ? "" : ", ") + std::string(parameter.name);
    }
    return fmt::format("{}({})", closure.name, names);
  };
  const auto nearest_parameter = [&](std::string_view name) {
    std::vector<std::string_view> names;
    for (const Parameter& parameter : parameters) names.push_back(parameter.name);
    const std::string_view near = nearest_name(name, names);
    return near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near);
  };
  const auto positional_count = static_cast<std::size_t>(
      std::find_if(parameters.begin(), parameters.end(), [](const Parameter& p) { return p.keyword_only; }) - parameters.begin());
  if (arguments.positional.size() > positional_count) {
    report(codes::wrong_arguments, arguments.call,
           fmt::format("'{}' takes {} argument{}, found {}: {}", closure.name, positional_count, positional_count == 1 ? "" : "s",
                       arguments.positional.size() + arguments.keywords.size(), signature()));
    return false;
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) values[i] = std::move(arguments.positional[i]);
  for (CallArguments::Keyword& keyword : arguments.keywords) {
    const auto found = std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == keyword.name; });
    const auto index = static_cast<std::size_t>(found - parameters.begin());
    if (found == parameters.end() || values[index]) {
      report(codes::wrong_arguments, keyword.name_span,
             found == parameters.end() ? fmt::format("'{}' has no parameter '{}': {}{}", closure.name, keyword.name, signature(), nearest_parameter(keyword.name))
                                       : fmt::format("'{}' is given twice in this call of '{}'", keyword.name, closure.name));
      return false;
    }
    values[index] = std::move(keyword.value);
  }
  evaluate_defaults(closure);
  std::string missing;
  std::size_t next_default = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool has_default = parameters[i].default_value != nullptr;
    if (!values[i] && has_default) values[i] = closure.defaults[next_default];
    if (has_default) ++next_default;
    if (!values[i]) missing += (missing.empty() ? "'" : ", '") + std::string(parameters[i].name) + "'";
  }
  if (!missing.empty()) {
    report(codes::wrong_arguments, arguments.call,
           fmt::format("'{}' takes {} argument{}, and {} is missing: {}", closure.name, parameters.size(), parameters.size() == 1 ? "" : "s", missing, signature()));
    return false;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (const int slot = slot_of(function, parameters[i].name); slot >= 0) frame.slots[static_cast<std::size_t>(slot)] = std::move(*values[i]);
  return true;
}

Value Elaborator::call_closure(Closure& closure, CallArguments arguments, ModKind mod) {
  const Function& function = *closure.function;
  if (std::find(active_closures_.begin(), active_closures_.end(), &closure) != active_closures_.end()) {
    report(codes::recursion, arguments.call, fmt::format("'{}' calls itself: recursion cannot be inlined", closure.name));
    return poison();
  }
  if (static_cast<int>(active_closures_.size()) >= kMaxInlineDepth)
    stop(codes::inlining_too_deep, arguments.call, fmt::format("calls are nested more than {} deep, which is the limit", kMaxInlineDepth));
  step(arguments.call, static_cast<int>(1 + function.locals.size()));
  Frame& frame = frames_.emplace_back();
  frame.function = &function;
  frame.parent = closure.frame;
  frame.slots.assign(function.locals.size(), Value{Unassigned{}});
  if (!bind_parameters(closure, arguments, frame)) return poison();

  Activation activation;
  activation.mod = mod;
  Frame* const caller_scope = scope_;
  Activation* const caller = activation_;
  scope_ = &frame;
  activation_ = &activation;
  active_closures_.push_back(&closure);
  Value result = poison();
  if (function.expression) {
    result = eval(*function.expression);
    if (mod != ModKind::None) {
      result = materialise(result, function.expression->span);
      check_mod_result(mod, result, function.expression->span);
    }
  } else if (run_block(function.body)) {
    result = std::move(activation.result);
  } else {
    report(codes::missing_return, function.name_span, fmt::format("'{}' does not return a value on every path: a 'return' is missing", function.name));
  }
  active_closures_.pop_back();
  activation_ = caller;
  scope_ = caller_scope;
  if (!frame.captured) frame.slots = {};
  return result;
}

Value Elaborator::call_composite(const Composite& composite, CallArguments arguments) {
  const DepthGuard guard(*this, arguments.call);
  if (composite.kind == Composite::Kind::Partial) {
    step(arguments.call, static_cast<int>(composite.items.size() + composite.keywords.size() + arguments.positional.size() + arguments.keywords.size()));
    CallArguments all;
    all.call = arguments.call;
    all.positional.assign(composite.items.begin() + 1, composite.items.end());
    all.spans.assign(all.positional.size(), arguments.call);
    all.positional.insert(all.positional.end(), arguments.positional.begin(), arguments.positional.end());
    all.spans.insert(all.spans.end(), arguments.spans.begin(), arguments.spans.end());
    for (const auto& [name, value] : composite.keywords) {
      const bool overridden = std::any_of(arguments.keywords.begin(), arguments.keywords.end(), [&](const auto& k) { return k.name == name; });
      if (!overridden) all.keywords.push_back({name, value, arguments.call, arguments.call});
    }
    all.keywords.insert(all.keywords.end(), arguments.keywords.begin(), arguments.keywords.end());
    return call(composite.items[0], std::move(all));
  }
  const bool conjunction = composite.kind == Composite::Kind::And;
  std::optional<Value> result;
  for (const Value& mask : composite.items) {
    step(arguments.call);
    const std::size_t errors = diagnostics_.error_count();
    const Value one = mask.is<FunctionValue>() ? call_closure(*mask.as<FunctionValue>().closure, arguments, ModKind::Mask) : call(mask, arguments);
    if (one.poisoned() || diagnostics_.error_count() > errors) return poison();
    const std::string_view what = conjunction ? "and_masks" : "or_masks";
    if (!require_bool(one, what, arguments.call)) return poison();
    result = result ? logical(conjunction ? Op::And : Op::Or, *result, one, what, arguments.call) : one;
  }
  return *result;
}

void Elaborator::check_mod_result(ModKind kind, const Value& value, Span span) {
  if (value.poisoned()) return;
  const bool number = value.is_constant_number() || (value.is<NodeValue>() && !is_row(value));
  const bool boolean = value.is<bool>() || (value.is<NodeValue>() && builder_.type(value.as<NodeValue>().id).scalar == Scalar::Bool);
  if (kind == ModKind::Mask && !(number && boolean))
    report(codes::mod_result, span, fmt::format("mask_mod must return a bool, found {}", describe_value(value)));
  if (kind == ModKind::Score && (!number || boolean))
    report(codes::mod_result, span, fmt::format("score_mod must return a number, found {}", describe_value(value)));
}

}  // namespace flexc::dsl
