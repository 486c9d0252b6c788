// Statements and blocks.
#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/names.h"
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

void Parser::parse_program() {
  while (!at(TokenKind::EndOfFile)) {
    parse_statements(program_.top_level, true);
    if (at(TokenKind::Dedent)) advance();
  }
}

Expr* Parser::parse_bare_expression() {
  if (at(TokenKind::EndOfFile)) {
    error(codes::syntax_error, span_of(token()), "expected an expression, found nothing");
    return nullptr;
  }
  if (at(TokenKind::Return) || at(TokenKind::Def)) {
    error_at(token(), codes::syntax_error, fmt::format("expected a bare expression, found {}; leave the keyword away, or write a file", found()));
    return nullptr;
  }
  Expr* expr = parse_expression_list();
  if (expr == nullptr) return nullptr;
  if (at(TokenKind::EndOfFile)) return expr;
  unexpected_at_line_end();
  return nullptr;
}

/// Statements up to the end of the block (the Dedent is left) or of the text.
void Parser::parse_statements(std::vector<Stmt*>& out, bool top_level) {
  while (!at(TokenKind::EndOfFile) && !at(TokenKind::Dedent)) {
    if (at(TokenKind::Indent)) {
      const Token& start = peek();
      error_at(start, codes::unexpected_indentation, "unexpected indentation: no block begins here");
      if (!enter()) {
        skip_deep_block(out);
        continue;
      }
      advance();
      parse_statements(out, top_level);
      if (at(TokenKind::Dedent)) advance();
      --depth_;
      continue;
    }
    parse_line(out, top_level);
  }
}

/// One compound statement, or a line of simple ones.
void Parser::parse_line(std::vector<Stmt*>& out, bool top_level) {
  const int depth = depth_;
  Stmt* statement = nullptr;
  switch (token().kind) {
    case TokenKind::Def: statement = parse_def(); break;
    case TokenKind::For: statement = parse_for(); break;
    case TokenKind::If:
      statement = top_level && peek().kind == TokenKind::Name && text_of(peek()) == "__name__" ? skip_main_block() : parse_if();
      break;
    case TokenKind::Newline: advance(); break;  // only after an error
    default:
      if (!refuse_statement(out)) parse_simple_line(out, top_level);
  }
  if (statement != nullptr) out.push_back(statement);
  depth_ = depth;
}

void Parser::parse_simple_line(std::vector<Stmt*>& out, bool top_level) {
  const int depth = depth_;
  for (;;) {
    const std::size_t first = at_;
    Stmt* statement = parse_simple(top_level);
    if (statement == nullptr || !expect_line_end()) {
      depth_ = depth;
      operators_.clear();
      operands_.clear();
      conditionals_.clear();
      skip_line();
      if (at(TokenKind::Indent)) skip_block();  // a header that was not understood has a block
      out.push_back(error_statement(first));
      return;
    }
    out.push_back(statement);
    if (accept(TokenKind::Semicolon)) {
      if (!at(TokenKind::Newline) && !at(TokenKind::EndOfFile)) continue;
    }
    accept(TokenKind::Newline);
    return;
  }
}

Stmt* Parser::parse_simple(bool top_level) {
  switch (token().kind) {
    case TokenKind::Return: return parse_return();
    case TokenKind::Assert: return parse_assert();
    case TokenKind::Import: case TokenKind::From: return parse_import();
    case TokenKind::Pass: {
      Stmt* pass = program_.new_stmt(StmtKind::Pass, span_of(token()));
      advance();
      return pass;
    }
    case TokenKind::If: case TokenKind::For: case TokenKind::Def:
      error_at(token(), codes::syntax_error, fmt::format("{} begins a block and must stand on a line of its own", found()));
      return nullptr;
    default: break;
  }
  if (refuse_keyword()) return nullptr;
  if (at_declaration()) return parse_declaration(top_level);
  return parse_expression_statement();
}

bool Parser::expect_line_end() {
  if (at_line_end()) return true;
  unexpected_at_line_end();
  return false;
}

/// What follows a complete statement where its line should end.
void Parser::unexpected_at_line_end() {
  using enum TokenKind;
  const Token& before = previous();
  if (before.kind == TokenKind::Error) return;  // something there was reported
  switch (token().kind) {
    case Assign:
      error_at(token(), codes::assignment_in_expression, "unexpected '=' in an expression; did you mean '=='?");
      return;
    case Walrus: unsupported(token(), "':=' is", "assign with '=' on a line of its own"); return;
    case For: unsupported(token(), "a comprehension ('for' in an expression) is", "use a 'for' loop over range(…)"); return;
    case Colon: error_at(token(), codes::syntax_error, "unexpected ':' after an expression; does the line lack its 'if', 'for' or 'def'?"); return;
    case Arrow: error_at(token(), codes::syntax_error, "unexpected '->'; it stands between a def's parameters and its ':'"); return;
    default: break;
  }
  std::string hint;
  if (before.kind == Name) {
    const std::string_view word = text_of(before);
    std::string_view meant = foreign_keyword_remedy(word);
    constexpr std::string_view kStatementWords[] = {"return", "assert", "def", "for", "if", "elif", "else", "import", "from", "pass", "tensor", "param", "const"};
    if (meant.empty() && word.size() > 1) {
      const std::string_view near = nearest_name(word, kStatementWords);
      if (!near.empty()) hint = fmt::format("; did you mean '{}'?", near);
    } else if (!meant.empty()) {
      hint = fmt::format("; {}", meant);
    }
  }
  error_at(token(), codes::syntax_error, fmt::format("expected an operator or the end of the line after {}, found {}{}",
                                                    describe(before.kind, text_of(before)), found(), hint));
}

Stmt* Parser::parse_return() {
  const Token& start = token();
  Stmt* result = program_.new_stmt(StmtKind::Return, span_of(start));
  advance();
  if (!at_line_end()) {
    result->value = parse_expression_list();
    if (result->value == nullptr) return nullptr;
  }
  result->span = span_from(start.begin);
  return result;
}

Stmt* Parser::parse_assert() {
  const Token& start = token();
  Stmt* result = program_.new_stmt(StmtKind::Assert, span_of(start));
  advance();
  result->value = parse_expression();
  if (result->value == nullptr) return nullptr;
  if (accept(TokenKind::Comma)) {
    if (at(TokenKind::FString)) {  // its text is shown as it is written
      result->message = program_.new_expr(ExprKind::String, span_of(token()));
      std::string_view text = text_of(token());
      text.remove_prefix(std::min(text.find_first_of("\"'"), text.size()));
      const std::size_t quotes = text.size() >= 6 && text[1] == text[0] && text[2] == text[0] ? 3 : 1;
      result->message->string = text.substr(quotes, text.size() - 2 * quotes);
      advance();
      while (at(TokenKind::FString) || at(TokenKind::String)) advance();
    } else {
      result->message = parse_expression();
      if (result->message == nullptr) return nullptr;
    }
  }
  result->span = span_from(start.begin);
  return result;
}

bool Parser::parse_dotted_name(std::string& name) {
  while (at(TokenKind::Dot) || at(TokenKind::Ellipsis)) {  // from .module import …
    name += text_of(token());
    advance();
  }
  if (at(TokenKind::Import) && !name.empty()) return true;
  for (;;) {
    if (!at(TokenKind::Name)) {
      error_at(token(), codes::syntax_error, fmt::format("expected a module's name, found {}", found()));
      return false;
    }
    name += text_of(token());
    advance();
    if (!at(TokenKind::Dot)) return true;
    name += '.';
    advance();
  }
}

/// Imports are recorded, so that a use of what they bring can be explained, and otherwise ignored.
Stmt* Parser::parse_import() {
  const Token& start = token();
  Stmt* result = program_.new_stmt(StmtKind::Ignored, span_of(start));
  const bool from = at(TokenKind::From);
  advance();
  std::string module;
  if (from) {
    if (!parse_dotted_name(module)) return nullptr;
    if (!at(TokenKind::Import)) {
      error_at(token(), codes::syntax_error, fmt::format("expected 'import' after the module's name, found {}", found()));
      return nullptr;
    }
    advance();
  }
  const bool bracketed = from && accept(TokenKind::LeftParen);
  if (from && accept(TokenKind::Star)) {
    result->span = span_from(start.begin);
    return result;
  }
  for (;;) {
    Import import;
    const std::uint32_t begin = token().begin;
    if (from) {
      import.module = module;
      if (!at(TokenKind::Name)) {
        error_at(token(), codes::syntax_error, fmt::format("expected a name to import, found {}", found()));
        return nullptr;
      }
      import.name = import.alias = text_of(token());
      advance();
    } else {
      const std::string_view root = text_of(token());
      if (!parse_dotted_name(import.module)) return nullptr;
      import.alias = root;
    }
    if (accept(TokenKind::As)) {
      if (!at(TokenKind::Name)) {
        error_at(token(), codes::syntax_error, fmt::format("expected a name after 'as', found {}", found()));
        return nullptr;
      }
      import.alias = text_of(token());
      advance();
    } else if (!from) {
      import.module = import.alias;  // `import a.b` binds `a`
    }
    import.span = span_from(begin);
    program_.imports.push_back(std::move(import));
    if (!accept(TokenKind::Comma)) break;
    if (bracketed && at(TokenKind::RightParen)) break;
  }
  if (bracketed && !accept(TokenKind::RightParen)) {
    error_at(token(), codes::syntax_error, fmt::format("expected ',' or ')' after the imported name, found {}", found()));
    return nullptr;
  }
  result->span = span_from(start.begin);
  return result;
}

Stmt* Parser::parse_expression_statement() {
  const std::uint32_t begin = token().begin;
  Expr* first = parse_expression_list();
  if (first == nullptr) return nullptr;
  if (at(TokenKind::Assign) || is_augmented_assign(token().kind)) return parse_assignment(first, begin);
  if (at(TokenKind::Colon) && (first->kind == ExprKind::Name || first->kind == ExprKind::Attribute || first->kind == ExprKind::Subscript)) return parse_annotated(first, begin);
  // Of what has been reported nothing is known: a string that is never closed may have swallowed the return.
  Stmt* statement = program_.new_stmt(first->kind == ExprKind::Error ? StmtKind::Error : StmtKind::Expression, span_from(begin));
  statement->value = first;
  return statement;
}

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
