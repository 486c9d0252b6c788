// Top level: captures, params, consts and the statements around the functions.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"
#include "dsl/syntax/names.h"
#include "dsl/syntax/parse.h"

namespace flexc::dsl {

namespace {

void collect_names(const Expr& target, std::vector<std::string_view>& names) {
  if (target.kind == ExprKind::Name) names.push_back(target.text);
  for (const Expr* item : target.items) collect_names(*item, names);
}

}  // namespace

void Elaborator::declare_all() {
  std::vector<std::string_view> assigned;
  for (const Stmt* stmt : program_.top_level) {
    if (stmt->kind == StmtKind::Def && !globals_.contains(stmt->function->name)) globals_[stmt->function->name] = make_closure(*stmt->function);
    if (stmt->kind == StmtKind::ConstDecl) assigned.push_back(stmt->name);
    if (stmt->kind == StmtKind::Assign)
      for (const Expr* target : stmt->targets) collect_names(*target, assigned);
    for (std::string_view name : stmt->error_bindings) globals_.try_emplace(name, poison());
  }
  for (std::string_view name : assigned) globals_.try_emplace(name, Value{Unassigned{}});
  // Fresh dims and captures first: consts in dims are looked up when run_top_level() comes to the declaration.
  for (const Stmt* stmt : program_.top_level)
    if (stmt->kind == StmtKind::TensorDecl && !captures_.contains(stmt->name)) {
      captures_[stmt->name] = static_cast<std::uint32_t>(form_.captures.size());
      form_.captures.push_back({std::string(stmt->name), stmt->dtype, std::vector<Dim>(stmt->dims.size()), false});
    } else if (stmt->kind == StmtKind::ParamDecl && !params_.contains(stmt->name)) {
      params_[stmt->name] = static_cast<std::uint32_t>(form_.params.size());
      form_.params.push_back({std::string(stmt->name), stmt->dtype, std::nullopt, std::nullopt, false});
    }
  declare_undeclared_captures();
}

namespace {

/// Other systems' short names of the two positions.
std::string_view position_hint(std::string_view name) {
  if (name == "q") return "the query's position is q_idx; else ";
  if (name == "k" || name == "kv") return "the key's position is kv_idx; else ";
  return "";
}

}  // namespace

void Elaborator::declare_undeclared_captures() {
  for (const Program::UndeclaredCapture& undeclared : program_.undeclared) {
    CaptureType type{DType::F32, undeclared.rank};
    if (const auto bound = options_.captures.find(undeclared.name); bound != options_.captures.end()) {
      type = bound->second;
    } else if (options_.assume_captures) {
      std::string dims;
      for (int i = 0; i < undeclared.rank; ++i) dims += fmt::format("{}N{}", i ? ", " : "", i);
      warn(codes::assumed_capture, undeclared.span,
           fmt::format("'{0}' is not declared, and is taken for a capture of f32; declare it in a file: `tensor {0}: f32[{1}]`", undeclared.name, dims));
    } else {
      report(codes::undeclared_capture, undeclared.span,
             fmt::format("nothing is bound to '{0}': {1}bind a tensor to it, or declare it: `tensor {0}: f32[…]`", undeclared.name, position_hint(undeclared.name)));
    }
    captures_[undeclared.name] = static_cast<std::uint32_t>(form_.captures.size());
    CaptureInfo info{std::string(undeclared.name), type.dtype, {}, false};
    for (int axis = 0; axis < type.rank; ++axis) {
      info.dims.push_back({Dim::Kind::Fresh, static_cast<std::int64_t>(form_.fresh_dims.size())});
      form_.fresh_dims.emplace_back();
    }
    form_.captures.push_back(std::move(info));
  }
}

void Elaborator::declare_tensor(const Stmt& stmt) {
  CaptureInfo& capture = form_.captures[captures_.at(stmt.name)];
  for (std::size_t axis = 0; axis < stmt.dims.size() && axis < capture.dims.size(); ++axis) {
    const DimSyntax& dim = stmt.dims[axis];
    Dim& resolved = capture.dims[axis];
    if (dim.constant) {
      resolved = {Dim::Kind::Constant, *dim.constant};
      continue;
    }
    if (const auto symbol = std::find(kSymbolNames.begin(), kSymbolNames.end(), dim.name); symbol != kSymbolNames.end()) {
      resolved = {Dim::Kind::Symbol, symbol - kSymbolNames.begin()};
      continue;
    }
    if (const auto global = globals_.find(dim.name); global != globals_.end()) {
      const Value& value = global->second;
      if (value.poisoned()) continue;
      if (value.is<Unassigned>()) {
        report(codes::not_assigned, dim.span, fmt::format("the const '{}' is used before it is assigned", dim.name));
      } else if (!value.is<mpz_class>() || value.as<mpz_class>() < 0 || !value.as<mpz_class>().fits_slong_p()) {
        report(codes::invalid_dimension, dim.span, fmt::format("a dim must be an integer of at least 0, and '{}' is {}", dim.name, describe_value(value)));
      } else {
        resolved = {Dim::Kind::Constant, value.as<mpz_class>().get_si()};
      }
      continue;
    }
    if (params_.contains(dim.name) || captures_.contains(dim.name)) {
      report(codes::invalid_dimension, dim.span, fmt::format("a dim must be an integer, one of B H HKV Q KV, a const or a fresh name, and '{}' is a {}", dim.name,
                                                   params_.contains(dim.name) ? "param" : "tensor"));
      continue;
    }
    const auto known = std::find(form_.fresh_dims.begin(), form_.fresh_dims.end(), dim.name);
    resolved = {Dim::Kind::Fresh, known - form_.fresh_dims.begin()};
    if (known == form_.fresh_dims.end()) form_.fresh_dims.emplace_back(dim.name);
  }
}

void Elaborator::declare_param(const Stmt& stmt) {
  ParamInfo& param = form_.params[params_.at(stmt.name)];
  if (!stmt.value || !stmt.dtype_known) return;
  const Value value = eval(*stmt.value);
  if (value.poisoned()) return;
  if (!value.is_constant_number()) {
    report(codes::not_constant, stmt.value->span, fmt::format("the default of a param must be a compile-time number, found {}", describe_value(value)));
    return;
  }
  const std::string_view type = name_of(param.type);
  const bool is_float_param = param.type == DType::F32;
  const bool fits_kind = param.type == DType::Bool ? value.is<bool>() : value.is<mpz_class>() || (is_float_param && value.is<double>());
  if (!fits_kind) {
    report(codes::param_default, stmt.value->span, fmt::format("the default of '{}', a param of {}, cannot be {}", stmt.name, type, describe_value(value)));
    return;
  }
  const auto out_of_range = [&] {
    report(codes::param_default, stmt.value->span, fmt::format("the default of '{}' is {}, out of the range of {}", stmt.name, describe_value(value), type));
  };
  if (is_float_param) {
    param.default_float = value.is<mpz_class>() ? to_float(value.as<mpz_class>()) : static_cast<float>(value.as<double>());
    const bool infinite = value.is<double>() && std::isinf(value.as<double>());
    if (std::isinf(*param.default_float) && !infinite) out_of_range();
    return;
  }
  const mpz_class integer = as_integer(value);
  const bool narrow = param.type == DType::I32;
  const bool in_range = narrow ? integer >= std::numeric_limits<std::int32_t>::min() && integer <= std::numeric_limits<std::int32_t>::max()
                               : integer.fits_slong_p();
  if (!in_range) return out_of_range();
  param.default_integer = integer.get_si();
}

std::optional<Value> Elaborator::overridden(std::string_view name, Span span) {
  const auto given = options_.consts.find(name);
  if (given == options_.consts.end()) return std::nullopt;
  Diagnostics own;
  override_programs_.push_back(parse_expressions({"--const", given->second}, {}, own));
  const Program& program = *override_programs_.back();
  Value value = poison();
  if (!own.has_errors() && !program.top_level.empty() && program.top_level[0]->function) {
    const Function& function = *program.top_level[0]->function;
    const Expr* expr = function.expression ? function.expression : function.body.empty() ? nullptr : function.body[0]->value;
    quiet_ = true;
    quiet_failed_ = false;
    if (expr) value = eval(*expr);
    quiet_ = false;
  }
  const bool constant = value.is_constant_number() || value.is<TupleValue>() || value.is<std::string>();
  if (!constant || quiet_failed_) {
    report(codes::const_override, span, fmt::format("the value given for the const '{}' is no compile-time constant: {}", name, given->second));
    return poison();
  }
  return value;
}

void Elaborator::assign_global(const Expr& target, const Value& value, Span span) {
  if (value.is<NodeValue>() || value.is<TensorValue>() || value.is<RangeValue>()) {
    report(codes::not_constant, span,
           fmt::format("'{}' must be a compile-time constant or a function, and this is known only at run time ({}); compute it inside a function",
                       target.text, describe_value(value)));
    globals_[target.text] = poison();
    return;
  }
  globals_[target.text] = value.is_callable() ? value : overridden(target.text, span).value_or(value);
}

void Elaborator::run_top_level() {
  for (const Stmt* stmt : program_.top_level) {
    switch (stmt->kind) {
      case StmtKind::TensorDecl: declare_tensor(*stmt); break;
      case StmtKind::ParamDecl: declare_param(*stmt); break;
      case StmtKind::ConstDecl: {
        Expr target;
        target.kind = ExprKind::Name;
        target.text = stmt->name;
        const Value value = stmt->value ? eval(*stmt->value) : poison();
        if (value.is_callable()) {
          report(codes::not_constant, stmt->value->span, fmt::format("a const is a number, a string or a tuple; write `{} = …` for a function", stmt->name));
          globals_[stmt->name] = poison();
        } else {
          assign_global(target, value, stmt->value ? stmt->value->span : stmt->span);
        }
        break;
      }
      case StmtKind::Assign:
      case StmtKind::Assert: run_statement(*stmt); break;
      default: break;
    }
  }
}

}  // namespace flexc::dsl
