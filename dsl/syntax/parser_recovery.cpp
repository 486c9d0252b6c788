// What the language leaves out: each such statement is one error that names it, and its block is skipped; and how the parser
// finds its footing again after an error.
#include <algorithm>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {

std::string_view foreign_keyword_remedy(std::string_view word) {
  if (word == "elseif" || word == "elsif" || word == "elsif" || word == "elif") return "did you mean 'elif'?";
  if (word == "function" || word == "func" || word == "fn" || word == "fun" || word == "define") return "a function begins with 'def'";
  if (word == "let" || word == "var" || word == "auto" || word == "int" || word == "float") return "a variable is assigned with 'name = value'";
  if (word == "print") return "nothing can be printed here";
  if (word == "foreach" || word == "loop") return "a loop is written 'for i in range(n):'";
  if (word == "switch" || word == "match" || word == "case") return "choose with 'if', 'elif' and 'else'";
  if (word == "then" || word == "begin" || word == "do" || word == "end") return "a block begins with ':' and is indented";
  return "";
}

/// Skips the rest of the logical line, its Newline included.
void Parser::skip_line() {
  while (!at(TokenKind::Newline) && !at(TokenKind::EndOfFile)) advance();
  accept(TokenKind::Newline);
}

/// At an Indent: skips everything up to its Dedent.
void Parser::skip_block() {
  int depth = 0;
  do {
    if (at(TokenKind::Indent)) ++depth;
    if (at(TokenKind::Dedent)) --depth;
    if (at(TokenKind::EndOfFile)) return;
    advance();
  } while (depth > 0);
}

Stmt* Parser::error_statement(std::size_t first) {
  Stmt* statement = program_.new_stmt(StmtKind::Error, {tokens_[first].begin, std::max(tokens_[first].end, previous().begin), source_});
  collect_bindings(first, at_, statement->error_bindings);
  return statement;
}

/// The names that tokens [first, last) may have bound: those before an '=' on their line, and after def, class, as, for, import.
void Parser::collect_bindings(std::size_t first, std::size_t last, std::vector<std::string_view>& names) const {
  using enum TokenKind;
  for (std::size_t line = first; line < last;) {
    std::size_t end = line, assign = line;
    for (; end < last && tokens_[end].kind != Newline; ++end)
      if (tokens_[end].kind == Assign || tokens_[end].kind == Walrus) assign = end;
    for (std::size_t i = line; i < end; ++i) {
      if (tokens_[i].kind != Name) continue;
      const TokenKind before = i > first ? tokens_[i - 1].kind : Newline;
      const bool declared = before == Name && i == line + 1;
      const bool bound = i < assign || declared || before == Def || before == Class || before == As || before == For || before == Import ||
                         (before == Comma && tokens_[line].kind == For);
      if (bound && std::ranges::find(names, text_of(tokens_[i])) == names.end() && names.size() < 1000) names.push_back(text_of(tokens_[i]));
    }
    line = end + 1;
  }
}

/// The current line and the block behind it, from token `first` on, as one statement about which nothing is known.
Stmt* Parser::skip_compound(std::size_t first) {
  skip_line();
  if (at(TokenKind::Indent)) skip_block();
  return error_statement(first);
}

/// `if __name__ == …`: host code of any kind, with its elif and else.
Stmt* Parser::skip_main_block() {
  Stmt* statement = program_.new_stmt(StmtKind::Ignored, span_of(token()));
  do {
    skip_line();
    if (at(TokenKind::Indent)) skip_block();
  } while (at(TokenKind::Elif) || at(TokenKind::Else));
  return statement;
}

/// A type annotation may be any expression, and means nothing: its tokens are skipped up to one of `ends` outside of brackets,
/// or the end of the line. At least one there must be.
bool Parser::skip_annotation(std::initializer_list<TokenKind> ends) {
  using enum TokenKind;
  const std::size_t first = at_;
  for (int depth = 0; !at(Newline) && !at(EndOfFile); advance()) {
    const TokenKind kind = token().kind;
    if (depth == 0 && (std::ranges::find(ends, kind) != ends.end() || kind == Semicolon)) break;
    if (kind == LeftParen || kind == LeftBracket || kind == LeftBrace) ++depth;
    if (kind == RightParen || kind == RightBracket || kind == RightBrace) {
      if (depth == 0) break;
      --depth;
    }
  }
  if (at_ > first) return true;
  error_at(token(), codes::syntax_error, fmt::format("expected a type, found {}", found()));
  return false;
}

/// At the keyword of a statement that the language does not have, or of a clause without its statement: reports it.
bool Parser::refuse_keyword() {
  using enum TokenKind;
  switch (token().kind) {
    case Class: unsupported(token(), "'class' is", "write functions"); break;
    case While: unsupported(token(), "'while' is", "use 'for i in range(…)' with constant bounds"); break;
    case With: unsupported(token(), "'with' is"); break;
    case Try: unsupported(token(), "'try' is", "no operation fails: x/0 is inf or nan, x//0 is 0"); break;
    case Async: unsupported(token(), "'async' is"); break;
    case Except: case Finally: error_at(token(), codes::syntax_error, fmt::format("{} without 'try', which is not part of the language", found())); break;
    case Else: case Elif: error_at(token(), codes::syntax_error, fmt::format("{} without an 'if' at the same indentation before it", found())); break;
    case At: error_at(token(), codes::decorator, "decorators are not part of the language; apply the function yourself: 'name = decorate(name_)'"); break;
    case Yield: unsupported(token(), "'yield' is", "a function returns its value with 'return'"); break;
    case Raise: unsupported(token(), "'raise' is", "check constants with 'assert'"); break;
    case Global: unsupported(token(), "'global' is", "pass values as arguments, and return results"); break;
    case Nonlocal: unsupported(token(), "'nonlocal' is", "pass values as arguments, and return results"); break;
    case Del: unsupported(token(), "'del' is"); break;
    case Await: unsupported(token(), "'await' is"); break;
    case Break: unsupported(token(), "'break' is", "loops are unrolled; select with where(…) or 'if'"); break;
    case Continue: unsupported(token(), "'continue' is", "loops are unrolled; select with where(…) or 'if'"); break;
    default: return false;
  }
  return true;
}

/// Such a statement on a line of its own. True if there was one: it is reported, skipped with its block, and `out` has an Error
/// statement for it.
bool Parser::refuse_statement(std::vector<Stmt*>& out) {
  using enum TokenKind;
  const std::size_t first = at_;
  constexpr TokenKind kCompound[] = {Class, While, With, Try, Async, Except, Finally, Else, Elif};
  const bool compound = std::ranges::find(kCompound, token().kind) != std::end(kCompound);
  const bool try_statement = at(Try), loop = at(While);
  if (!refuse_keyword()) return refuse_soft_statement(out);
  if (!compound) {
    skip_line();
    out.push_back(error_statement(first));
    return true;
  }
  out.push_back(skip_compound(first));
  while ((try_statement && (at(Except) || at(Finally) || at(Else))) || (loop && at(Else))) out.push_back(skip_compound(at_));
  return true;
}

/// `match x:`, `type X = …`, and C-like words that begin a block: names to Python's lexer.
bool Parser::refuse_soft_statement(std::vector<Stmt*>& out) {
  if (!at(TokenKind::Name)) return false;
  const std::string_view word = text_of(token());
  const TokenKind next = peek().kind;
  const std::size_t first = at_;
  // Only where a line ends with ':' and a block follows can this be anything but an expression.
  std::size_t end = at_;
  while (tokens_[end].kind != TokenKind::Newline && tokens_[end].kind != TokenKind::EndOfFile) ++end;
  const bool block = end > at_ && tokens_[end - 1].kind == TokenKind::Colon && end + 1 < tokens_.size() && tokens_[end + 1].kind == TokenKind::Indent;
  if (!block || next == TokenKind::Assign) return false;
  if (word == "match" || word == "switch") {
    unsupported(token(), fmt::format("'{}' is", word), "choose with 'if', 'elif' and 'else'");
    out.push_back(skip_compound(first));
    return true;
  }
  const std::string_view remedy = foreign_keyword_remedy(word);
  if (remedy.empty()) return false;
  error_at(token(), codes::syntax_error, fmt::format("unexpected name '{}'; {}", word, remedy));
  out.push_back(skip_compound(first));
  return true;
}

}  // namespace flexc::dsl
