#include "dsl/syntax/lexer.h"

#include <array>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/lexer_state.h"
#include "dsl/syntax/utf8.h"

namespace flexc::dsl {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

bool Lexer::at_line_break(std::size_t at) const {
  return at >= text_.size() || text_[at] == '\n' || (text_[at] == '\r' && at + 1 < text_.size() && text_[at + 1] == '\n');
}

void Lexer::skip_line_break() {
  if (peek() == '\r') ++at_;
  if (!at_end()) ++at_;
}

void Lexer::report(std::string_view code, Span where, std::string message, std::vector<Note> notes) {
  diagnostics_.add({Severity::Error, code, where, std::move(message), std::move(notes)});
}

Token& Lexer::push(TokenKind kind, std::size_t begin, std::size_t end) {
  Token& token = out_.tokens.emplace_back();
  token.kind = kind;
  token.begin = static_cast<std::uint32_t>(begin);
  token.end = static_cast<std::uint32_t>(end);
  if (kind != TokenKind::Indent && kind != TokenKind::Dedent) {
    last_end_ = token.end;
    line_started_ = kind != TokenKind::Newline;
  }
  return token;
}

/// NUL, bidirectional controls and what is not UTF-8 are errors wherever they stand, comments and strings included; the rest of
/// the lexer then takes them for blanks. A run of them is one error.
void Lexer::check_bytes() {
  enum class Fault { None, Nul, Bidi, Utf8, Return };
  Fault previous = Fault::None;
  for (std::size_t at = at_; at < text_.size();) {
    const char c = text_[at];
    if (c > 0 && c != '\r') {
      previous = Fault::None;
      ++at;
      continue;
    }
    const CodePoint point = decode_utf8(text_, at);
    const Span where = span(at, at + point.length);
    Fault fault = Fault::None;
    if (!point.valid) {
      fault = Fault::Utf8;
      if (previous != fault) report(codes::invalid_utf8, where, fmt::format("byte 0x{:02x} is not valid UTF-8; save the file as UTF-8", static_cast<unsigned char>(c)));
    } else if (point.value == 0) {
      fault = Fault::Nul;
      if (previous != fault) report(codes::control_character, where, "NUL character (\\x00) in the text; remove it");
    } else if (is_bidi_control(point.value)) {
      fault = Fault::Bidi;
      if (previous != fault)
        report(codes::control_character, where,
               fmt::format("bidirectional control character {} makes text look different from what it is; remove it", code_point_name(point.value)));
    } else if (c == '\r' && !at_line_break(at)) {
      fault = Fault::Return;
      if (previous != fault) report(codes::control_character, where, "carriage return (\\x0d) without a line feed; end lines with LF or CRLF");
    }
    previous = fault;
    at += point.length;
  }
}

LexedSource Lexer::run() {
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  check_bytes();
  last_end_ = static_cast<std::uint32_t>(at_);
  while (!at_end()) {
    if (!line_started_ && brackets_.empty() && !expression_) lex_line_start();
    lex_inside_line();
  }
  finish();
  return std::move(out_);
}

void Lexer::lex_line_start() {
  for (;;) {
    Indentation indentation;
    const std::size_t begin = at_;
    for (;; ++at_) {
      const char c = peek();
      if (at_end()) break;
      if (c == ' ' || (c == '\0')) {
        ++indentation.column;
        ++indentation.alternative;
      } else if (c == '\t') {
        indentation.column = (indentation.column / kTabStop + 1) * kTabStop;
        ++indentation.alternative;
      } else if (c == '\f') {
        indentation = {};
      } else {
        break;
      }
    }
    if (at_end()) return;
    if (peek() == '#') {
      while (!at_line_break(at_)) ++at_;
    }
    if (at_line_break(at_)) {  // blank: no token at all
      skip_line_break();
      if (at_end()) return;
      continue;
    }
    if (peek() == '\\' && at_line_break(at_ + 1) && at_ == begin) return;  // a continuation of nothing: lexed as such
    set_indentation(indentation, at_);
    statement_column_ = indentation.column;
    return;
  }
}

void Lexer::set_indentation(const Indentation& now, std::size_t at) {
  const auto inconsistent = [&] {
    report(codes::inconsistent_indentation, span(at, at + 1), "inconsistent use of tabs and spaces in the indentation; indent with spaces only");
  };
  const Indentation top = indentations_.back();
  if (now.column == top.column) {
    if (now.alternative != top.alternative) inconsistent();
    return;
  }
  if (now.column > top.column) {
    if (now.alternative <= top.alternative) return inconsistent();  // and goes on as if it stood at the same level
    indentations_.push_back(now);
    push(TokenKind::Indent, at, at);
    return;
  }
  if (now.alternative >= top.alternative) inconsistent();
  while (now.column < indentations_.back().column) {
    const Indentation outer = indentations_[indentations_.size() - 2];
    const Indentation inner = indentations_.back();
    if (now.column > outer.column) {  // between two levels: the nearer one is meant
      report(codes::inconsistent_indentation, span(at, at + 1),
             fmt::format("the indentation, {} columns, matches no enclosing block; expected {} or {}", now.column, outer.column, inner.column));
      if (inner.column - now.column <= now.column - outer.column) return;
      indentations_.pop_back();
      push(TokenKind::Dedent, at, at);
      return;
    }
    indentations_.pop_back();
    push(TokenKind::Dedent, at, at);
  }
  if (now.alternative != indentations_.back().alternative && now.column == indentations_.back().column && now.alternative < top.alternative) inconsistent();
}

/// Lexes up to the end of the logical line (or, within brackets, of the physical one).
void Lexer::lex_inside_line() {
  while (!at_end()) {
    const char c = peek();
    if (at_line_break(at_)) {
      if (!brackets_.empty() || expression_) {
        skip_line_break();
        if (!brackets_.empty() && breaks_bracket()) {
          abandon_brackets();
          return;
        }
        continue;
      }
      end_line();
      skip_line_break();
      return;
    }
    if (c == ' ' || c == '\t' || c == '\f' || c == '\0' || c == '\r') {
      ++at_;
    } else if (c == '#') {
      while (!at_line_break(at_)) ++at_;
    } else if (c == '\\') {
      lex_continuation();
    } else if (is_name_start(c)) {
      lex_name();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      lex_number();
    } else if (c == '"' || c == '\'') {
      lex_string(0);
    } else if (is_non_ascii(c)) {
      lex_non_ascii();
    } else {
      lex_operator();
    }
  }
}

void Lexer::end_line() {
  if (line_started_) push(TokenKind::Newline, last_end_, last_end_);
}

void Lexer::lex_continuation() {
  if (at_ + 1 < text_.size() && at_line_break(at_ + 1)) {
    const std::size_t begin = at_++;
    skip_line_break();
    if (at_end()) report(codes::syntax_error, span(begin, begin + 1), "'\\' continues the line, but the text ends here");
    return;
  }
  std::size_t after = at_ + 1;
  while (after < text_.size() && (text_[after] == ' ' || text_[after] == '\t')) ++after;
  if (after >= text_.size()) {
    report(codes::syntax_error, span(at_, at_ + 1), "'\\' continues the line, but the text ends here");
  } else if (at_line_break(after)) {
    report(codes::syntax_error, span(at_, at_ + 1), "blanks after the '\\' that continues the line; remove them");
    at_ = after;
    skip_line_break();
    return;
  } else {
    report(codes::invalid_character, span(at_, at_ + 1), "unexpected character '\\'; it continues a line, and then nothing may follow it");
    push(TokenKind::Error, at_, at_ + 1).reported = true;
  }
  ++at_;
}

namespace {

struct Spelling {
  std::string_view text;
  TokenKind kind;
  std::string_view remedy;  // not an operator of Python: what is meant
};

using enum TokenKind;
// Longest first.
constexpr std::array kOperators = {
    Spelling{"**=", DoubleStarAssign, ""}, Spelling{"//=", DoubleSlashAssign, ""}, Spelling{"<<=", ShiftLeftAssign, ""}, Spelling{">>=", ShiftRightAssign, ""},
    Spelling{"...", Ellipsis, ""}, Spelling{"===", EqualEqual, "=="}, Spelling{"!==", NotEqual, "!="},
    Spelling{"**", DoubleStar, ""}, Spelling{"//", DoubleSlash, ""}, Spelling{"<<", ShiftLeft, ""}, Spelling{">>", ShiftRight, ""}, Spelling{"==", EqualEqual, ""},
    Spelling{"!=", NotEqual, ""}, Spelling{"<=", LessEqual, ""}, Spelling{">=", GreaterEqual, ""}, Spelling{"->", Arrow, ""}, Spelling{":=", Walrus, ""},
    Spelling{"+=", PlusAssign, ""}, Spelling{"-=", MinusAssign, ""}, Spelling{"*=", StarAssign, ""}, Spelling{"/=", SlashAssign, ""}, Spelling{"%=", PercentAssign, ""},
    Spelling{"&=", AmpersandAssign, ""}, Spelling{"|=", PipeAssign, ""}, Spelling{"^=", CaretAssign, ""}, Spelling{"@=", AtAssign, ""},
    Spelling{"=>", GreaterEqual, ">="}, Spelling{"=<", LessEqual, "<="}, Spelling{"<>", NotEqual, "!="}, Spelling{"&&", And, "and"}, Spelling{"||", Or, "or"},
    Spelling{",", Comma, ""}, Spelling{":", Colon, ""}, Spelling{";", Semicolon, ""}, Spelling{".", Dot, ""}, Spelling{"@", At, ""}, Spelling{"=", Assign, ""},
    Spelling{"+", Plus, ""}, Spelling{"-", Minus, ""}, Spelling{"*", Star, ""}, Spelling{"/", Slash, ""}, Spelling{"%", Percent, ""}, Spelling{"&", Ampersand, ""},
    Spelling{"|", Pipe, ""}, Spelling{"^", Caret, ""}, Spelling{"~", Tilde, ""}, Spelling{"<", Less, ""}, Spelling{">", Greater, ""}, Spelling{"!", Not, "not"},
};

}  // namespace

void Lexer::lex_operator() {
  const std::size_t begin = at_;
  switch (peek()) {
    case '(': return open_bracket(LeftParen);
    case '[': return open_bracket(LeftBracket);
    case '{': return open_bracket(LeftBrace);
    case ')': return close_bracket(RightParen);
    case ']': return close_bracket(RightBracket);
    case '}': return close_bracket(RightBrace);
    default: break;
  }
  const std::string_view rest = text_.substr(at_);
  for (const Spelling& spelling : kOperators) {
    if (spelling.text[0] != rest[0] || !rest.starts_with(spelling.text)) continue;
    at_ += spelling.text.size();
    Token& token = push(spelling.kind, begin, at_);
    if (!spelling.remedy.empty()) {
      token.reported = true;
      report(codes::unknown_operator, span(begin, at_), fmt::format("'{}' is not an operator; did you mean '{}'?", spelling.text, spelling.remedy));
    }
    return;
  }
  ++at_;
  const char c = text_[begin];
  if (c == '?') {
    report(codes::unknown_operator, span(begin, at_), "'?' is not an operator; a choice is written 'a if condition else b', or where(condition, a, b)");
  } else if (c > 0x20 && c < 0x7F) {
    report(codes::invalid_character, span(begin, at_), fmt::format("unexpected character '{}'", c));
  } else {
    report(codes::control_character, span(begin, at_), fmt::format("unexpected control character \\x{:02x}; remove it", static_cast<unsigned char>(c)));
    return;  // as good as a blank
  }
  push(TokenKind::Error, begin, at_).reported = true;
}

void Lexer::lex_non_ascii() {
  const CodePoint point = decode_utf8(text_, at_);
  const std::size_t begin = at_;
  if (!point.valid || is_bidi_control(point.value)) {  // reported by check_bytes()
    at_ += point.length;
    return;
  }
  const Foreign foreign = classify_foreign(point.value);
  if (foreign.kind == ForeignKind::Letter) return lex_name();
  at_ += point.length;
  const Span where = span(begin, at_);
  const std::string_view shown = text_.substr(begin, point.length);
  switch (foreign.kind) {
    case ForeignKind::Space:
      report(codes::invalid_character, where, fmt::format("invisible character {}; use an ordinary space, or remove it", code_point_name(point.value)));
      return;
    case ForeignKind::Operator: {
      report(codes::invalid_character, where, fmt::format("unexpected character '{}' ({}); did you mean '{}'?", shown, code_point_name(point.value), foreign.meant));
      push(foreign.token, begin, at_).reported = true;
      return;
    }
    case ForeignKind::Quote: {
      report(codes::invalid_character, where, fmt::format("typographic quote '{}' ({}); strings are written with \" or '", shown, code_point_name(point.value)));
      // Up to the closing quote, if the line has one, this is a string.
      for (std::size_t at = at_; !at_line_break(at);) {
        const CodePoint other = decode_utf8(text_, at);
        at += other.length;
        if (other.valid && other.value >= 0x80 && classify_foreign(other.value).kind == ForeignKind::Quote) {
          at_ = at;
          break;
        }
      }
      push(TokenKind::Error, begin, at_).reported = true;
      return;
    }
    default:
      report(codes::invalid_character, where,
             foreign.meant.empty() ? fmt::format("unexpected character '{}' ({})", shown, code_point_name(point.value))
                                   : fmt::format("unexpected character '{}' ({}); did you mean '{}'?", shown, code_point_name(point.value), foreign.meant));
      push(TokenKind::Error, begin, at_).reported = true;
  }
}

void Lexer::finish() {
  if (!brackets_.empty()) abandon_brackets();
  if (!expression_) end_line();
  const std::size_t end = expression_ ? last_end_ : text_.size();
  for (std::size_t i = indentations_.size(); i-- > 1;) push(TokenKind::Dedent, end, end);
  push(TokenKind::EndOfFile, end, end);
}

LexedSource lex(std::string_view text, std::uint16_t source, bool expression, Diagnostics& diagnostics) {
  return Lexer(text, source, expression, diagnostics).run();
}

}  // namespace flexc::dsl
