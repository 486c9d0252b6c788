// Assignments: plain, augmented, annotated, and what may stand on their left.
#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {
namespace {

BinaryOp augmented_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::PlusAssign: return BinaryOp::Add;
    case TokenKind::MinusAssign: return BinaryOp::Sub;
    case TokenKind::StarAssign: return BinaryOp::Mul;
    case TokenKind::SlashAssign: return BinaryOp::Div;
    case TokenKind::DoubleSlashAssign: return BinaryOp::FloorDiv;
    case TokenKind::PercentAssign: return BinaryOp::Mod;
    case TokenKind::DoubleStarAssign: return BinaryOp::Pow;
    case TokenKind::AmpersandAssign: return BinaryOp::BitAnd;
    case TokenKind::PipeAssign: return BinaryOp::BitOr;
    case TokenKind::CaretAssign: return BinaryOp::BitXor;
    case TokenKind::ShiftLeftAssign: return BinaryOp::Shl;
    default: return BinaryOp::Shr;
  }
}

bool is_dunder_name(const Expr& expr) { return expr.kind == ExprKind::Attribute && expr.text.size() > 4 && expr.text.starts_with("__") && expr.text.ends_with("__"); }

}  // namespace

Stmt* Parser::parse_assignment(Expr* first, std::uint32_t begin) {
  if (is_augmented_assign(token().kind)) {
    Stmt* statement = program_.new_stmt(StmtKind::AugAssign, span_of(token()));
    const Token& op = token();
    if (op.kind == TokenKind::AtAssign) {
      unsupported(op, "'@=' is");
      return nullptr;
    }
    const bool good = first->kind == ExprKind::Name && !first->parenthesised;
    if (!good && first->kind == ExprKind::Tuple) error(codes::invalid_target, first->span, fmt::format("'{}' changes one variable, not a tuple", text_of(op)));
    else if (!good) refuse_target(*first);
    statement->binary_op = augmented_of(op.kind);
    statement->targets.push_back(first);
    advance();
    statement->value = parse_expression_list();
    if (statement->value == nullptr) return nullptr;
    statement->span = span_from(begin);
    if (!good) statement->kind = StmtKind::Error;
    return statement;
  }
  Stmt* statement = program_.new_stmt(StmtKind::Assign, span_of(token()));
  if (is_dunder_name(*first)) {  // f.__name__ = …
    statement->kind = StmtKind::Ignored;
    while (!at_line_end()) advance();
    statement->span = span_from(begin);
    return statement;
  }
  bool good = true;
  Expr* value = first;
  while (at(TokenKind::Assign)) {
    good = check_target(value) && good;
    statement->targets.push_back(value);
    advance();
    value = parse_expression_list();
    if (value == nullptr) return nullptr;
    if (is_augmented_assign(token().kind)) {
      error_at(token(), codes::syntax_error, fmt::format("unexpected '{}' in an assignment", text_of(token())));
      return nullptr;
    }
  }
  statement->value = value;
  statement->span = span_from(begin);
  if (!good) {
    statement->kind = StmtKind::Error;
    for (const Expr* target : statement->targets) {
      if (target->kind == ExprKind::Name) statement->error_bindings.push_back(target->text);
      for (const Expr* item : target->items)
        if (item->kind == ExprKind::Name) statement->error_bindings.push_back(item->text);
    }
  }
  return statement;
}

/// `x: int = 3`.
Stmt* Parser::parse_annotated(Expr* target, std::uint32_t begin) {
  if (target->kind != ExprKind::Name) {
    refuse_target(*target);
    return nullptr;
  }
  const Token& colon = token();
  Stmt* statement = program_.new_stmt(StmtKind::Assign, span_of(colon));
  advance();
  if (at_line_end()) {
    const std::string_view remedy = foreign_keyword_remedy(target->text);
    error_at(colon, codes::syntax_error, fmt::format("unexpected ':' after name '{}'{}{}", target->text, remedy.empty() ? "" : "; ", remedy));
    return nullptr;
  }
  if (!skip_annotation({TokenKind::Assign})) return nullptr;
  if (!accept(TokenKind::Assign)) {
    if (target->text == "tensor" || target->text == "param") error_at(colon, codes::invalid_declaration, fmt::format("expected the name of the {}, found ':'", target->text));
    else error_at(colon, codes::syntax_error, fmt::format("expected '=' and a value after the annotation of '{}'; a declaration is written 'tensor {}: dtype[dims]'", target->text, target->text));
    return nullptr;
  }
  statement->targets.push_back(target);
  statement->value = parse_expression_list();
  if (statement->value == nullptr) return nullptr;
  statement->span = span_from(begin);
  return statement;
}

bool Parser::check_target(Expr* target) {
  if (target->kind == ExprKind::Name) return true;
  if (target->kind == ExprKind::Tuple && !target->items.empty()) {
    bool good = true;
    for (Expr* item : target->items) good = check_target(item) && good;
    return good;
  }
  refuse_target(*target);
  return false;
}

void Parser::refuse_target(const Expr& target) {
  const char* what = "this";
  const char* hint = "";
  switch (target.kind) {
    case ExprKind::Error: return;
    case ExprKind::Integer: case ExprKind::Float: what = "a number"; hint = "; did you mean '=='?"; break;
    case ExprKind::String: what = "a string"; break;
    case ExprKind::Bool: what = target.truth ? "True" : "False"; break;
    case ExprKind::None: what = "None"; break;
    case ExprKind::Tuple: what = "an empty tuple"; break;
    case ExprKind::Call: what = "the result of a call"; hint = "; did you mean '=='?"; break;
    case ExprKind::Attribute: what = "an attribute"; hint = "; values have none that can be changed"; break;
    case ExprKind::Subscript: what = "an element"; hint = "; tensors cannot be changed"; break;
    case ExprKind::Conditional: what = "a conditional expression"; break;
    case ExprKind::Lambda: what = "a lambda"; break;
    case ExprKind::Compare: what = "a comparison"; break;
    default: what = "an expression"; hint = "; did you mean '=='?"; break;
  }
  error(codes::invalid_target, target.span, fmt::format("cannot assign to {}: the target of an assignment is a name or a tuple of names{}", what, hint));
}

}  // namespace flexc::dsl
