// The generator's functions: def, lambda, partial, functions as arguments, factories.
#include <algorithm>

#include "tests/random_mods/generator.h"

namespace random_mods {

Statement Generator::definition(const std::string& head, std::vector<Expression> defaults, std::vector<Statement> block) {
  return {{head}, std::move(defaults), {std::move(block)}};
}

/// A function within a mod: def, lambda, or partial of one that exists.
void Generator::function(std::vector<Statement>& block, Scope& scope, int depth) {
  const std::string name = fresh("f");
  const Type result = chance(85) ? scalar() : any();
  const bool is_endomorphism = !result.is_row() && chance(30);  // may be applied twice
  Scope inner = scope;
  for (Variable& v : inner.variables) v.is_outer = true;
  Function f{name, {}, 0, result, kClosure};
  std::string parameters;
  std::vector<Expression> defaults;
  const std::size_t count = is_endomorphism ? 1 : 1 + below(3);
  for (std::size_t i = 0; i < count; ++i) {
    // A parameter may hide a name of the enclosing function, a capture or a built-in.
    const bool hides = !is_endomorphism && chance(20);
    const std::vector<std::string> hidden = {"tf", "min", "where", "H", "gain", "score", "exp", "d"};
    std::string parameter = hides ? pick(hidden) : fresh("p");
    if (std::any_of(f.parameters.begin(), f.parameters.end(), [&](const auto& p) { return p.first == parameter; })) parameter = fresh("p");
    if (hides) f.features |= kShadow;
    const Type type = is_endomorphism ? result : chance(90) ? scalar() : any();
    parameters += (i > 0 ? ", " : "") + parameter;
    const bool has_default = i > 0 && !type.is_row() && (i + 1 == count || !defaults.empty()) && chance(50);
    if (has_default || !defaults.empty()) {
      if (type.is_row()) return;
      parameters += "=$" + std::to_string(defaults.size());
      defaults.push_back(literal(type.kind));
    } else {
      ++f.required;
    }
    f.parameters.push_back({parameter, type});
    // A hidden capture, built-in or param must not be generated inside: such names are only passed through.
    inner.variables.push_back({parameter, type, has_default || !defaults.empty()});
  }
  const bool hides_any = (f.features & kShadow) != 0;
  if (hides_any) {  // the body reads its parameters only, so that no hidden name is meant
    Expression value = literal(result.kind == Kind::RowI64 || result.kind == Kind::RowF32 ? Kind::I64 : result.kind);
    if (result.is_row()) return;
    f.features |= kLambda;
    std::string text = "$0";
    for (const auto& [parameter, type] : f.parameters) {
      if (type.is_row()) return;
      if (result.kind == Kind::Bool)
        text = "(" + text + " ^ (" + parameter + (type.kind == Kind::Bool ? " == True))" : " > 0))");
      else if (result.kind == Kind::F32)
        text = "(" + text + " + " + parameter + ")";
      else
        // A float may come from a default, and the compile-time integer of 3e38 would not fit in 64 bits.
        text = "(" + text + " + int(" + parameter + (type.kind == Kind::F32 ? " > 0))" : "))");
    }
    block.push_back({{name + " = lambda " + parameters + ": " + text}, {}, {}, 0});
    // The defaults come first among the expressions.
    std::string& head = block.back().heads[0];
    for (std::size_t at = head.find(": "); at < head.size(); ++at)
      if (head[at] == '$') head[at + 1] = static_cast<char>('0' + defaults.size());
    block.back().expressions = defaults;
    block.back().expressions.push_back(value);
  } else if (chance(35)) {
    Expression value = expression(result, inner, depth > 1 ? 2 : 1, true);
    f.features |= kLambda;
    defaults.push_back(std::move(value));
    block.push_back({{name + " = lambda " + parameters + ": $" + std::to_string(defaults.size() - 1)}, std::move(defaults), {}, 0});
  } else {
    std::vector<Statement> lines = body(inner, 1 + below(2), depth > 1 ? 2 : 1, result);
    block.push_back(definition("def " + name + "(" + parameters + "):", std::move(defaults), std::move(lines)));
  }
  for (std::size_t k = 0; k < scope.variables.size(); ++k) scope.variables[k].is_used |= inner.variables[k].is_used;
  scope.functions.push_back(f);
  // What nothing calls is never compiled.
  const auto use = [&] {
    if (scope.functions.back().result.is_row() || !chance(85)) return;
    Scope last = scope;
    last.functions = {scope.functions.back()};
    Expression value = *call(last.functions[0].result, last, depth > 1 ? 2 : 1);
    const std::string v = fresh("v");
    block.push_back({{v + " = $0"}, {std::move(value)}, {}});
    for (std::size_t k = 0; k < scope.variables.size(); ++k) scope.variables[k].is_used |= last.variables[k].is_used;
    scope.variables.push_back({v, last.functions[0].result, false});
  };
  if (f.required > 1 && chance(60)) {
    const std::string partial = fresh("g");
    const Expression first = expression(f.parameters[0].second, scope, 1, true);
    block.push_back({{partial + " = functools.partial(" + name + ", $0)"}, {first}, {}, 0});
    Function g = f;
    g.name = partial;
    g.parameters.erase(g.parameters.begin());
    --g.required;
    g.features |= kPartial;
    scope.functions.push_back(g);
  } else if (is_endomorphism && chance(60)) {
    // Passed to a function that calls it twice.
    const std::string twice = fresh("f"), parameter = fresh("p");
    block.push_back({{"def " + twice + "(fn, " + parameter + "):"}, {}, {{Statement{{"return fn(fn(" + parameter + "))"}, {}, {}}}}});
    const std::string bound = fresh("g");
    block.push_back({{bound + " = lambda x: " + twice + "(" + name + ", x)"}, {}, {}, 0});
    Function g = f;
    g.name = bound;
    g.parameters = {{"x", f.parameters[0].second}};
    g.features |= kFunctionArgument;
    scope.functions.push_back(g);
  }
  use();
}

/// The usual factory around a mod, at top level: def make(w): def inner(x): …; return inner.
void Generator::factory(std::vector<Statement>& top, Scope& scope) {
  const std::string make = fresh("make"), made = fresh("made"), w = fresh("w"), x = fresh("p");
  const Type type = scalar(), result = scalar();
  Scope inner;
  inner.variables.push_back({w, {Kind::I64}, true, false, true});
  inner.variables.push_back({x, type, false});
  std::vector<Statement> lines = body(inner, below(2), 2, result);
  std::vector<Statement> outer = {definition("def inner(" + x + "):", {}, std::move(lines)), Statement{{"return inner"}, {}, {}}};
  top.push_back(definition("def " + make + "(" + w + ": int = 5):", {}, std::move(outer)));
  top.push_back(
      {{made + " = " + make + "(" + (chance(30) ? "" : "$0") + ")"}, {Expression{{Kind::I64}, std::to_string(below(40)), {}, -1, 0, true}}, {}});
  scope.functions.push_back({made, {{x, type}}, 1, result, kClosure | kFactory});
}

}  // namespace random_mods
