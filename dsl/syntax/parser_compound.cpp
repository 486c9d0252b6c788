// Compound statements and blocks.
#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {

Stmt* Parser::parse_if() {
  Stmt* statement = program_.new_stmt(StmtKind::If, span_of(token()));
  for (;;) {  // if, then each elif
    const Token& keyword = token();
    advance();
    IfBranch& branch = statement->branches.emplace_back();
    branch.condition = parse_expression();
    const bool broken = branch.condition == nullptr;
    if (broken) branch.condition = program_.new_expr(ExprKind::Error, span_of(keyword));
    if (statement->branches.size() == 1) statement->span = span_from(keyword.begin);
    if (!broken && at(TokenKind::Assign)) {  // reported below; '==' is meant
      Expr* compare = program_.new_expr(ExprKind::Compare, span_of(token()));
      compare->items = {branch.condition, program_.new_expr(ExprKind::Error, span_of(token()))};
      compare->compare_ops = {CompareOp::Eq};
      compare->op_spans = {span_of(token())};
      branch.condition = compare;
    }
    parse_block(branch.body, keyword, broken);
    if (!at(TokenKind::Elif)) break;
  }
  if (at(TokenKind::Else)) {
    const Token& keyword = token();
    advance();
    statement->has_else = true;
    parse_block(statement->orelse, keyword, false);
  }
  return statement;
}

/// `a`, `a, b`, `(a, b)`.
Expr* Parser::parse_for_targets() {
  const std::uint32_t begin = token().begin;
  Expr* first = parse_operand();
  if (first == nullptr || !at(TokenKind::Comma)) return first;
  Expr* tuple = program_.new_expr(ExprKind::Tuple, span_of(token()));
  tuple->items.push_back(first);
  while (accept(TokenKind::Comma) && !at(TokenKind::In)) {
    Expr* item = parse_operand();
    if (item == nullptr) return nullptr;
    tuple->items.push_back(item);
  }
  tuple->span = tuple->anchor = span_from(begin);
  return tuple;
}

Stmt* Parser::parse_for() {
  const std::size_t first = at_;
  const Token& keyword = token();
  Stmt* statement = program_.new_stmt(StmtKind::For, span_of(keyword));
  advance();
  Expr* target = parse_for_targets();
  bool good = target != nullptr && check_target(target);
  if (target != nullptr && !at(TokenKind::In)) {
    error_at(token(), codes::syntax_error, fmt::format("expected 'in' after the loop's variable, found {}; the form is 'for i in range(n):'", found()));
    good = false;
  } else if (target != nullptr) {
    advance();
    statement->value = parse_expression_list();
    good = good && statement->value != nullptr;
  }
  statement->targets.push_back(good ? target : program_.new_expr(ExprKind::Error, span_of(keyword)));
  if (statement->value == nullptr) statement->value = program_.new_expr(ExprKind::Error, span_of(keyword));
  statement->span = span_from(keyword.begin);
  if (!good) {
    while (!at(TokenKind::Colon) && !at_line_end()) advance();
    collect_bindings(first, at_, statement->error_bindings);
    statement->kind = StmtKind::Error;
  }
  parse_block(statement->body, keyword, !good);
  if (at(TokenKind::Else)) {
    unsupported(token(), "'else' after a 'for' loop is");
    skip_compound(at_);
  }
  return statement;
}

/// `: NEWLINE INDENT statements DEDENT`, or `: statements NEWLINE`. After a `broken` header, which has been reported, whatever
/// is left of its line is skipped, and the block parsed if there is one.
void Parser::parse_block(std::vector<Stmt*>& body, const Token& header, bool broken) {
  if (!broken && !accept(TokenKind::Colon)) {
    missing_colon(header);
    broken = true;
  }
  if (broken) {
    operators_.clear();
    operands_.clear();
    conditionals_.clear();
    while (!at(TokenKind::Newline) && !at(TokenKind::EndOfFile)) advance();
  } else if (!at(TokenKind::Newline)) {
    if (at(TokenKind::EndOfFile)) return missing_block(header, token());
    return parse_simple_line(body, false);
  }
  const Token& line_end = token();
  accept(TokenKind::Newline);
  if (!at(TokenKind::Indent)) {
    if (!broken) missing_block(header, line_end);
    // A def's body that is not indented: what follows up to a return is most likely meant.
    while (!broken && header.kind == TokenKind::Def && !at(TokenKind::Def) && !at(TokenKind::Dedent) && !at(TokenKind::EndOfFile) && !at_declaration()) {
      const bool last = at(TokenKind::Return);
      parse_line(body, false);
      if (last) break;
    }
    body.push_back(program_.new_stmt(StmtKind::Error, span_of(line_end)));
    return;
  }
  if (!enter()) return skip_deep_block(body);
  advance();
  parse_statements(body, false);
  if (at(TokenKind::Dedent)) advance();
  --depth_;
}

void Parser::missing_colon(const Token& header) {
  if (refuse_operator()) return;
  const bool assigns = at(TokenKind::Assign) && header.kind != TokenKind::Def;
  const char* hint = assigns ? "; did you mean '=='?" : header.kind == TokenKind::Else && at(TokenKind::If) ? "; did you mean 'elif'?" : "";
  error_at(token(), assigns ? codes::assignment_in_expression : codes::missing_colon,
           fmt::format("expected ':' after {}'{}', found {}{}", header.kind == TokenKind::Else ? "" : "the header of ", text_of(header), found(), hint));
}

void Parser::missing_block(const Token& header, const Token& line_end) {
  const Token& where = at(TokenKind::EndOfFile) || at(TokenKind::Dedent) ? line_end : token();
  error_at(where, codes::missing_block, fmt::format("expected an indented block after '{}'; write 'pass' for an empty one", text_of(header)),
           {{span_of(header), fmt::format("'{}' is here", text_of(header))}});
}

/// A block nested too deeply, which has been reported.
void Parser::skip_deep_block(std::vector<Stmt*>& body) {
  const std::size_t first = at_;
  skip_block();
  body.push_back(error_statement(first));
}

}  // namespace flexc::dsl
