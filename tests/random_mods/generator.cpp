// The generator's statements and programs.
#include "tests/random_mods/generator.h"

#include <algorithm>

namespace random_mods {

namespace {
/// Operations that a program's score_mod has because it is their turn.
constexpr std::size_t kTurns = 7;
}  // namespace

const std::vector<CaptureSpec>& captures() {
  // Every dtype; ranks 0 to 3; dims that are symbols, constants and fresh names; rows of 4 and of d.
  static const std::vector<CaptureSpec> all = {{"t0", "f32", {}},
                                               {"tf", "f32", {"n"}},
                                               {"tk", "f32", {"KV"}},
                                               {"th", "f16", {"H"}},
                                               {"tb", "bf16", {"m"}},
                                               {"ti", "i32", {"n"}},
                                               {"tw", "i64", {"Q"}},
                                               {"tl", "i64", {"9"}},
                                               {"tu", "u8", {"KV"}},
                                               {"tz", "bool", {"m"}},
                                               {"mf", "f32", {"H", "m"}},
                                               {"mi", "i64", {"B", "KV"}},
                                               {"mz", "bool", {"Q", "3"}},
                                               {"m4", "f32", {"n", "4"}},
                                               {"rd", "f32", {"KV", "d"}},
                                               {"r4", "f16", {"Q", "4"}},
                                               {"rb", "bf16", {"B", "H", "d"}},
                                               {"ri", "i64", {"KV", "4"}},
                                               {"rj", "i32", {"m", "d"}},
                                               {"ru", "u8", {"H", "4"}},
                                               {"cu", "i32", {"B", "H", "n"}},
                                               {"cd", "f32", {"B", "HKV", "d"}}};
  return all;
}

std::string declaration_of(const CaptureSpec& capture) {
  std::string dims;
  for (const char* dim : capture.dims) dims += (dims.empty() ? "" : ", ") + std::string(dim);
  return "tensor " + std::string(capture.name) + ": " + capture.dtype + "[" + dims + "]";
}

void Generator::assignment(std::vector<Statement>& block, Scope& scope, int depth) {
  const auto declare = [&](const std::string& name, const Expression& value) { scope.variables.push_back({name, value.type, value.is_constant}); };
  std::vector<Variable*> assignable;
  for (Variable& v : scope.variables)
    if (!v.is_outer && !v.type.is_row() && v.is_used) assignable.push_back(&v);
  switch (below(8)) {
    case 0: {  // augmented; the type stays
      if (assignable.empty()) break;
      Variable& v = *assignable[below(assignable.size())];
      if (v.type.kind == Kind::Bool || v.is_constant) break;
      const bool is_int = v.type.kind == Kind::I64;
      const std::string op = is_int ? pick(std::vector<std::string>{"+=", "-=", "*=", "//=", "%=", "^=", "&=", "|=", "<<=", ">>="})
                                    : pick(std::vector<std::string>{"+=", "-=", "*=", "/="});
      const std::string name = v.name;
      const Type operand{is_int || chance(30) ? Kind::I64 : Kind::F32};
      block.push_back({{name + " " + op + " $0"}, {expression(operand, scope, depth)}, {}, kAugmented});
      return;
    }
    case 1: {  // a tuple
      const Type first = any(), second = any();
      const Expression x = expression(first, scope, depth), y = expression(second, scope, depth - 1);
      const std::string a = fresh("v"), b = fresh("v");
      block.push_back({{a + ", " + b + " = $0, $1"}, {x, y}, {}, kTuple});
      declare(a, x);
      declare(b, y);
      return;
    }
    case 2: {  // again: the name is rebound, perhaps to another type unless a function may read it
      if (assignable.empty()) break;
      Variable& v = *assignable[below(assignable.size())];
      const std::string name = v.name;
      const Expression value = expression(chance(70) || !scope.functions.empty() ? v.type : scalar(), scope, depth, true);
      for (Variable& w : scope.variables)
        if (w.name == name && !w.is_outer) w = {name, value.type, value.is_constant};
      block.push_back({{name + " = $0"}, {value}, {}});
      return;
    }
    case 3: {
      const Expression value = expression(scalar(), scope, depth);
      const std::string a = fresh("v"), b = fresh("v");
      block.push_back({{a + " = " + b + " = $0"}, {value}, {}});
      declare(a, value);
      declare(b, value);
      return;
    }
    default:
      break;
  }
  const Expression value = expression(any(), scope, depth);
  const std::string name = fresh("v");
  const char* annotation = value.type.is_row() || chance(80) ? ""
                           : value.type.kind == Kind::I64    ? ": int"
                           : value.type.kind == Kind::F32    ? ": float"
                                                             : ": bool";
  block.push_back({{name + annotation + " = $0"}, {value}, {}});
  declare(name, value);
}

void Generator::branch(std::vector<Statement>& block, Scope& scope, int depth, Type result) {
  Statement statement{{}, {}, {}, kBranch};
  const std::size_t arms = 1 + below(3);
  if (chance(35)) {  // an early return
    const Expression condition = expression({Kind::Bool}, scope, depth, true), value = expression(result, scope, depth);
    block.push_back({{"if $0:"}, {condition}, {{Statement{{"return $0"}, {value}, {}}}}, kBranch | kEarlyReturn});
    return;
  }
  // Every arm assigns the same names with the same types; they may be old.
  std::vector<std::pair<std::string, Type>> targets;
  const std::size_t count = 1 + below(2);
  for (std::size_t i = 0; i < count; ++i) targets.push_back({fresh("v"), chance(85) ? scalar() : any()});
  std::vector<std::pair<std::string, Type>> old;
  for (const Variable& v : scope.variables)
    if (!v.is_outer && !v.type.is_row() && v.is_used) old.push_back({v.name, v.type});
  if (!old.empty() && chance(40)) targets.push_back(pick(old));
  for (std::size_t arm = 0; arm <= arms; ++arm) {
    if (arm < arms) {
      statement.heads.push_back((arm == 0 ? "if $" : "elif $") + std::to_string(arm) + ":");
      statement.expressions.push_back(expression({Kind::Bool}, scope, depth, true));
    } else {
      statement.heads.push_back("else:");
    }
    Scope inner = scope;
    for (Variable& v : inner.variables) v.is_outer = true;  // what one arm alone rebinds may have two types after it
    std::vector<Statement> lines;
    if (depth > 0 && chance(30)) assignment(lines, inner, depth - 1);
    for (const auto& [name, type] : targets) lines.push_back({{name + " = $0"}, {expression(type, inner, depth - 1)}, {}});
    statement.blocks.push_back(std::move(lines));
    for (std::size_t i = 0; i < scope.variables.size(); ++i) scope.variables[i].is_used |= inner.variables[i].is_used;
  }
  for (const auto& [name, type] : targets) {
    std::erase_if(scope.variables, [&](const Variable& v) { return v.name == name; });
    scope.variables.push_back({name, type, false});
  }
  block.push_back(std::move(statement));
}

void Generator::loop(std::vector<Statement>& block, Scope& scope, int depth) {
  const std::string i = fresh("i"), total = fresh("v");
  const Type type{chance(50) ? Kind::I64 : chance(70) ? Kind::F32 : Kind::Bool};
  const Expression start = expression(type, scope, depth - 1, true);
  block.push_back({{total + " = $0"}, {start}, {}});
  const std::string range =
      pick(std::vector<std::string>{"range(2)", "range(1, 4)", "range(5, 0, -2)", "range(3)", "range(LOOPS)", "range(m4.shape[1])"});
  Scope inner = scope;
  inner.variables.push_back({i, {Kind::I64}, true});
  inner.variables.push_back({total, type, false, true});
  const std::string op =
      type.kind == Kind::Bool ? pick(std::vector<std::string>{" ^ ", " | ", " & "}) : pick(std::vector<std::string>{" + ", " - ", " * "});
  std::vector<Statement> lines;
  Expression term = expression(type, inner, depth > 1 ? 1 : 0, true);
  const Expression counter{{Kind::I64}, i, {}, -1, kLoop, true};
  if (type.kind == Kind::Bool)
    term = {type, "($0 ^ ($1 > 1))", {std::move(term), counter}};
  else
    term = {type, "($0 * ($1 + 1))", {std::move(term), counter}};
  lines.push_back({{total + " = " + total + op + "$0"}, {std::move(term)}, {}});
  block.push_back({{"for " + i + " in " + range + ":"}, {}, {std::move(lines)}, kLoop});
  for (std::size_t k = 0; k < scope.variables.size(); ++k) scope.variables[k].is_used |= inner.variables[k].is_used;
  scope.variables.push_back({total, type, false});
}

void Generator::statement(std::vector<Statement>& block, Scope& scope, int depth, Type result) {
  const std::size_t choice = below(20);
  if (choice < 8 || depth <= 1)
    assignment(block, scope, depth);
  else if (choice < 11)
    branch(block, scope, depth, result);
  else if (choice < 13)
    loop(block, scope, depth);
  else
    function(block, scope, depth);
}

/// `result`, into which every variable from `first` on that nothing reads is mixed, so that no statement is dead.
Expression Generator::with_unused(Expression result, Scope& scope, std::size_t first) {
  for (std::size_t i = first; i < scope.variables.size(); ++i) {
    const Variable& v = scope.variables[i];
    if (v.is_used || v.is_outer) continue;
    const Expression read{v.type, v.name, {}, -1, 0, v.is_constant};
    std::string text = "$1";
    if (v.type.is_row()) text = "($1).sum()";
    const bool is_float = v.type.kind == Kind::F32 || v.type.kind == Kind::RowF32;
    if (result.type.kind == Kind::Bool)
      text = v.type.kind == Kind::Bool ? "($0 ^ $1)" : "($0 ^ (" + text + (is_float ? " < 0.5))" : " % 3 == 1))");
    else if (result.type.kind == Kind::I64)
      text = v.type.kind == Kind::Bool || !is_float ? "($0 + " + text + ")" : "($0 ^ int(" + text + "))";
    else if (v.type.kind == Kind::Bool)
      text = "($0 + $1)";
    else if (!is_float)
      text = "($0 + " + text + " % 1021)";
    else
      text = chance(70) ? "($0 + tanh(" + text + "))" : "($0 + where(isnan(" + text + "), 0.25, sigmoid(" + text + ")))";
    Expression mixed{{result.type.kind == Kind::RowI64 && is_float ? Kind::RowF32 : result.type.kind, result.type.length}, text, {}};
    if (result.type.is_row()) {
      if (result.type.kind == Kind::RowI64 && is_float) continue;
      mixed.text = v.type.is_row() ? "($0 + ($1).sum())" : "($0 + $1)";
    }
    mixed.children.push_back(std::move(result));
    mixed.children.push_back(read);
    result = std::move(mixed);
  }
  return result;
}

/// `value` in most columns, and in the others a few operations that take their turns over the whole table: each is used often enough
/// that way, and what one gives does not spoil the rest.
Expression Generator::with_each_cell(Expression value, Scope& scope) {
  for (std::size_t i = 0; i < kTurns; ++i) {
    const std::size_t number = (seed_ * kTurns + i) % table_.cells.size();
    const Type type{table_.cells[number].result, table_.cells[number].result > Kind::F32 ? Length::Four : Length::None};
    Expression operation = this->operation(type, scope, 1, number);
    const Type result{type.kind == Kind::I64 && value.type.kind == Kind::I64 ? Kind::I64 : Kind::F32};
    const char* observed = type.is_row()             ? "($1).sum() % 16777213"
                           : type.kind == Kind::Bool ? "where($1, 1.5, 2.5)"
                           : type.kind == Kind::I64  ? "$1 % 16777213"
                                                     : "$1";
    std::string text = "where(kv_ % " + std::to_string(kTurns + 4) + " == " + std::to_string(i) + ", " +
                       (type.kind == Kind::RowF32 ? "($1).sum()" : observed) + ", $0)";
    value = {result, std::move(text), {std::move(value), std::move(operation)}};
  }
  return value;
}

/// d_, a multiple of q_ - kv_ and more, and r_, which depends on it and on no position beside it; no statement rebinds them. The type of r_.
Type Generator::of_difference(std::vector<Statement>& block, const Scope& shared, Scope& scope) {
  block.push_back({{"d_ = " + pick(std::vector<std::string>{"q_ - kv_", "kv_ - q_", "3 * (q_ - kv_) + 2", "q_ * 2 - h_ - 2 * kv_", "abs(kv_ - q_)", "q_ + span - kv_"})}, {}, {}});
  Scope own = shared;
  for (const char* name : {"b_", "h_", "d_"}) own.variables.push_back({name, {Kind::I64}, false, true});
  const Type type = scalar();
  block.push_back({{"r_ = $0"}, {{type, "where(d_ < 5, $0, $1)", {expression(type, own, 2), expression(type, own, 2, true)}}}, {}});
  scope.variables.push_back({"d_", {Kind::I64}, false, true, true});
  scope.variables.push_back({"r_", type, false, true, true});
  return type;
}

std::vector<Statement> Generator::body(Scope& scope, std::size_t size, int depth, Type result) {
  std::vector<Statement> block;
  const std::size_t first = scope.variables.size();
  for (std::size_t i = 0; i < size; ++i) statement(block, scope, depth, result);
  Expression value = expression(result, scope, depth, true);
  // A name that was read and then rebound, or read in an arm alone, still counts as used: few statements stay dead.
  value = with_unused(std::move(value), scope, first);
  block.push_back({{"return $0"}, {std::move(value)}, {}});
  return block;
}

Program Generator::program() {
  Program program;
  for (const CaptureSpec& capture : captures()) program.declarations.push_back(declaration_of(capture));
  for (const char* line : {"param window: i32 = 7", "param span: i64", "param count: i32", "param gain: f32 = 0.75", "param bias: f32",
                           "param flag: bool = True", "param switch: bool", "const LOOPS = 1 + 2"})
    program.declarations.push_back(line);
  std::vector<Statement>& top = program.statements;
  Scope shared;
  if (chance(35)) factory(top, shared);
  if (chance(25)) {
    const std::string name = fresh("K");
    top.push_back({{(chance(50) ? "const " : "") + name + " = " +
                    pick(std::vector<std::string>{"3 * 7 - 1", "2 ** 5", "7 // 2", "-5 % 3", "1 << 4", "17 & 12"})},
                   {},
                   {},
                   kConst});
    shared.variables.push_back({name, {Kind::I64}, true, true, true});
  }
  const auto coordinates = [&](Scope& scope) {
    for (const char* name : {"b_", "h_", "q_", "kv_"}) scope.variables.push_back({name, {Kind::I64}, false, true});
  };
  // Most mods are small: what many operations hide, few show.
  const auto size = [&] { return chance(50) ? below(2) : 1 + below(4); };
  const auto depth = [&] { return 2 + static_cast<int>(below(2)); };

  {
    Scope scope = shared;
    scope.variables.push_back({"s_", {Kind::F32}, false, true});
    coordinates(scope);
    std::vector<Statement> block;
    const bool is_affine = chance(15), has_difference = !is_affine && chance(40), is_sum = has_difference && chance(30);
    std::vector<Statement> before;
    const Type of_r = has_difference ? of_difference(before, shared, scope) : Type{};
    if (is_sum) {  // which a kernel computes by one fused operation
      block.push_back({{"return " + pick(std::vector<std::string>{"s_ + r_ * 0.5", "r_ * 2.5 + s_", "s_ - 0.75 * r_"})}, {}, {}});
    } else if (is_affine) {
      block.push_back({{"return $0"}, {affine(scope, 1 + static_cast<int>(below(4)))}, {}});
    } else if (chance(30)) {  // an integer below 2^24, which f32 holds: all 64 bits count, by their remainder
      block = body(scope, size(), depth(), {Kind::I64});
      Expression& value = block.back().expressions[0];
      value = {{Kind::I64}, "$0 % 16777213", {std::move(value)}};
    } else {
      block = body(scope, size(), depth(), {Kind::F32});
    }
    if (has_difference && !is_sum) {
      Expression& value = block.back().expressions[0];
      const bool is_float = of_r.kind == Kind::F32;
      const Type type{value.type.kind == Kind::I64 && !is_float ? Kind::I64 : Kind::F32};
      value = {type, of_r.kind == Kind::I64 ? "($0 + r_ % 1021)" : "($0 + r_)", {std::move(value)}};
    }
    if (!is_affine && !is_sum) {
      // Only names that no statement rebinds.
      Scope plain = shared;
      plain.variables.push_back({"s_", {Kind::F32}, false, true});
      coordinates(plain);
      std::erase_if(plain.variables, [&](const Variable& v) {
        return std::none_of(scope.variables.begin(), scope.variables.end(), [&](const Variable& w) { return w.name == v.name && w.type == v.type; });
      });
      Expression& value = block.back().expressions[0];
      value = with_each_cell(std::move(value), plain);
    }
    block.insert(block.begin(), std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
    top.push_back(definition("def score_mod(s_, b_, h_, q_, kv_):", {}, std::move(block)));
  }
  if (chance(20)) {
    std::string composed;
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) {
      Scope scope = shared;
      coordinates(scope);
      const std::string name = fresh("mask");
      top.push_back(definition("def " + name + "(b_, h_, q_, kv_):", {}, body(scope, below(2), 2, {Kind::Bool})));
      composed += (i > 0 ? ", " : "") + name;
    }
    if (chance(30)) composed += ", lambda b, h, q, k: q >= k";
    top.push_back({{"mask_mod = " + std::string(chance(50) ? "and_masks(" : "or_masks(") + composed + ")"}, {}, {}, kComposed});
  } else {
    Scope scope = shared;
    coordinates(scope);
    top.push_back(definition("def mask_mod(b_, h_, q_, kv_):", {}, body(scope, size(), depth(), {Kind::Bool})));
  }
  return program;
}

}  // namespace random_mods
