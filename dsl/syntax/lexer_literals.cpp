// Names, numbers and strings.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/lexer_state.h"
#include "dsl/syntax/names.h"
#include "dsl/syntax/utf8.h"

namespace flexc::dsl {
namespace {

constexpr std::array<std::string_view, 35> kKeywords = {
    "False", "None", "True", "and",  "as",   "assert", "async",  "await",    "break", "class", "continue", "def",    "del", "elif",  "else", "except", "finally", "for",
    "from",  "global", "if", "import", "in", "is",     "lambda", "nonlocal", "not",   "or",    "pass",     "raise",  "return", "try", "while", "with", "yield"};
static_assert(std::ranges::is_sorted(kKeywords));
static_assert(static_cast<int>(kLastKeyword) - static_cast<int>(kFirstKeyword) + 1 == kKeywords.size());

/// Latin letters that Cyrillic and Greek ones are taken for.
std::string_view latin_twin(char32_t value) {
  switch (value) {
    case 0x0430: case 0x03B1: return "a";
    case 0x0435: return "e";
    case 0x043E: case 0x03BF: return "o";
    case 0x0440: case 0x03C1: return "p";
    case 0x0441: return "c";
    case 0x0443: return "y";
    case 0x0445: return "x";
    case 0x0455: return "s";
    case 0x0456: return "i";
    case 0x0458: return "j";
    case 0x04BB: return "h";
    case 0x0501: return "d";
    case 0x051B: return "q";
    case 0x03BD: return "v";
    default: return "";
  }
}

/// The end of a run of digits (as `is` says) with single underscores between them; npos in `bad` if they are placed wrongly.
template <class IsDigit>
std::size_t digits(std::string_view text, std::size_t at, IsDigit is, bool& misplaced) {
  std::size_t end = at;
  while (end < text.size() && (is(text[end]) || text[end] == '_')) {
    if (text[end] == '_' && (end == at || text[end - 1] == '_' || end + 1 >= text.size() || !is(text[end + 1]))) misplaced = true;
    ++end;
  }
  return end;
}

}  // namespace

void Lexer::lex_name() {
  const std::size_t begin = at_;
  std::size_t fault = std::string_view::npos;
  CodePoint foreign;
  while (!at_end()) {
    if (is_name_part(peek())) {
      ++at_;
      continue;
    }
    if (!is_non_ascii(peek())) break;
    const CodePoint point = decode_utf8(text_, at_);
    const ForeignKind kind = classify_foreign(point.value).kind;
    // An invisible character within a name belongs to it, so that the name is one error.
    if (point.valid && kind != ForeignKind::Letter && !(kind == ForeignKind::Space && point.value != 0xA0 && point.value != 0x3000)) break;
    if (fault == std::string_view::npos && point.valid && !is_bidi_control(point.value)) {
      fault = at_;
      foreign = point;
    }
    at_ += point.length;
  }
  if (fault != std::string_view::npos) {
    const bool invisible = classify_foreign(foreign.value).kind == ForeignKind::Space;
    const std::string_view twin = latin_twin(foreign.value);
    report(codes::invalid_character, span(fault, fault + foreign.length),
           invisible ? fmt::format("invisible character {} in a name; remove it", code_point_name(foreign.value))
                     : fmt::format("character '{}' ({}) in a name; names are made of ASCII letters, digits and '_'{}", text_.substr(fault, foreign.length),
                                   code_point_name(foreign.value), twin.empty() ? "" : fmt::format(", such as the Latin '{}'", twin)));
    push(TokenKind::Error, begin, at_).reported = true;
    return;
  }
  const std::string_view text = text_.substr(begin, at_ - begin);
  if (text.size() <= 2 && (peek() == '"' || peek() == '\'')) {
    at_ = begin;
    if (lex_string(text.size())) return;
    at_ = begin + text.size();
  }
  const auto* keyword = std::ranges::lower_bound(kKeywords, text);
  if (keyword != kKeywords.end() && *keyword == text)
    push(static_cast<TokenKind>(static_cast<int>(kFirstKeyword) + (keyword - kKeywords.begin())), begin, at_);
  else
    push(TokenKind::Name, begin, at_);
}

void Lexer::lex_number() {
  const std::size_t begin = at_;
  bool misplaced = false, real = false;
  std::string remedy;
  const auto decimal = [](char c) { return is_digit(c); };
  const char second = peek(1);
  if (peek() == '0' && (second == 'x' || second == 'X')) {
    const auto hexadecimal = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
    const std::size_t first = begin + 2 + (peek(2) == '_' ? 1 : 0);  // Python: 0x_ff
    at_ = digits(text_, first, hexadecimal, misplaced);
    if (at_ == first) remedy = "hexadecimal digits are expected after '0x'";
  } else if (peek() == '0' && (second == 'b' || second == 'B')) {
    const std::size_t first = begin + 2 + (peek(2) == '_' ? 1 : 0);
    at_ = digits(text_, first, [](char c) { return c == '0' || c == '1'; }, misplaced);
    if (at_ == first || is_digit(peek())) remedy = "binary digits, 0 and 1, are expected after '0b'";
  } else if (peek() == '0' && (second == 'o' || second == 'O')) {
    at_ = begin + 2;
    remedy = "octal numbers are not part of the language; write it in decimal, hexadecimal (0x…) or binary (0b…)";
  } else {
    at_ = digits(text_, begin, decimal, misplaced);
    const bool leading_zero = at_ - begin > 1 && text_[begin] == '0' && text_.substr(begin, at_ - begin).find_first_not_of("0_") != std::string_view::npos;
    if (peek() == '.') {
      real = true;
      at_ = digits(text_, at_ + 1, decimal, misplaced);
    }
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if (is_digit(peek(1 + sign))) {
        real = true;
        at_ = digits(text_, at_ + 1 + sign, decimal, misplaced);
      } else if (sign != 0 || !is_name_part(peek(1))) {
        at_ += 1 + sign;
        remedy = "digits are expected in the exponent, as in 1e-6";
      }
    }
    if (leading_zero && !real) remedy = "leading zeros are not allowed, nor are octal numbers part of the language";
  }
  // What touches the number must not go on like one: 3abc, 1.2.3. As in Python, a keyword may (`1if x else 2`).
  const std::size_t number_end = at_;
  if (is_name_part(peek()) || is_non_ascii(peek()) || (peek() == '.' && (real || !remedy.empty()) && is_digit(peek(1)))) {
    while (is_name_part(peek()) || (is_non_ascii(peek()) && classify_foreign(decode_utf8(text_, at_).value).kind == ForeignKind::Letter) ||
           (peek() == '.' && is_digit(peek(1))))
      ++at_;
    const std::string_view tail = text_.substr(number_end, at_ - number_end);
    constexpr std::array<std::string_view, 8> kMayFollow = {"and", "else", "for", "if", "in", "is", "not", "or"};
    if (remedy.empty() && (tail.empty() || std::ranges::find(kMayFollow, tail) != kMayFollow.end())) {
      at_ = number_end;
    } else if (remedy.empty()) {
      if (tail == "j" || tail == "J") remedy = "complex numbers are not part of the language";
      else if (tail == "f" || tail == "F" || tail == "L" || tail == "l" || tail == "u") remedy = fmt::format("a suffix such as '{}' has no place here", tail);
      else if (tail.find('.') != std::string_view::npos) remedy = "a number has one decimal point";
      else remedy = "a name cannot begin with a digit, and between a number and a name an operator is expected";
    }
  }
  if (remedy.empty() && misplaced) remedy = "'_' stands between two digits only";
  if (!remedy.empty()) {
    report(codes::invalid_number, span(begin, at_), fmt::format("invalid number '{}': {}", text_.substr(begin, std::min<std::size_t>(at_ - begin, 40)), remedy));
    push(TokenKind::Error, begin, at_).reported = true;
    return;
  }
  push(real ? TokenKind::Float : TokenKind::Integer, begin, at_);
}

/// At a quote, or at a name of one or two letters before one: false if those letters are no string prefix.
bool Lexer::lex_string(std::size_t prefix_length) {
  TokenKind kind = TokenKind::String;
  bool raw = false, other = false;
  for (std::size_t i = 0; i < prefix_length; ++i) {
    switch (peek(i) | 0x20) {
      case 'r':
        if (raw) return false;
        raw = true;
        break;
      case 'f': case 'b': case 'u':
        if (other || ((peek(i) | 0x20) == 'u' && prefix_length > 1)) return false;
        other = true;
        if ((peek(i) | 0x20) != 'u') kind = (peek(i) | 0x20) == 'f' ? TokenKind::FString : TokenKind::Bytes;
        break;
      default: return false;
    }
  }
  const std::size_t begin = at_;
  at_ += prefix_length;
  scan_string_body(begin, kind);
  return true;
}

/// A string that was not closed has swallowed the brackets behind its end: those that they would have closed are not missed.
void Lexer::close_swallowed(std::size_t from) {
  int open = 0;
  for (const char c : text_.substr(from, at_ - from)) {
    if (c == '(' || c == '[' || c == '{') ++open;
    if (c != ')' && c != ']' && c != '}') continue;
    if (open > 0) --open;
    else if (!brackets_.empty()) brackets_.pop_back();
  }
}

void Lexer::scan_string_body(std::size_t begin, TokenKind kind) {
  const char quote = peek();
  const bool triple = peek(1) == quote && peek(2) == quote;
  const std::size_t opening = at_;
  at_ += triple ? 3 : 1;
  for (;;) {
    if (at_end() || (!triple && at_line_break(at_))) {
      report(codes::unterminated_string, span(begin, opening + (triple ? 3 : 1)),
             triple ? "this triple-quoted string is never closed" : fmt::format("this string is not closed on its line; expected {} before the end of the line", quote));
      push(TokenKind::Error, begin, at_).reported = true;
      if (!triple) close_swallowed(opening + 1);
      return;
    }
    const char c = peek();
    if (c == '\\') {
      ++at_;
      if (!at_end()) {
        if (at_line_break(at_)) skip_line_break();
        else ++at_;
      }
    } else if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) {
      at_ += triple ? 3 : 1;
      break;
    } else {
      ++at_;
    }
  }
  push(kind, begin, at_);
}

std::string describe(TokenKind kind, std::string_view text) {
  switch (kind) {
    case TokenKind::EndOfFile: return "the end of the text";
    case TokenKind::Newline: return "the end of the line";
    case TokenKind::Indent: return "an indentation";
    case TokenKind::Dedent: return "the end of the block";
    case TokenKind::String: case TokenKind::FString: case TokenKind::Bytes: return "a string";
    default: break;
  }
  constexpr std::size_t kLongestShown = 40;
  const std::string shown = text.size() <= kLongestShown ? std::string(text) : std::string(text.substr(0, kLongestShown)) + "…";
  if (kind == TokenKind::Name) return fmt::format("name '{}'", shown);
  if (kind == TokenKind::Integer || kind == TokenKind::Float) return fmt::format("number {}", shown);
  if (is_keyword_token(kind)) return fmt::format("keyword '{}'", shown);
  return fmt::format("'{}'", shown);
}

bool is_keyword(std::string_view name) { return std::ranges::binary_search(kKeywords, name); }

}  // namespace flexc::dsl
