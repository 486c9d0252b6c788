// Operands: names, literals, brackets, calls, indices, attributes, lambdas.
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parser.h"
#include "dsl/syntax/utf8.h"

namespace flexc::dsl {

/// A primary with whatever is hung behind it; these chains are left-deep and cost no C++ stack.
Expr* Parser::parse_operand() {
  const std::uint32_t begin = token().begin;
  Expr* operand = parse_primary();
  while (operand != nullptr) {
    if (at(TokenKind::Dot)) {
      advance();
      if (!at(TokenKind::Name)) {
        error_at(token(), codes::syntax_error, fmt::format("expected a name after '.', found {}", found()));
        return nullptr;
      }
      Expr* attribute = program_.new_expr(ExprKind::Attribute, {begin, token().end, source_});
      attribute->anchor = span_of(token());
      attribute->text = text_of(token());
      attribute->a = operand;
      operand = attribute;
      advance();
    } else if (at(TokenKind::LeftParen)) {
      Expr* call = program_.new_expr(ExprKind::Call, span_of(token()));
      call->a = operand;
      if (!parse_arguments(call)) return nullptr;
      call->span = span_from(begin);
      operand = call;
    } else if (at(TokenKind::LeftBracket)) {
      Expr* subscript = program_.new_expr(ExprKind::Subscript, span_of(token()));
      subscript->a = operand;
      if (!parse_indices(subscript)) return nullptr;
      subscript->span = span_from(begin);
      operand = subscript;
    } else {
      return operand;
    }
  }
  return nullptr;
}

Expr* Parser::parse_primary() {
  const Token& start = token();
  ExprKind kind;
  switch (start.kind) {
    case TokenKind::Name: kind = ExprKind::Name; break;
    case TokenKind::Integer: kind = ExprKind::Integer; break;
    case TokenKind::Float: return parse_float();
    case TokenKind::String: return parse_string();
    case TokenKind::True: case TokenKind::False: kind = ExprKind::Bool; break;
    case TokenKind::None: kind = ExprKind::None; break;
    case TokenKind::Error: kind = ExprKind::Error; break;
    case TokenKind::LeftParen: return parse_parenthesised();
    default: return refuse_primary();
  }
  Expr* expr = program_.new_expr(kind, span_of(start));
  expr->text = text_of(start);
  expr->truth = start.kind == TokenKind::True;
  advance();
  return expr;
}

Expr* Parser::parse_float() {
  Expr* expr = program_.new_expr(ExprKind::Float, span_of(token()));
  expr->text = text_of(token());
  std::string digits;
  for (char c : expr->text)
    if (c != '_') digits += c;
  double value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // from_chars says the same of what is too small; that rounds to 0 as in Python, without a word.
  const std::size_t exponent = digits.find_first_of("eE");
  const bool tiny = exponent != std::string::npos ? digits[exponent + 1] == '-' : digits.starts_with("0") || digits.starts_with(".");
  if (problem == std::errc::result_out_of_range && !tiny)
    warn(codes::float_overflow, expr->span, fmt::format("{} is too large for a float and counts as inf; write inf if that is meant",
                                                        expr->text.size() <= 40 ? expr->text : std::string_view("this number")));
  advance();
  return expr;
}

/// One string, or several side by side.
Expr* Parser::parse_string() {
  Expr* expr = program_.new_expr(ExprKind::String, span_of(token()));
  const std::uint32_t begin = token().begin;
  bool decoded = true;
  while (at(TokenKind::String) || at(TokenKind::FString) || at(TokenKind::Bytes)) {
    if (!at(TokenKind::String)) {
      refuse_primary();
      return nullptr;
    }
    decoded = decode_string(token(), expr->string) && decoded;
    advance();
  }
  expr->span = expr->anchor = span_from(begin);
  if (!decoded) expr->kind = ExprKind::Error;
  return expr;
}

bool Parser::decode_string(const Token& literal, std::string& out) {
  std::string_view text = text_of(literal);
  std::uint32_t at = literal.begin;
  bool raw = false;
  while (text.front() != '"' && text.front() != '\'') {
    raw = raw || (text.front() | 0x20) == 'r';
    text.remove_prefix(1);
    ++at;
  }
  const std::size_t quotes = text.size() >= 6 && text[1] == text[0] && text[2] == text[0] ? 3 : 1;
  text = text.substr(quotes, text.size() - 2 * quotes);
  at += static_cast<std::uint32_t>(quotes);
  const auto octal = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || raw || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    const std::size_t escape = i++;
    switch (const char c = text[i]) {
      case '\n': break;
      case '\r': i += i + 1 < text.size() && text[i + 1] == '\n' ? 1 : 0; break;
      case '\\': case '\'': case '"': out += c; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'v': out += '\v'; break;
      case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
        unsigned value = 0;
        std::size_t used = 0;
        for (; used < 3 && octal(i + used); ++used) value = value * 8 + static_cast<unsigned>(text[i + used] - '0');
        append_utf8(out, value);
        i += used - 1;
        break;
      }
      case 'x': case 'u': case 'U': {
        const std::size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        unsigned value = 0;
        const std::string_view digits = text.substr(i + 1, length);
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (problem != std::errc{} || end != digits.data() + length || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
          const auto begin = at + static_cast<std::uint32_t>(escape);
          error(codes::invalid_string, {begin, begin + 2, source_}, fmt::format("invalid escape: expected {} hexadecimal digits of a character after '\\{}'", length, c));
          return false;
        }
        append_utf8(out, value);
        i += length;
        break;
      }
      default:
        out += '\\';
        out += c;
    }
  }
  return true;
}

/// What cannot begin an operand: says what it is, and that the language has no such thing, or what was expected.
Expr* Parser::refuse_primary() {
  using enum TokenKind;
  switch (token().kind) {
    case FString: unsupported(token(), "an f-string is", "only the text of an assert may be one"); return nullptr;
    case Bytes: unsupported(token(), "a bytes literal is", "write a plain string"); return nullptr;
    case LeftBracket: {
      // `[x for …]` is named after what it is.
      int depth = 0;
      bool comprehension = false;
      for (std::size_t i = at_; i < tokens_.size() && tokens_[i].kind != Newline; ++i) {
        const TokenKind kind = tokens_[i].kind;
        depth += kind == LeftBracket || kind == LeftParen || kind == LeftBrace ? 1 : kind == RightBracket || kind == RightParen || kind == RightBrace ? -1 : 0;
        comprehension = comprehension || (depth == 1 && kind == For);
        if (depth == 0) break;
      }
      if (comprehension) unsupported(token(), "a list comprehension is", "use a 'for' loop over range(…), or precompute a capture");
      else unsupported(token(), "a list '[…]' is", "write a tuple '(…)', or precompute a capture");
      return nullptr;
    }
    case LeftBrace: unsupported(token(), "a dict or set '{…}' is", "write a tuple '(…)', or precompute a capture"); return nullptr;
    case Ellipsis: unsupported(token(), "'...' is"); return nullptr;
    case Star: case DoubleStar:
      if (at_ > 0 && previous().kind >= Plus && previous().kind <= GreaterEqual) break;  // a slip such as `a * * b`
      if (at(DoubleStar)) {
        unsupported(token(), "'**' before an expression (unpacking) is", "write the arguments one by one");
        return nullptr;
      }
      unsupported(token(), "'*' before an expression (unpacking) is", "write the items one by one"); return nullptr;
    case Await: unsupported(token(), "'await' is"); return nullptr;
    case Yield: unsupported(token(), "'yield' is", "a function returns its value with 'return'"); return nullptr;
    case Lambda: error_at(token(), codes::syntax_error, "a lambda as an operand needs parentheses: '(lambda …)'"); return nullptr;
    default: break;
  }
  const Token& before = previous();
  const bool after = at_ > 0 && before.kind > TokenKind::Error && before.kind != Semicolon;
  const std::string where = after ? fmt::format(" after {}", describe(before.kind, text_of(before))) : "";
  std::string hint;
  if (after && at_ >= 2 && before.end - tokens_[at_ - 2].begin == 2 && before.kind == tokens_[at_ - 2].kind && (before.kind == Plus || before.kind == Minus)) {
    const std::string_view sign = text_of(before);
    hint = fmt::format("; there is no '{0}{0}', write 'x {0}= 1'", sign);
  } else if (!after && (at(DoubleSlash) || at(Slash))) {
    hint = "; comments begin with '#'";
  } else if (is_keyword_token(token().kind)) {
    hint = "; a keyword cannot be a name";
  }
  error_at(token(), codes::syntax_error, fmt::format("expected an expression{}, found {}{}", where, found(), hint));
  return nullptr;
}

/// Reports what stands where `expected` should, within the bracket that `open` opened.
void Parser::expected_in_bracket(const Token& open, std::string_view expected, std::string_view where) {
  using enum TokenKind;
  if (previous().kind == Error) return;  // something there was reported
  switch (token().kind) {
    case For: case Async:
      unsupported(token(), "a generator expression ('for' within brackets) is", "use a 'for' loop over range(…), or reduce a row with sum(…)");
      return;
    case Assign: error_at(token(), codes::assignment_in_expression, "unexpected '=' in an expression; did you mean '=='?"); return;
    case Walrus: unsupported(token(), "':=' is", "assign on a line of its own"); return;
    case Name: case Integer: case Float: case String: case FString: case Bytes: case LeftParen: case True: case False: case None: case Lambda: case Not: case LeftBrace:
      error_at(token(), codes::missing_comma, fmt::format("expected {} {}, found {}; is a ',' or an operator missing?", expected, where, found()),
               {{span_of(open), fmt::format("'{}' was opened here", text_of(open))}});
      return;
    default:
      error_at(token(), codes::syntax_error, fmt::format("expected {} {}, found {}", expected, where, found()),
               {{span_of(open), fmt::format("'{}' was opened here", text_of(open))}});
  }
}

Expr* Parser::parse_parenthesised() {
  if (!enter()) return nullptr;
  const Token& open = token();
  advance();
  Expr* expr = nullptr;
  if (at(TokenKind::RightParen)) {
    expr = program_.new_expr(ExprKind::Tuple, span_of(open));
  } else {
    expr = parse_expression_list();
    if (expr == nullptr) return nullptr;
    if (!at(TokenKind::RightParen)) {
      expected_in_bracket(open, "')'", "to close the parenthesis");
      return nullptr;
    }
  }
  advance();
  --depth_;
  if (expr->kind == ExprKind::Tuple && !expr->parenthesised) expr->span = expr->anchor = span_from(open.begin);  // a tuple's brackets are its own
  expr->parenthesised = true;
  return expr;
}

bool Parser::parse_arguments(Expr* call) {
  if (!enter()) return false;
  const Token& open = token();
  advance();
  bool in_order = true;
  while (!at(TokenKind::RightParen)) {
    if (!parse_argument(call, in_order)) return false;
    if (at(TokenKind::RightParen)) break;
    if (!at(TokenKind::Comma)) {
      expected_in_bracket(open, "',' or ')'", "after the argument");
      return false;
    }
    advance();
  }
  advance();
  --depth_;
  if (!in_order) {  // which parameter gets which argument is anybody's guess: the names in them are looked at, and no more
    call->kind = ExprKind::Error;
    for (const Argument& argument : call->arguments) call->items.push_back(argument.value);
  }
  return true;
}

bool Parser::parse_argument(Expr* call, bool& in_order) {
  const Token& start = token();
  const bool named = (start.kind == TokenKind::Name || is_keyword_token(start.kind)) && peek().kind == TokenKind::Assign;
  in_order = check_argument(*call, named) && in_order;
  if (named) {
    advance();
    advance();
  }
  Expr* value = parse_expression();
  if (value == nullptr) return false;
  if (named) call->arguments.push_back({text_of(start), span_of(start), value});
  else call->arguments.push_back({{}, value->span, value});
  return true;
}

/// Whether the argument that begins at the current token may stand there, after those before it.
bool Parser::check_argument(const Expr& call, bool named) {
  constexpr std::size_t kMostCompared = 1000;  // so that a million arguments take no million squared comparisons
  if (!named) {
    if (call.arguments.empty() || call.arguments.back().name.empty() || at(TokenKind::Star) || at(TokenKind::DoubleStar) || at(TokenKind::RightParen)) return true;
    error_at(token(), codes::invalid_argument, fmt::format("a positional argument cannot follow the keyword argument '{}'", call.arguments.back().name));
    return false;
  }
  if (!at(TokenKind::Name)) {
    error_at(token(), codes::invalid_argument, fmt::format("{} cannot be the name of an argument", found()));
    return false;
  }
  if (call.arguments.size() > kMostCompared) return true;
  const std::string_view name = text_of(token());
  const auto first = std::ranges::find(call.arguments, name, &Argument::name);
  if (first == call.arguments.end()) return true;
  error(codes::duplicate_argument, span_of(token()), fmt::format("argument '{}' is given twice", name), {{first->name_span, "the first is here"}});
  return false;
}

bool Parser::parse_indices(Expr* subscript) {
  if (!enter()) return false;
  const Token& open = token();
  advance();
  if (at(TokenKind::RightBracket)) {
    error_at(token(), codes::syntax_error, "expected an index between '[' and ']'");
    return false;
  }
  while (!at(TokenKind::RightBracket)) {
    if (at(TokenKind::Colon)) {
      unsupported(token(), "a slice (':' in an index) is", "index with an integer; one index fewer than dimensions gives a row");
      return false;
    }
    Expr* index = parse_expression();
    if (index == nullptr) return false;
    subscript->items.push_back(index);
    if (at(TokenKind::RightBracket)) break;
    if (at(TokenKind::Colon)) continue;
    if (!at(TokenKind::Comma)) {
      expected_in_bracket(open, "',' or ']'", "after the index");
      return false;
    }
    subscript->tuple_index = true;
    advance();
  }
  advance();
  --depth_;
  return true;
}

Expr* Parser::parse_lambda() {
  if (!enter()) return nullptr;
  const Token& start = token();
  advance();
  Function* function = program_.new_function();
  function->name = "<lambda>";
  function->name_span = span_of(start);
  if (!parse_parameters(*function, TokenKind::Colon, false)) return nullptr;
  if (!at(TokenKind::Colon)) {
    error_at(token(), codes::missing_colon, fmt::format("expected ':' after the lambda's parameters, found {}", found()));
    return nullptr;
  }
  advance();
  function->expression = parse_expression();
  if (function->expression == nullptr) return nullptr;
  --depth_;
  Expr* expr = program_.new_expr(ExprKind::Lambda, span_from(start.begin));
  expr->anchor = span_of(start);
  expr->function = function;
  return expr;
}

}  // namespace flexc::dsl
