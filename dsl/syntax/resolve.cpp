#include "dsl/syntax/resolve.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/bindings.h"
#include "dsl/syntax/names.h"

namespace flexc::dsl {
namespace {

constexpr std::string_view kScoreMod = "score_mod", kMaskMod = "mask_mod";
constexpr std::size_t kScoreParameters = 5, kMaskParameters = 4;

bool is_mod(std::string_view name) { return name == kScoreMod || name == kMaskMod; }

/// Whether an import brings a name that means something here: torch, math, functools, torch.nn.functional under any name, and
/// what is built in under its own name.
bool is_known_import(const Import& import) {
  const std::string full = import.name.empty() ? import.module : fmt::format("{}.{}", import.module, import.name);
  if (full == "torch.nn.functional" || full == "torch.nn") return true;
  if (import.name.empty()) return import.alias == import.module && (full == "torch" || full == "math" || full == "functools");
  return import.alias == import.name && is_builtin(import.name) && !is_problem_symbol(import.name);
}

/// Python's own functions, which only host code has a use for.
bool is_host_function(std::string_view name) {
  constexpr std::array kNames = {"all",  "any", "dict", "enumerate", "filter", "getattr", "hasattr", "input", "isinstance", "len",  "list", "map",
                                 "open", "print", "repr", "reversed", "set",   "sorted",  "str",     "super", "tuple",      "type", "zip"};
  return std::ranges::find(kNames, name) != kNames.end();
}

class Resolver {
 public:
  Resolver(Program& program, Diagnostics& diagnostics) : program_(program), diagnostics_(diagnostics) {}

  void run() {
    for (const Import& import : program_.imports) imports_.insert_or_assign(import.alias, &import);
    for (const Stmt* stmt : program_.top_level) collect_global(*stmt);
    for (Stmt* stmt : program_.top_level) top_level_statement(*stmt);
    if (!program_.bare_expressions) check_mods();
  }

 private:
  struct Scope {
    std::unordered_set<std::string_view> names;
  };
  struct Global {
    Span span;
    const Function* function = nullptr;
    bool used = false;
    bool quiet = false;  // out of a syntax error
  };

  void report(std::string_view code, Span span, std::string message, std::vector<Note> notes = {}) {
    diagnostics_.add({Severity::Error, code, span, std::move(message), std::move(notes)});
  }

  // ---- the top level

  void define_global(std::string_view name, Span span, const Function* function, bool declaration) {
    if (declaration && !(function == nullptr && is_mod(name) && !declared_by_keyword_)) check_not_taken(name, span);
    const auto [found, fresh] = globals_.try_emplace(name, Global{span, function, false, false});
    if (fresh) return;
    if (found->second.quiet) {
      found->second = {span, function, found->second.used, false};
      return;
    }
    report(codes::duplicate_declaration, span, fmt::format("'{}' is defined twice at the top level", name), {{found->second.span, "the first definition is here"}});
  }

  void check_not_taken(std::string_view name, Span span) {
    if (is_problem_symbol(name))
      report(codes::name_taken, span, fmt::format("'{}' is a symbol of the problem (B H HKV Q KV); choose another name", name));
    else if (is_builtin(name) && !is_module(name))  // `F = 8` only hides a module
      report(codes::name_taken, span, fmt::format("'{}' is built in; choose another name", name));
    else if (is_mod(name))
      report(codes::name_taken, span, fmt::format("'{}' is the name of a function; choose another name", name));
  }

  void collect_target(const Expr& target) {
    if (target.kind == ExprKind::Name) define_global(target.text, target.span, nullptr, true);
    for (const Expr* item : target.items)
      if (target.kind == ExprKind::Tuple) collect_target(*item);
  }

  void collect_quiet(std::span<const std::string_view> names, Span span) {
    for (std::string_view name : names) globals_.try_emplace(name, Global{span, nullptr, true, true});
  }

  void collect_global(const Stmt& stmt) {
    declared_by_keyword_ = false;
    switch (stmt.kind) {
      case StmtKind::TensorDecl: case StmtKind::ParamDecl: case StmtKind::ConstDecl:
        declared_by_keyword_ = true;
        define_global(stmt.name, stmt.name_span, nullptr, true);
        for (const DimSyntax& dim : stmt.dims)
          if (!dim.name.empty()) dims_.insert(dim.name);
        break;
      case StmtKind::Assign:
        for (const Expr* target : stmt.targets) collect_target(*target);
        break;
      case StmtKind::Def: define_global(stmt.name, stmt.name_span, stmt.function, false); break;
      case StmtKind::If: case StmtKind::For: {  // reported below; what they bind is not missed
        Bindings bindings;
        collect_bindings(stmt, bindings);
        collect_quiet(bindings.names, stmt.span);
        collect_quiet(bindings.uncertain, stmt.span);
        break;
      }
      case StmtKind::AugAssign: break;
      default: collect_quiet(stmt.error_bindings, stmt.span);
    }
  }

  void top_level_statement(Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::If: misplaced(stmt.span, "'if' stands within functions only; at the top level, choose with a conditional expression"); break;
      case StmtKind::For: misplaced(stmt.span, "'for' stands within functions only"); break;
      case StmtKind::AugAssign: misplaced(stmt.span, "names at the top level are constants, and cannot be changed"); break;
      case StmtKind::Return: misplaced(stmt.span, "'return' outside of a function"); break;
      default: break;
    }
    statement(stmt);
  }

  void misplaced(Span span, std::string_view message) { report(codes::misplaced_statement, span, std::string(message)); }

  void check_mods() {
    const bool syntax_errors = diagnostics_.has_errors();
    for (std::string_view mod : {kScoreMod, kMaskMod}) {
      const auto found = globals_.find(mod);
      if (found != globals_.end()) {
        if (found->second.function != nullptr) check_mod_parameters(mod, *found->second.function);
        continue;
      }
      // A function that nobody calls and whose name is nearly a mod's is hardly there for nothing.
      std::vector<std::string_view> unused;
      for (const auto& [name, global] : globals_)
        if (!global.used && !global.quiet && !is_mod(name)) unused.push_back(name);
      const std::string_view near = nearest_name(mod, unused);
      if (!near.empty()) {
        warn(globals_.at(near).span, fmt::format("'{}' is not used, and there is no '{}'; did you mean '{}'?", near, mod, mod));
        warned_ = true;
      }
    }
    if (!globals_.contains(kScoreMod) && !globals_.contains(kMaskMod) && !warned_ && !syntax_errors) warn_of_no_mod();
  }

  /// A single function that nobody calls, with a mod's parameters by number, is probably meant to be that mod.
  void warn_of_no_mod() {
    std::string message = "neither score_mod nor mask_mod is defined: this is plain attention";
    std::vector<const Function*> unused;
    for (const auto& [name, global] : globals_)
      if (global.function != nullptr && !global.used) unused.push_back(global.function);
    if (unused.size() == 1) {
      const std::size_t count = unused.front()->parameters.size();
      if (count == kMaskParameters || count == kScoreParameters)
        message += fmt::format("; to use '{}', call it {}", unused.front()->name, count == kMaskParameters ? kMaskMod : kScoreMod);
    }
    warn({0, 0, 0}, std::move(message));
  }

  void warn(Span span, std::string message) { diagnostics_.add({Severity::Warning, codes::no_mod, span, std::move(message), {}}); }

  void check_mod_parameters(std::string_view mod, const Function& function) {
    const bool score = mod == kScoreMod;
    const std::size_t expected = score ? kScoreParameters : kMaskParameters;
    const std::string_view list = score ? "(score, b, h, q_idx, kv_idx)" : "(b, h, q_idx, kv_idx)";
    const auto keyword_only = std::ranges::find(function.parameters, true, &Parameter::keyword_only);
    if (function.parameters.size() != expected)
      report(codes::mod_parameters, function.name_span,
             fmt::format("{} takes {} parameters {}, found {}", mod, expected, list, function.parameters.size()));
    else if (keyword_only != function.parameters.end())
      report(codes::mod_parameters, keyword_only->span, fmt::format("the parameters of {} are positional: {}", mod, list));
  }

  // ---- functions and statements

  /// Fills Function::locals and resolves what is inside. Recursion is as deep as the nesting, which the parser bounds.
  void function(Function& f) {
    const std::size_t errors = error_statements_;
    for (const Parameter& parameter : f.parameters)
      if (parameter.default_value != nullptr) expression(*parameter.default_value);  // belongs to the enclosing scope
    Scope& scope = scopes_.emplace_back();
    for (const Parameter& parameter : f.parameters) {
      if (!scope.names.insert(parameter.name).second)
        report(codes::duplicate_parameter, parameter.span, fmt::format("parameter '{}' appears twice", parameter.name));
      else
        f.locals.push_back(parameter.name);
    }
    Bindings bindings;
    for (const Stmt* stmt : f.body) collect_bindings(*stmt, bindings);
    for (std::string_view name : bindings.names)
      if (scope.names.insert(name).second) f.locals.push_back(name);
    for (std::string_view name : bindings.uncertain) scope.names.insert(name);
    for (const Stmt* stmt : bindings.augmented) check_augmented(*stmt);
    if (f.expression != nullptr) expression(*f.expression);
    for (Stmt* stmt : f.body) statement(*stmt);
    if (f.expression == nullptr && !bindings.returns && error_statements_ == errors)
      report(codes::missing_return, f.name_span, fmt::format("'{}' does not return a value on every path: a 'return' is missing", f.name));
    scopes_.pop_back();
  }

  /// `x += 1` where nothing else in the function binds x.
  void check_augmented(const Stmt& stmt) {
    const Expr& target = *stmt.targets[0];
    if (target.kind != ExprKind::Name || scopes_.back().names.contains(target.text)) return;
    if (!visible(target.text, scopes_.size() - 1)) return;  // undefined: reported as such
    report(codes::outer_assignment, target.span,
           fmt::format("'{}' belongs to an enclosing scope, and a function cannot change it; assign to a new name instead", target.text));
  }

  void statements(std::vector<Stmt*>& body) {
    for (Stmt* stmt : body) statement(*stmt);
  }

  void statement(Stmt& stmt) {
    const std::size_t errors = diagnostics_.error_count();
    switch (stmt.kind) {
      case StmtKind::Expression:
        expression(*stmt.value);
        if (stmt.value->kind != ExprKind::String && diagnostics_.error_count() == errors) no_effect(stmt);
        return;
      case StmtKind::Return:
        if (stmt.value == nullptr) report(codes::bare_return, stmt.span, "'return' without a value; every function returns one");
        break;
      case StmtKind::AugAssign: expression(*stmt.targets[0]); break;
      case StmtKind::Ignored: return;
      case StmtKind::Error: ++error_statements_; break;
      default: break;
    }
    if (stmt.value != nullptr) expression(*stmt.value);
    if (stmt.message != nullptr) expression(*stmt.message);
    for (IfBranch& branch : stmt.branches) {
      expression(*branch.condition);
      statements(branch.body);
    }
    statements(stmt.orelse);
    statements(stmt.body);
    if (stmt.function != nullptr) function(*stmt.function);
  }

  void no_effect(const Stmt& stmt) {
    const Expr& value = *stmt.value;
    const char* hint = value.kind == ExprKind::Compare && value.compare_ops[0] == CompareOp::Eq ? "; did you mean '='?" : "; is a 'return' or an assignment missing?";
    report(codes::no_effect, stmt.span, fmt::format("this expression's value is not used, and it has no effect{}", hint));
  }

  // ---- names

  bool visible(std::string_view name, std::size_t scope_count) const {
    for (std::size_t i = scope_count; i-- > 0;)
      if (scopes_[i].names.contains(name)) return true;
    return globals_.contains(name) || imports_.contains(name) || is_builtin(name) || is_problem_symbol(name);
  }

  /// Walks an expression with a stack of its own, in the order of the text.
  void expression(const Expr& root) {
    const std::size_t base = work_.size();
    work_.push_back(&root);
    while (work_.size() > base) {
      const Expr& e = *work_.back();
      work_.pop_back();
      const auto later = [&](const Expr* child) {
        if (child != nullptr) work_.push_back(child);
      };
      switch (e.kind) {
        case ExprKind::Name: name_use(e, false, 0); break;
        case ExprKind::Lambda: function(*e.function); break;
        case ExprKind::Call:
          for (std::size_t i = e.arguments.size(); i-- > 0;) later(e.arguments[i].value);
          if (e.a->kind == ExprKind::Name) name_use(*e.a, true, 0);
          else later(e.a);
          break;
        case ExprKind::Subscript: subscript(e); break;
        default:
          for (std::size_t i = e.items.size(); i-- > 0;) later(e.items[i]);
          later(e.c);
          later(e.b);
          later(e.a);
      }
    }
  }

  /// t[i][j, k]: one use of t with three indices.
  void subscript(const Expr& outermost) {
    int indices = 0;
    const Expr* e = &outermost;
    for (; e->kind == ExprKind::Subscript; e = e->a) {
      indices += static_cast<int>(e->items.size());
      for (std::size_t i = e->items.size(); i-- > 0;) work_.push_back(e->items[i]);
    }
    if (e->kind == ExprKind::Name) name_use(*e, false, indices);
    else work_.push_back(e);
  }

  void name_use(const Expr& use, bool called, int indices) {
    const std::string_view name = use.text;
    for (std::size_t i = scopes_.size(); i-- > 0;)
      if (scopes_[i].names.contains(name)) return;
    if (const auto global = globals_.find(name); global != globals_.end()) {
      global->second.used = true;
      return;
    }
    if (const auto import = imports_.find(name); import != imports_.end()) {
      if (!is_known_import(*import->second)) unsupported_import(use, *import->second);
      return;
    }
    if (is_builtin(name) || is_problem_symbol(name)) return;
    if (program_.bare_expressions && !called && name != "score") {
      undeclared_capture(use, indices);
      return;
    }
    undefined(use, called);
  }

  void undeclared_capture(const Expr& use, int indices) {
    const auto [found, fresh] = undeclared_.try_emplace(use.text, program_.undeclared.size());
    if (fresh) program_.undeclared.push_back({use.text, use.span, indices});
    int& rank = program_.undeclared[found->second].rank;
    rank = std::max(rank, indices);
  }

  void unsupported_import(const Expr& use, const Import& import) {
    if (!reported_.insert(use.text).second) return;
    const std::string line = import.name.empty() ? fmt::format("import {}", import.module) : fmt::format("from {} import {}", import.module, import.name);
    std::string remedy = "define it here, or precompute a capture";
    if (!import.name.empty() && (import.module == "torch" || import.module == "math")) remedy = fmt::format("write '{}.{}'", import.module, import.name);
    else if (import.name.empty() && (import.module == "torch" || import.module == "math" || import.module == "functools")) remedy = fmt::format("write '{}.…'", import.module);
    report(codes::unsupported_import, use.span, fmt::format("'{}' comes from '{}{}', and imports are ignored; {}", use.text, line,
                                                           import.alias == import.name || import.alias == import.module ? "" : fmt::format(" as {}", import.alias), remedy),
           {{import.span, "the import is here"}});
  }

  void undefined(const Expr& use, bool called) {
    const std::string_view name = use.text;
    if (!reported_.insert(name).second) return;
    std::string hint;
    if (diagnostics_.error_count() < Diagnostics::kMaxErrors) {  // beyond that nobody reads it, and the search takes time
      const std::string_view near = nearest_name(name, candidates());
      if (program_.bare_expressions && name == "score") hint = "; a mask does not see the score";
      else if (is_host_function(name)) hint = "; host-side code is not part of the language, precompute a capture";
      else if (!near.empty()) hint = fmt::format("; did you mean '{}'?", near);
      else if (dims_.contains(name)) hint = "; it names a dim, which is not a value: use the tensor's .shape";
      else if (called) hint = "; define it with 'def', or precompute a capture";
      else hint = "; assign it, or declare it with tensor, param or const";
    }
    constexpr std::size_t kLongestShown = 100;
    report(codes::undefined_name, use.span, fmt::format("undefined name '{}'{}", name.size() <= kLongestShown ? name : name.substr(0, kLongestShown), hint));
  }

  /// Everything that a name could have meant here, the nearest scope first.
  std::vector<std::string_view> candidates() const {
    std::vector<std::string_view> names;
    for (std::size_t i = scopes_.size(); i-- > 0;) names.insert(names.end(), scopes_[i].names.begin(), scopes_[i].names.end());
    for (const auto& [name, global] : globals_) names.push_back(name);
    std::ranges::sort(names);  // hash tables have no order, messages should
    for (std::string_view name : builtin_functions()) names.push_back(name);
    for (std::string_view name : builtin_values()) names.push_back(name);
    names.push_back("True");
    names.push_back("False");
    names.push_back("None");
    return names;
  }

  Program& program_;
  Diagnostics& diagnostics_;
  std::unordered_map<std::string_view, Global> globals_;
  std::unordered_map<std::string_view, const Import*> imports_;
  std::unordered_map<std::string_view, std::size_t> undeclared_;
  std::unordered_set<std::string_view> dims_;
  std::unordered_set<std::string_view> reported_;
  std::vector<Scope> scopes_;
  std::vector<const Expr*> work_;
  std::size_t error_statements_ = 0;  // seen so far
  bool declared_by_keyword_ = false;
  bool warned_ = false;
};

}  // namespace

void resolve(Program& program, Diagnostics& diagnostics) { Resolver(program, diagnostics).run(); }

}  // namespace flexc::dsl
