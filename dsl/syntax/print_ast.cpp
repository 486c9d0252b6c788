// The tree as indented text. Expressions are one node a line; the walk has a stack of its own, as left spines may be long.
#include <vector>

#include <fmt/format.h>

#include "dsl/syntax/parse.h"

namespace flexc::dsl {
namespace {

class AstPrinter {
 public:
  explicit AstPrinter(const Program& program) : program_(program) {}

  std::string run() {
    for (const Import& import : program_.imports) {
      line(0, import.name.empty() ? fmt::format("import {} as {}", import.module, import.alias)
                                  : fmt::format("from {} import {} as {}", import.module, import.name, import.alias));
    }
    statements(program_.top_level, 0);
    return std::move(out_);
  }

 private:
  /// Depths beyond this are shown at it: a chain of a hundred thousand operators would be gigabytes of blanks.
  static constexpr int kDeepestIndent = 100;

  void line(int depth, std::string_view text) {
    out_.append(static_cast<std::size_t>(2 * std::min(depth, kDeepestIndent)), ' ');
    out_ += text;
    out_ += '\n';
  }

  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') out += "\\n";
      else if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      else out += c;
    }
    return out + "\"";
  }

  static std::string label(const Expr& e) {
    switch (e.kind) {
      case ExprKind::Name: return fmt::format("name {}", e.text);
      case ExprKind::Integer: return fmt::format("integer {}", e.text);
      case ExprKind::Float: return fmt::format("float {}", e.text);
      case ExprKind::Bool: return e.truth ? "True" : "False";
      case ExprKind::None: return "None";
      case ExprKind::String: return fmt::format("string {}", quoted(e.string));
      case ExprKind::Tuple: return "tuple";
      case ExprKind::Unary: return fmt::format("unary {}", spelling(e.unary_op));
      case ExprKind::Binary: return fmt::format("binary {}", spelling(e.binary_op));
      case ExprKind::BoolAnd: return "and";
      case ExprKind::BoolOr: return "or";
      case ExprKind::Compare: {
        std::string text = "compare";
        for (CompareOp op : e.compare_ops) text += fmt::format(" {}", spelling(op));
        return text;
      }
      case ExprKind::Conditional: return "conditional (value, condition, other)";
      case ExprKind::Call: return "call";
      case ExprKind::Attribute: return fmt::format("attribute .{}", e.text);
      case ExprKind::Subscript: return "index";
      case ExprKind::Lambda: return fmt::format("lambda {}", parameters(*e.function));
      case ExprKind::Error: return "error";
    }
    return "?";
  }

  static std::string parameters(const Function& function) {
    std::string text = "(";
    for (const Parameter& parameter : function.parameters) {
      if (text.size() > 1) text += ", ";
      text += parameter.name;
      if (parameter.default_value != nullptr) text += " = …";
      if (parameter.keyword_only) text += " by keyword";
    }
    return text + ")";
  }

  void expression(const Expr& root, int root_depth) {
    struct Item {
      const Expr* expr;
      int depth;
      std::string_view name;  // of a keyword argument or of a default
    };
    std::vector<Item> work = {{&root, root_depth, {}}};
    while (!work.empty()) {
      const Item item = work.back();
      work.pop_back();
      const Expr& e = *item.expr;
      line(item.depth, item.name.empty() ? label(e) : fmt::format("{} = {}", item.name, label(e)));
      const int depth = item.depth + 1;
      const auto later = [&](const Expr* child, std::string_view name = {}) {
        if (child != nullptr) work.push_back({child, depth, name});
      };
      if (e.function != nullptr) {
        later(e.function->expression);
        for (std::size_t i = e.function->parameters.size(); i-- > 0;) later(e.function->parameters[i].default_value, e.function->parameters[i].name);
      }
      for (std::size_t i = e.arguments.size(); i-- > 0;) later(e.arguments[i].value, e.arguments[i].name);
      for (std::size_t i = e.items.size(); i-- > 0;) later(e.items[i]);
      later(e.c);
      later(e.b);
      later(e.a);
    }
  }

  void statements(const std::vector<Stmt*>& body, int depth) {
    for (const Stmt* stmt : body) statement(*stmt, depth);
  }

  void statement(const Stmt& stmt, int depth) {
    switch (stmt.kind) {
      case StmtKind::Expression: line(depth, "expression"); break;
      case StmtKind::Assign: line(depth, "assign"); break;
      case StmtKind::AugAssign: line(depth, fmt::format("assign {}=", spelling(stmt.binary_op))); break;
      case StmtKind::If: return if_statement(stmt, depth);
      case StmtKind::For: line(depth, "for"); break;
      case StmtKind::Return: line(depth, "return"); break;
      case StmtKind::Assert: line(depth, "assert"); break;
      case StmtKind::Def: line(depth, fmt::format("def {}{}", stmt.name, parameters(*stmt.function))); break;
      case StmtKind::Pass: line(depth, "pass"); break;
      case StmtKind::Ignored: line(depth, "ignored"); break;
      case StmtKind::TensorDecl: line(depth, fmt::format("tensor {}: {}[{}]", stmt.name, name_of(stmt.dtype), dims(stmt))); break;
      case StmtKind::ParamDecl: line(depth, fmt::format("param {}: {}", stmt.name, name_of(stmt.dtype))); break;
      case StmtKind::ConstDecl: line(depth, fmt::format("const {}", stmt.name)); break;
      case StmtKind::Error: line(depth, "error"); break;
    }
    for (const Expr* target : stmt.targets) expression(*target, depth + 1);
    if (stmt.value != nullptr) expression(*stmt.value, depth + 1);
    if (stmt.message != nullptr) expression(*stmt.message, depth + 1);
    if (stmt.function != nullptr) {
      for (const Parameter& parameter : stmt.function->parameters) {
        if (parameter.default_value == nullptr) continue;
        line(depth + 1, fmt::format("default of {}", parameter.name));
        expression(*parameter.default_value, depth + 2);
      }
      statements(stmt.function->body, depth + 1);
    }
    statements(stmt.body, depth + 1);
  }

  void if_statement(const Stmt& stmt, int depth) {
    for (const IfBranch& branch : stmt.branches) {
      line(depth, &branch == stmt.branches.data() ? "if" : "elif");
      expression(*branch.condition, depth + 1);
      line(depth, "then");
      statements(branch.body, depth + 1);
    }
    if (!stmt.has_else) return;
    line(depth, "else");
    statements(stmt.orelse, depth + 1);
  }

  static std::string dims(const Stmt& stmt) {
    std::string text;
    for (const DimSyntax& dim : stmt.dims) {
      if (!text.empty()) text += ", ";
      text += dim.constant ? fmt::format("{}", *dim.constant) : std::string(dim.name);
    }
    return text;
  }

  const Program& program_;
  std::string out_;
};

}  // namespace

std::string print_ast(const Program& program) { return AstPrinter(program).run(); }

}  // namespace flexc::dsl
