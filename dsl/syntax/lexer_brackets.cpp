// Brackets: what closes which, and where one was left open by mistake.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/lexer_state.h"
#include "dsl/syntax/names.h"
#include "dsl/syntax/parse.h"

namespace flexc::dsl {
namespace {

char bracket_text(TokenKind kind) {
  switch (kind) {
    case TokenKind::LeftParen: return '(';
    case TokenKind::RightParen: return ')';
    case TokenKind::LeftBracket: return '[';
    case TokenKind::RightBracket: return ']';
    case TokenKind::LeftBrace: return '{';
    default: return '}';
  }
}

TokenKind closing(TokenKind open) {
  return open == TokenKind::LeftParen ? TokenKind::RightParen : open == TokenKind::LeftBracket ? TokenKind::RightBracket : TokenKind::RightBrace;
}

/// Whether a token of this kind can be the end of an operand.
bool ends_operand(TokenKind kind) {
  using enum TokenKind;
  switch (kind) {
    case Name: case Integer: case Float: case String: case FString: case Bytes: case RightParen: case RightBracket: case RightBrace: case Ellipsis:
    case True: case False: case None: case Error: return true;
    default: return false;
  }
}

}  // namespace

void Lexer::open_bracket(TokenKind kind) {
  brackets_.push_back({kind, static_cast<std::uint32_t>(at_), out_.tokens.size()});
  push(kind, at_, at_ + 1);
  ++at_;
}

void Lexer::close_bracket(TokenKind kind) {
  const std::size_t begin = at_++;
  if (brackets_.empty()) {
    report(codes::unmatched_bracket, span(begin, at_), fmt::format("unmatched '{}': no bracket is open here", bracket_text(kind)));
    return;  // as if it were not there
  }
  const Bracket open = brackets_.back();
  brackets_.pop_back();
  const TokenKind expected = closing(open.open);
  push(expected, begin, at_).reported = kind != expected;
  if (kind == expected) return;
  report(codes::unmatched_bracket, span(begin, at_),
         fmt::format("'{}' does not match '{}'; expected '{}'", bracket_text(kind), bracket_text(open.open), bracket_text(expected)),
         {{span(open.at, open.at + 1), fmt::format("'{}' was opened here", bracket_text(open.open))}});
}

/// At the start of a physical line within brackets: whether this line can only be a new statement, so that a bracket was left
/// open by mistake. Without this, one missing ')' would swallow the rest of the file.
bool Lexer::breaks_bracket() const {
  std::size_t at = at_;
  int column = 0;
  while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t')) column = text_[at++] == '\t' ? (column / kTabStop + 1) * kTabStop : column + 1;
  if (at >= text_.size() || !is_name_start(text_[at])) return false;
  const auto word_at = [&](std::size_t from) {
    std::size_t end = from;
    while (end < text_.size() && is_name_part(text_[end])) ++end;
    return text_.substr(from, end - from);
  };
  const auto skip_blanks = [&](std::size_t from) {
    while (from < text_.size() && (text_[from] == ' ' || text_[from] == '\t')) ++from;
    return from;
  };
  const std::string_view word = word_at(at);
  constexpr std::array kStatementWords = {"def",  "return", "assert", "pass",     "import", "from",  "class",    "while", "with",
                                          "try",  "del",    "global", "nonlocal", "raise",  "break", "continue", "elif",  "except", "finally"};
  if (std::ranges::find(kStatementWords, word) != kStatementWords.end()) return true;
  const std::size_t next = skip_blanks(at + word.size());
  const bool name_follows = next < text_.size() && is_name_start(text_[next]);
  if (word == "tensor" || word == "param" || word == "const") {
    const std::string_view second = word_at(next);
    if (name_follows && !is_keyword(second)) return true;
  }
  if (column > statement_column_) return false;
  constexpr std::array kOperatorWords = {"and", "or", "not", "in", "is", "if", "else", "for", "as", "lambda"};
  if (std::ranges::find(kOperatorWords, word) != kOperatorWords.end()) {
    if (word != "if" && word != "else" && word != "for") return false;
    std::size_t end = at;
    while (!at_line_break(end) && text_[end] != '#') ++end;
    while (end > at && (text_[end - 1] == ' ' || text_[end - 1] == '\t')) --end;
    return text_[end - 1] == ':';
  }
  return ends_operand(last_kind());
}

void Lexer::abandon_brackets() {
  const Bracket open = brackets_.back();
  if (brackets_.size() > static_cast<std::size_t>(kMaxNesting)) {
    out_.deep_unclosed = span(open.at, open.at + 1);
  } else {
    out_.tokens[open.token].reported = true;
    report(codes::unclosed_bracket, span(open.at, open.at + 1), fmt::format("'{}' is never closed; expected '{}'", bracket_text(open.open), bracket_text(closing(open.open))));
  }
  brackets_.clear();
  const std::uint32_t end = last_end_;
  push(TokenKind::Error, end, end).reported = true;
  push(TokenKind::Newline, end, end).reported = true;
}

}  // namespace flexc::dsl
