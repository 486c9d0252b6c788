// Statements that take a line, and the lines of a block.
#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/names.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {

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

}  // namespace flexc::dsl
