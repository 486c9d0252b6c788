// The syntax tree, as written: no name is resolved and nothing is evaluated. Nodes live in arenas of the Program and refer to
// each other by plain pointers, so that destruction never recurses. Left-associative chains (a + b + c …, x.f().g() …) make
// left-deep trees of any depth: walk their spines in loops, never by recursion.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/diagnostic.h"
#include "flexc/dtype.h"

namespace flexc::dsl {

enum class UnaryOp : std::uint8_t { Plus, Minus, Invert, Not };
enum class BinaryOp : std::uint8_t { Add, Sub, Mul, Div, FloorDiv, Mod, Pow, BitAnd, BitOr, BitXor, Shl, Shr };
enum class CompareOp : std::uint8_t { Eq, Ne, Lt, Le, Gt, Ge };

/// As written: "+", "//", "<=", "not", …
std::string_view spelling(UnaryOp op);
std::string_view spelling(BinaryOp op);
std::string_view spelling(CompareOp op);

struct Expr;
struct Stmt;
struct Function;

struct Argument {
  std::string_view name;  ///< empty: positional
  Span name_span;
  Expr* value = nullptr;
};

enum class ExprKind : std::uint8_t {
  Name,         // text
  Integer,      // text: the literal as written (1_000, 0xFF, 0b11)
  Float,        // text: the literal as written
  Bool,         // truth
  None,
  String,       // string: the value, escapes decoded; several adjacent literals are joined
  Tuple,        // items; (), (a,), a, b
  Unary,        // unary_op; a
  Binary,       // binary_op; a, b; anchor: the operator
  BoolAnd, BoolOr,  // items, at least two: `a and b and c` is one node
  Compare,      // items, at least two; compare_ops, one fewer; op_spans, where each stands
  Conditional,  // a if b else c
  Call,         // a; arguments; anchor: the opening parenthesis
  Attribute,    // a; text; anchor: the name after the dot
  Subscript,    // a; items: the indices, one or more; tuple_index: written with commas; anchor: the opening bracket
  Lambda,       // function
  Error,        // a syntax error was reported here
};

struct Expr {
  ExprKind kind = ExprKind::Error;
  bool parenthesised = false;
  bool truth = false;
  bool tuple_index = false;
  UnaryOp unary_op = UnaryOp::Plus;
  BinaryOp binary_op = BinaryOp::Add;
  Span span;    ///< all of it, without enclosing parentheses
  Span anchor;  ///< where an error about the operation points; equals span where nothing else is said
  Expr* a = nullptr;
  Expr* b = nullptr;
  Expr* c = nullptr;
  Function* function = nullptr;
  std::string_view text;
  std::string string;
  std::vector<Expr*> items;
  std::vector<CompareOp> compare_ops;
  std::vector<Span> op_spans;
  std::vector<Argument> arguments;
};

struct Parameter {
  std::string_view name;
  Span span;
  Expr* default_value = nullptr;
  bool keyword_only = false;  ///< after a bare `*`
};

/// A def or a lambda.
struct Function {
  std::string_view name;  ///< "<lambda>" for lambdas
  Span name_span;         ///< the name; `lambda` for lambdas
  std::vector<Parameter> parameters;
  std::vector<Stmt*> body;    ///< defs
  Expr* expression = nullptr; ///< lambdas
  /// Filled by resolve(): every name bound in this function (parameters, assigned names, loop variables, nested defs).
  std::vector<std::string_view> locals;
};

enum class StmtKind : std::uint8_t {
  Expression,   // value; only docstrings and no-ops get past resolve()
  Assign,       // targets (Name or Tuple of targets), `a = b = 1` has two; value. `x: int = 3` too.
  AugAssign,    // targets[0], a Name; binary_op; value
  If,           // branches; orelse
  For,          // targets[0]; value: the iterable; body
  Return,       // value; null for a bare return (an error that resolve() reports)
  Assert,       // value; message
  Def,          // function
  Pass,
  Ignored,      // imports, `f.__name__ = …`, `if __name__ == …`
  TensorDecl,   // name; dtype; dims      (top level only; the parser sees to it)
  ParamDecl,    // name; dtype; value: the default, or null
  ConstDecl,    // name; value            (`const NAME = expr`; a plain top-level assignment is an Assign)
  Error,        // a syntax error was reported here; `error_bindings` are the names that it may have meant to bind
};

struct IfBranch {
  Expr* condition = nullptr;
  std::vector<Stmt*> body;
};

/// One dimension as written.
struct DimSyntax {
  Span span;
  std::optional<std::int64_t> constant;  ///< an integer literal; else
  std::string_view name;                 ///< a symbol, a const or a fresh name
};

struct Stmt {
  StmtKind kind = StmtKind::Error;
  BinaryOp binary_op = BinaryOp::Add;
  bool has_else = false;
  Span span;  ///< all of a simple statement; the header line of a compound one
  std::vector<Expr*> targets;
  Expr* value = nullptr;
  Expr* message = nullptr;
  Function* function = nullptr;
  std::vector<IfBranch> branches;
  std::vector<Stmt*> orelse;
  std::vector<Stmt*> body;
  // Declarations.
  std::string_view name;
  Span name_span;
  DType dtype = DType::F32;
  bool dtype_known = true;  ///< false after an error about it was reported
  std::vector<DimSyntax> dims;
  std::vector<std::string_view> error_bindings;
};

/// `import MODULE as ALIAS` (name empty) or `from MODULE import NAME as ALIAS`; alias is what it binds, with or without `as`.
struct Import {
  std::string module;
  std::string_view name;
  std::string_view alias;
  Span span;
};

/// A variant's syntax. Holds the sources, because string_views in the nodes point into them: do not move the texts.
class Program {
 public:
  explicit Program(std::vector<Source> sources) : sources(std::move(sources)) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const std::vector<Source> sources;
  std::vector<Stmt*> top_level;
  std::vector<Import> imports;
  /// Bare expressions: score and mask are functions made around them, and undeclared names are captures.
  bool bare_expressions = false;
  /// Filled by resolve() for bare expressions: undeclared captures, in order of appearance, with the largest number of
  /// indices that any use has (0: a scalar).
  struct UndeclaredCapture {
    std::string_view name;
    Span span;
    int rank = 0;
  };
  std::vector<UndeclaredCapture> undeclared;

  Expr* new_expr(ExprKind kind, Span span) {
    Expr& e = exprs_.emplace_back();
    e.kind = kind;
    e.span = e.anchor = span;
    return &e;
  }
  Stmt* new_stmt(StmtKind kind, Span span) {
    Stmt& s = stmts_.emplace_back();
    s.kind = kind;
    s.span = span;
    return &s;
  }
  Function* new_function() { return &functions_.emplace_back(); }
  std::string_view text_of(Span span) const { return std::string_view(sources[span.source].text).substr(span.begin, span.end - span.begin); }

 private:
  std::deque<Expr> exprs_;
  std::deque<Stmt> stmts_;
  std::deque<Function> functions_;
};

}  // namespace flexc::dsl
