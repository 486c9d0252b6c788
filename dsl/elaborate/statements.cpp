// Execution of statements. A branch on a run-time condition runs both sides on copies of the variables and joins them with
// selects; a path that has returned is kept as a condition and a value, so the work is linear in the text.
#include <bit>

#include <fmt/format.h>

#include "dsl/elaborate/elaborator.h"
#include "dsl/elaborate/python_arithmetic.h"

namespace flexc::dsl {

bool identical(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (a.is<bool>()) return a.as<bool>() == b.as<bool>();
  if (a.is<mpz_class>()) return a.as<mpz_class>() == b.as<mpz_class>();
  if (a.is<double>()) return std::bit_cast<std::uint64_t>(a.as<double>()) == std::bit_cast<std::uint64_t>(b.as<double>());
  if (a.is<std::string>()) return a.as<std::string>() == b.as<std::string>();
  if (a.is<TupleValue>()) return a.as<TupleValue>().items == b.as<TupleValue>().items;
  if (a.is<FunctionValue>()) return a.as<FunctionValue>().closure == b.as<FunctionValue>().closure;
  if (a.is<CompositeValue>()) return a.as<CompositeValue>().composite == b.as<CompositeValue>().composite;
  if (a.is<BuiltinValue>()) return a.as<BuiltinValue>().name == b.as<BuiltinValue>().name && a.as<BuiltinValue>().self == b.as<BuiltinValue>().self;
  if (a.is<ModuleValue>()) return a.as<ModuleValue>().kind == b.as<ModuleValue>().kind;
  if (a.is<CastValue>()) return a.as<CastValue>().type == b.as<CastValue>().type;
  if (a.is<NodeValue>()) return a.as<NodeValue>().id == b.as<NodeValue>().id;
  if (a.is<TensorValue>()) return a.as<TensorValue>().capture == b.as<TensorValue>().capture && a.as<TensorValue>().indices == b.as<TensorValue>().indices;
  if (a.is<RangeValue>()) return false;
  return !a.is<Unassigned>() || a.as<Unassigned>().why == b.as<Unassigned>().why;
}

bool Elaborator::run_block(const std::vector<Stmt*>& block) {
  for (const Stmt* stmt : block)
    if (run_statement(*stmt)) return true;
  return false;
}

bool Elaborator::run_statement(const Stmt& stmt) {
  step(stmt.span);
  switch (stmt.kind) {
    case StmtKind::Assign: {
      const Value value = eval(*stmt.value);
      for (const Expr* target : stmt.targets) assign(*target, value, stmt.value->span);
      return false;
    }
    case StmtKind::AugAssign: {
      const Expr& target = *stmt.targets[0];
      if (target.kind != ExprKind::Name) return false;
      const Value old = eval(target);
      assign(target, binary(stmt.binary_op, old, eval(*stmt.value), stmt.span), stmt.value->span);
      return false;
    }
    case StmtKind::If: return run_if(stmt);
    case StmtKind::For: return run_for(stmt);
    case StmtKind::Return: return run_return(stmt);
    case StmtKind::Assert: run_assert(stmt); return false;
    case StmtKind::Def: {
      if (Value* slot = find_local(scope_, stmt.function->name)) *slot = make_closure(*stmt.function);
      return false;
    }
    case StmtKind::Error:
      // Whatever stood here, a return perhaps, has been reported: no more is said about this path.
      if (!activation_) return false;
      activation_->result = poison();
      activation_->returned.reset();
      return true;
    default: return false;
  }
}

void Elaborator::assign(const Expr& target, const Value& value, Span span) {
  if (target.kind == ExprKind::Name) {
    if (value.is<FunctionValue>()) {
      if (Closure& closure = *value.as<FunctionValue>().closure; closure.name == kLambdaName) closure.name = target.text;
    }
    const int slot = scope_ ? slot_of(*scope_->function, target.text) : -1;
    if (slot >= 0) scope_->slots[static_cast<std::size_t>(slot)] = value;
    else if (!scope_) assign_global(target, value, span);
    return;
  }
  if (target.kind != ExprKind::Tuple) return;
  if (!value.is<TupleValue>() || value.as<TupleValue>().items->size() != target.items.size()) {
    if (value.is<TupleValue>())
      report(codes::unpack_mismatch, span, fmt::format("cannot unpack a tuple of {} into {} names", value.as<TupleValue>().items->size(), target.items.size()));
    else if (!value.poisoned())
      report(codes::unpack_mismatch, span, fmt::format("cannot unpack {} into {} names: a tuple is expected", describe_value(value), target.items.size()));
    for (const Expr* item : target.items) assign(*item, poison(), span);
    return;
  }
  const auto items = value.as<TupleValue>().items;
  step(span, static_cast<int>(items->size()));
  for (std::size_t i = 0; i < items->size(); ++i) assign(*target.items[i], (*items)[i], span);
}

Activation::State Elaborator::save_state() {
  return {scope_ ? scope_->slots : ValueList{}, activation_ ? activation_->returned : std::nullopt, activation_ ? activation_->result : poison()};
}

void Elaborator::restore_state(Activation::State state) {
  if (scope_) scope_->slots = std::move(state.slots);
  if (!activation_) return;
  activation_->returned = state.returned;
  activation_->result = std::move(state.result);
}

bool Elaborator::can_merge(const Value& a, const Value& b, Span span) {
  step(span);  // tuples of shared tuples are exponentially larger than they look
  if (identical(a, b) || a.poisoned() || b.poisoned()) return true;
  if (a.is<TupleValue>() && b.is<TupleValue>()) {
    const ValueList &x = *a.as<TupleValue>().items, &y = *b.as<TupleValue>().items;
    bool possible = x.size() == y.size();
    for (std::size_t i = 0; possible && i < x.size(); ++i) possible = can_merge(x[i], y[i], span);
    return possible;
  }
  const auto is_number = [&](const Value& v) { return v.is_constant_number() || v.is<NodeValue>() || is_row(v); };
  return is_number(a) && is_number(b);
}

Value Elaborator::merge_values(NodeId condition, const Value& a, const Value& b, Span span) {
  step(span);
  if (identical(a, b)) return a;
  if (a.poisoned() || b.poisoned()) return poison();
  if (a.is<TupleValue>() && b.is<TupleValue>() && a.as<TupleValue>().items->size() == b.as<TupleValue>().items->size()) {
    auto items = std::make_shared<ValueList>();
    for (std::size_t i = 0; i < a.as<TupleValue>().items->size(); ++i)
      items->push_back(merge_values(condition, (*a.as<TupleValue>().items)[i], (*b.as<TupleValue>().items)[i], span));
    return Value{TupleValue{std::move(items)}};
  }
  if (!can_merge(a, b, span)) {
    report(codes::branches_differ, span,
           fmt::format("a branch on a run-time condition can only choose between numbers, found {} and {}", describe_value(a), describe_value(b)));
    return poison();
  }
  return select(Value{NodeValue{condition}}, a, b, "'if'", span);
}

bool Elaborator::join(NodeId condition, Span span, Activation::State then_state, bool then_returned, Activation::State else_state, bool else_returned) {
  const Type kBool{Scalar::Bool, false, {}};
  if (then_returned && else_returned) {
    activation_->result = merge_values(condition, then_state.result, else_state.result, span);
    return true;
  }
  if (then_returned || else_returned) {
    Activation::State& open = then_returned ? else_state : then_state;
    const Activation::State& closed = then_returned ? then_state : else_state;
    const NodeId left = then_returned ? condition : emit(Op::Not, kBool, {condition}, span);
    Value result = closed.result;
    if (open.returned) result = then_returned ? merge_values(condition, closed.result, open.result, span) : merge_values(condition, open.result, closed.result, span);
    open.returned = open.returned ? emit(Op::Or, kBool, {left, *open.returned}, span) : left;
    open.result = std::move(result);
    restore_state(std::move(open));
    return false;
  }
  if (scope_) {
    for (std::size_t i = 0; i < scope_->slots.size(); ++i) {
      // A variable whose values cannot be joined is an error only where it is used afterwards.
      const Value &a = then_state.slots[i], &b = else_state.slots[i];
      if (identical(a, b)) scope_->slots[i] = a;
      else if (a.is<Unassigned>() || b.is<Unassigned>()) scope_->slots[i] = Value{Unassigned{Unassigned::Why::Partly}};
      else if (!can_merge(a, b, span)) scope_->slots[i] = Value{Unassigned{Unassigned::Why::Differs}};
      else scope_->slots[i] = merge_values(condition, a, b, span);
    }
  }
  if (then_state.returned != else_state.returned) {
    const NodeId a = then_state.returned ? *then_state.returned : builder_.constant(false);
    const NodeId b = else_state.returned ? *else_state.returned : builder_.constant(false);
    activation_->result = !then_state.returned   ? else_state.result
                          : !else_state.returned ? then_state.result
                                                 : merge_values(condition, then_state.result, else_state.result, span);
    activation_->returned = emit(Op::Select, kBool, {condition, a, b}, span);
  } else {
    activation_->returned = then_state.returned;
    activation_->result = std::move(then_state.result);
  }
  return false;
}

bool Elaborator::run_if(const Stmt& stmt) {
  struct Branch {
    NodeId condition;
    Span span;
    Activation::State state;
    bool returned;
  };
  std::vector<Branch> branches;
  bool returned = false, decided = false;
  const bool conditional_start = scope_ != nullptr;
  for (const IfBranch& branch : stmt.branches) {
    const Value condition = eval(*branch.condition);
    if (!require_bool(condition, "'if'", branch.condition->span)) {
      // Unknown whether it is taken: look for errors in it, and go on as if it were not there.
      Activation::State start = save_state();
      run_block(branch.body);
      restore_state(std::move(start));
      continue;
    }
    if (condition.is<bool>()) {
      if (!condition.as<bool>()) continue;
      returned = run_block(branch.body);
      decided = true;
      break;
    }
    if (!conditional_start) return false;
    Activation::State start = save_state();
    step(branch.condition->span, static_cast<int>(1 + start.slots.size() / 2));
    const bool branch_returned = run_block(branch.body);
    branches.push_back({condition.as<NodeValue>().id, branch.condition->span, save_state(), branch_returned});
    restore_state(std::move(start));
  }
  if (!decided) returned = run_block(stmt.orelse);
  for (std::size_t i = branches.size(); i-- > 0;) {
    Activation::State rest = save_state();
    step(branches[i].span, static_cast<int>(1 + rest.slots.size() / 2));
    returned = join(branches[i].condition, branches[i].span, std::move(branches[i].state), branches[i].returned, std::move(rest), returned);
  }
  return returned;
}

bool Elaborator::run_for(const Stmt& stmt) {
  const Value iterable = eval(*stmt.value);
  if (iterable.poisoned()) {
    assign(*stmt.targets[0], poison(), stmt.span);
    return run_block(stmt.body);
  }
  if (!iterable.is<RangeValue>()) {
    report(codes::for_needs_range, stmt.value->span, fmt::format("'for' goes over range(…) with constant bounds, found {}", describe_value(iterable)));
    assign(*stmt.targets[0], poison(), stmt.span);
    return run_block(stmt.body);
  }
  const RangeValue range = iterable.as<RangeValue>();
  for (mpz_class i = range.start; range.step > 0 ? i < range.stop : i > range.stop; i += range.step) {
    if (++iterations_ > kMaxUnrolledIterations)
      stop(codes::too_many_iterations, stmt.span, fmt::format("loops unroll to more than {} iterations, which is the limit", kMaxUnrolledIterations));
    assign(*stmt.targets[0], Value{i}, stmt.span);
    if (run_block(stmt.body)) return true;
  }
  return false;
}

bool Elaborator::run_return(const Stmt& stmt) {
  Value value = stmt.value ? eval(*stmt.value) : poison();
  if (activation_->mod != ModKind::None && stmt.value) {
    value = materialise(value, stmt.value->span);
    check_mod_result(activation_->mod, value, stmt.value->span);
  }
  activation_->result = activation_->returned ? merge_values(*activation_->returned, activation_->result, value, stmt.span) : std::move(value);
  return true;
}

void Elaborator::run_assert(const Stmt& stmt) {
  const Value condition = eval(*stmt.value);
  if (!require_bool(condition, "'assert'", stmt.value->span)) return;
  if (!condition.is<bool>()) {
    report(codes::not_constant, stmt.value->span, "'assert' takes a compile-time condition, and this one is known only at run time");
    return;
  }
  if (condition.as<bool>()) return;
  std::string text = "assertion failed";
  if (stmt.message && stmt.message->kind == ExprKind::String) text += ": " + stmt.message->string;
  report(codes::assertion_failed, stmt.value->span, text);
}

}  // namespace flexc::dsl
