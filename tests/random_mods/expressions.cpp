// The generator's expressions: operations of the table, leaves, gathers, calls and the other spellings.
#include <algorithm>
#include <cctype>

#include "tests/random_mods/generator.h"

namespace random_mods {
namespace {

std::string length_text(const Type& type) { return type.length == Length::Four ? "4" : "d"; }

bool is_call(const std::string& text) { return std::isalpha(static_cast<unsigned char>(text[0])) && text.back() == ')'; }

/// Names that may be called with a module before them.
bool is_torch(const std::string& name) {
  static const std::vector<std::string> names = {"where", "minimum", "maximum",     "clamp",       "abs",        "sign",       "square",  "floor",
                                                 "ceil",  "round",   "exp",         "exp2",        "expm1",      "log",        "log2",    "log1p",
                                                 "sqrt",  "rsqrt",   "sin",         "cos",         "tan",        "tanh",       "sigmoid", "erf",
                                                 "isnan", "isinf",   "logical_not", "logical_and", "logical_or", "logical_xor"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Rows are only seen through them.
constexpr unsigned kReductionWeight = 40;

/// Cells that the program of a seed draws more often, and how much: every cell has its turn.
constexpr std::size_t kPreferredCells = 10;
constexpr unsigned kPreference = 200;

/// Programs with few of the slow ones compile sooner: their expansions are long.
unsigned weight_of(const std::string& spelling, Column column) {
  static const std::vector<std::string> slow = {"a ** b", "pow(a, b)", "a ** -1", "sin(a)", "cos(a)", "tan(a)", "gelu(a)", "a % b", "a // b"};
  const bool is_reduction = spelling == "dot(a, b)" || spelling == "sum(a)" || spelling == "min(a)" || spelling == "max(a)";
  if (is_reduction) return column == Column::RowF32 ? 2 * kReductionWeight : kReductionWeight;
  return std::find(slow.begin(), slow.end(), spelling) != slow.end() && column != Column::I64 ? 1 : 4;
}

}  // namespace

bool Generator::is_preferred(std::size_t cell) const { return (cell + kPreferredCells * seed_) % table_.cells.size() < kPreferredCells; }

bool Generator::prefers(Kind result) const {
  for (std::size_t i = 0; i < table_.cells.size(); ++i)
    if (table_.cells[i].result == result && is_preferred(i)) return true;
  return false;
}

Type Generator::any() {
  // Rows are wanted by the cells that give them.
  for (std::size_t i = 0; i < table_.cells.size(); ++i)
    if (is_preferred(i) && table_.cells[i].result > Kind::F32 && chance(40))
      return {table_.cells[i].result, chance(50) ? Length::Four : Length::Fresh};
  if (!chance(25)) return scalar();
  return {chance(35) ? Kind::RowI64 : Kind::RowF32, chance(50) ? Length::Four : Length::Fresh};
}

Expression Generator::literal(Kind kind) {
  static const std::vector<std::string> integers = {"0",
                                                    "1",
                                                    "2",
                                                    "3",
                                                    "5",
                                                    "7",
                                                    "16",
                                                    "63",
                                                    "64",
                                                    "255",
                                                    "1000003",
                                                    "0x7fff",
                                                    "0b1011",
                                                    "1_000",
                                                    "(-1)",
                                                    "(-2)",
                                                    "(-7)",
                                                    "2147483648",
                                                    "(-2147483649)",
                                                    "9007199254740993",
                                                    "9223372036854775807",
                                                    "(-9223372036854775808)"};
  static const std::vector<std::string> reals = {"0.0",     "1.0",        "0.5",    "1.5",   "(-2.25)", "3.0", "0.1",    "1e-3", "10.0",
                                                 "1e5",     "16777217.0", "(-0.0)", "1e-40", "3e38",    "inf", "(-inf)", "nan",  "float(\"-inf\")",
                                                 "math.pi", "math.inf"};
  if (kind == Kind::Bool) return {{kind}, chance(50) ? "True" : "False", {}, -1, 0, true};
  if (kind == Kind::I64) return {{kind}, integers[chance(75) ? below(10) : below(integers.size())], {}, -1, 0, true};
  return {{kind}, reals[chance(80) ? below(9) : below(reals.size())], {}, -1, 0, true};
}

Expression Generator::leaf(Type type, Scope& scope, bool run_time) {
  std::vector<Variable*> candidates;
  for (std::size_t i = scope.variables.size(); i-- > 0;) {
    Variable& v = scope.variables[i];
    const bool hidden = std::any_of(scope.variables.begin() + static_cast<std::ptrdiff_t>(i) + 1, scope.variables.end(),
                                    [&](const Variable& w) { return w.name == v.name; });
    if (!hidden && v.type == type && !(run_time && v.is_constant)) candidates.push_back(&v);
  }
  if (type.is_row()) {
    if (!candidates.empty() && chance(40)) {
      Variable& v = *candidates[below(candidates.size())];
      v.is_used = true;
      return {type, v.name, {}, -1, kRow};
    }
    return *gather(type, scope, 0);
  }
  if (!run_time && chance(18)) return literal(type.kind);
  if (!candidates.empty() && chance(75)) {
    // Those that nothing reads yet come first.
    std::stable_partition(candidates.begin(), candidates.end(), [](const Variable* v) { return !v->is_used; });
    Variable& v = *candidates[chance(40) ? 0 : below(candidates.size())];
    v.is_used = true;
    return {type, v.name, {}, -1, 0, v.is_constant};
  }
  const auto named = [&](const char* name, unsigned features) { return Expression{type, name, {}, -1, features}; };
  if (type.kind == Kind::Bool) {
    if (chance(40)) return named(chance(50) ? "flag" : "switch", kParam);
    if (chance(50)) return *gather(type, scope, 0);
    return {type,
            "($0 " + pick(std::vector<std::string>{"<", ">=", "==", "!="}) + " $1)",
            {leaf({Kind::I64}, scope, true), leaf({Kind::I64}, scope, false)}};
  }
  if (type.kind == Kind::I64) {
    if (chance(35)) return named(pick(std::vector<const char*>{"window", "span", "count"}), kParam);
    if (chance(50)) return named(pick(std::vector<const char*>{"B", "H", "HKV", "Q", "KV"}), kSymbol);
    if (chance(30)) return named(pick(std::vector<const char*>{"ti.shape[0]", "m4.shape[0]", "rd.shape[1]", "rd.shape[-1]"}), kShape);
    return *gather(type, scope, 0);
  }
  if (chance(30)) return named(chance(50) ? "gain" : "bias", kParam);
  return *gather(type, scope, 0);
}

Expression Generator::index(Scope& scope, int depth) {
  Expression i = expression({Kind::I64}, scope, depth > 0 ? depth - 1 : 0);
  if (depth > 0 && chance(50)) {
    i = {{Kind::I64}, "($0 % " + pick(std::vector<std::string>{"3", "4", "9", "13", "-5"}) + ")", {std::move(i)}, -1, 0, false};
    i.is_constant = i.children[0].is_constant;
  }
  if (chance(8)) return {{Kind::Bool}, "$0", {expression({Kind::Bool}, scope, 0)}};
  return i;
}

std::optional<Expression> Generator::gather(Type type, Scope& scope, int depth) {
  std::vector<const CaptureSpec*> fitting;
  for (const CaptureSpec& capture : captures()) {
    const std::string dtype = capture.dtype;
    const Kind element = dtype == "bool" ? Kind::Bool : dtype[0] == 'f' || dtype[0] == 'b' ? Kind::F32 : Kind::I64;
    if (type.is_row()) {
      const bool ends_so = !capture.dims.empty() && capture.dims.back() == length_text(type);
      if (ends_so && capture.dims.size() > 1 && (type.kind == Kind::RowF32) == (element == Kind::F32) && element != Kind::Bool)
        fitting.push_back(&capture);
    } else if (element == type.kind) {
      fitting.push_back(&capture);
    }
  }
  if (fitting.empty()) return std::nullopt;
  const CaptureSpec& capture = **std::next(fitting.begin(), static_cast<std::ptrdiff_t>(below(fitting.size())));
  const std::size_t count = capture.dims.size() - (type.is_row() ? 1 : 0);
  Expression e{type, capture.name, {}, -1, kGather | (type.is_row() ? unsigned{kRow} : 0u)};
  if (count == 0) {
    e.text += type.is_row() ? "" : "[()]";
    if (capture.dims.empty()) e.text = capture.name;
    return e;
  }
  const bool split = chance(25);
  e.text += "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) e.text += split ? "][" : ", ";
    e.text += "$" + std::to_string(i);
    e.children.push_back(index(scope, depth));
  }
  e.text += "]";
  return e;
}

std::vector<Type> Generator::operand_types(Column column, std::size_t count, Length length) {
  const auto mixed = [&](Kind x, Kind y) {
    std::vector<Type> types;
    do {
      types.clear();
      for (std::size_t i = 0; i < count; ++i) types.push_back({chance(50) ? x : y});
    } while (count > 1 && std::all_of(types.begin(), types.end(), [&](const Type& t) { return t == types[0]; }));
    return types;
  };
  switch (column) {
    case Column::Bool:
      return std::vector<Type>(count, {Kind::Bool});
    case Column::I64:
      return std::vector<Type>(count, {Kind::I64});
    case Column::F32:
      return std::vector<Type>(count, {Kind::F32});
    case Column::BoolI64:
      return mixed(Kind::Bool, Kind::I64);
    case Column::BoolF32:
      return mixed(Kind::Bool, Kind::F32);
    case Column::I64F32:
      return mixed(Kind::I64, Kind::F32);
    case Column::RowI64:
    case Column::RowF32:
      break;
  }
  const Type ints{Kind::RowI64, length}, reals{Kind::RowF32, length};
  std::vector<Type> types(count, column == Column::RowF32 ? reals : ints);
  for (std::size_t i = 1; i < count; ++i) {
    if (chance(50)) continue;
    types[i] = chance(50) ? (column == Column::RowF32 ? (chance(50) ? ints : reals) : ints)
                          : Type{column == Column::RowF32 && chance(60) ? Kind::F32 : Kind::I64};
  }
  if (column == Column::RowF32 && count > 1 && chance(25)) {  // the row of integers, what meets it a float
    types[0] = ints;
    types[1] = {Kind::F32};
  }
  if (count > 1 && chance(50)) std::swap(types[0], types[1]);
  return types;
}

Expression Generator::operation(Type type, Scope& scope, int depth, std::optional<std::size_t> wanted) {
  std::vector<std::pair<std::size_t, std::uint64_t>> candidates;
  std::uint64_t total = 0;
  const bool only_preferred = chance(75) && prefers(type.kind);
  for (std::size_t i = 0; i < table_.cells.size(); ++i) {
    const Cell& cell = table_.cells[i];
    if (cell.result != type.kind || (only_preferred && !is_preferred(i))) continue;
    total += is_preferred(i) ? kPreference : weight_of(table_.spellings[cell.row], cell.column);
    candidates.push_back({i, total});
  }
  const std::uint64_t draw = random_() % total;
  const std::size_t number =
      wanted ? *wanted : std::find_if(candidates.begin(), candidates.end(), [&](const auto& c) { return draw < c.second; })->first;
  const Cell& cell = table_.cells[number];
  const std::string& spelling = table_.spellings[cell.row];

  std::size_t count = 0;
  std::string text = placeholders(spelling, count);
  const bool is_select = spelling == "a if c else b" || spelling == "where(c, a, b)";
  const bool is_reduction =
      type.kind != Kind::RowI64 && type.kind != Kind::RowF32 && (cell.column == Column::RowI64 || cell.column == Column::RowF32);
  const Length length = type.is_row() ? type.length : chance(50) ? Length::Four : Length::Fresh;
  std::vector<Type> types = operand_types(cell.column, is_select ? 2 : count, length);
  if (is_reduction && spelling.starts_with("dot"))
    for (Type& t : types)
      t = {cell.column == Column::RowF32 && (t.kind == Kind::F32 || t.kind == Kind::RowF32) ? Kind::RowF32 : Kind::RowI64, length};
  if (is_reduction && cell.column == Column::RowF32 && std::none_of(types.begin(), types.end(), [](const Type& t) { return t.kind == Kind::RowF32; }))
    types[0] = {Kind::RowF32, length};
  if (is_select) types.push_back({Kind::Bool});

  // What is a compile-time value throughout is computed by the front end: at least one operand is none. Of a power's exponent, the
  // type depends on it; of a choice, the condition decides.
  const bool is_power = spelling == "a ** b" || spelling == "pow(a, b)";
  const std::size_t surely = is_select ? 2 : below(count);
  Expression e{type, "", {}, static_cast<int>(number), is_reduction || type.is_row() ? unsigned{kRow} : 0u};
  for (std::size_t i = 0; i < types.size(); ++i) e.children.push_back(expression(types[i], scope, depth - 1, i == surely || is_power || count == 1));

  if (spelling == "a ** 3") text = "$0 ** " + std::to_string(chance(60) ? 3 : below(6));
  if (spelling == "a ** -1" && chance(30)) text = "$0 ** -2";
  if (spelling == "silu(a)" || spelling == "relu(a)" || spelling == "gelu(a)" || spelling == "softplus(a)") text = "F." + text;
  if (spelling == "t[a]") {
    text = std::string(pick(std::vector<const char*>{"tf", "th", "tb"})) + "[$0]";
    e.features |= kGather;
  }
  if (is_call(text) && text[0] != 'F') {
    const std::string name = text.substr(0, text.find('('));
    if (is_torch(name) && chance(10)) {
      text = "torch." + text;
    } else if (is_torch(name) && name != "where" && types[0].kind != Kind::Bool && chance(10)) {
      // A method of a literal would read as a number.
      text = "($0)." + name + "(" + (count == 1 ? "" : count == 2 ? "$1" : "$1, $2") + ")";
      e.features |= kMethod;
    } else if (name == "clamp" && chance(20)) {
      text = "clamp($0, min=$1, max=$2)";
    } else if ((name == "sum" || name == "min" || name == "max") && count == 1 && chance(30)) {
      text = "($0)." + name + "(" + (name == "sum" ? "-1" : "") + ")";
      e.features |= kMethod;
    }
    e.text = text;
  } else {
    e.text = text[0] == 't' && spelling == "t[a]" ? text : "(" + text + ")";
  }
  return e;
}

std::optional<Expression> Generator::call(Type type, Scope& scope, int depth) {
  std::vector<const Function*> fitting;
  for (const Function& f : scope.functions)
    if (f.result == type) fitting.push_back(&f);
  if (fitting.empty()) return std::nullopt;
  const Function f = *fitting[below(fitting.size())];
  Expression e{type, f.name + "(", {}, -1, f.features};
  const std::size_t given = f.required + below(f.parameters.size() - f.required + 1);
  bool keyword = false;
  for (std::size_t i = 0; i < given; ++i) {
    keyword = keyword || (chance(15) && !f.parameters[i].first.empty());
    e.text += (i > 0 ? ", " : "") + (keyword ? f.parameters[i].first + "=" : std::string()) + "$" + std::to_string(i);
    e.children.push_back(expression(f.parameters[i].second, scope, depth - 1, true));
  }
  e.text += ")";
  return e;
}

Expression Generator::expression(Type type, Scope& scope, int depth, bool run_time) {
  if (depth <= 0) return leaf(type, scope, run_time);
  const Type row{type.kind == Kind::F32 ? Kind::RowF32 : Kind::RowI64, chance(50) ? Length::Four : Length::Fresh};
  if ((type.kind == Kind::F32 || type.kind == Kind::I64) && chance(15) && prefers(row.kind))
    return {type, "sum($0)", {expression(row, scope, depth)}, -1, kRow};
  const std::size_t choice = below(100);
  std::optional<Expression> e;
  if (choice < 8) return leaf(type, scope, run_time);
  if (choice < 16)
    e = gather(type, scope, depth);
  else if (choice < 28)
    e = call(type, scope, depth);
  else if (choice < 36)
    e = special(type, scope, depth);
  if (e) return std::move(*e);
  return operation(type, scope, depth);
}

}  // namespace random_mods
