// Tokens: all of Python's, so that what the language leaves out can be named in an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flexc::dsl {

enum class TokenKind : std::uint8_t {
  EndOfFile, Newline, Indent, Dedent,
  Error,  // something here was reported; stands for an operand
  Name, Integer, Float, String, FString, Bytes,
  LeftParen, RightParen, LeftBracket, RightBracket, LeftBrace, RightBrace,
  Comma, Colon, Semicolon, Dot, Ellipsis, Arrow, At, Walrus, Assign,
  Plus, Minus, Star, Slash, DoubleSlash, Percent, DoubleStar, Ampersand, Pipe, Caret, Tilde, ShiftLeft, ShiftRight,
  EqualEqual, NotEqual, Less, LessEqual, Greater, GreaterEqual,
  PlusAssign, MinusAssign, StarAssign, SlashAssign, DoubleSlashAssign, PercentAssign, DoubleStarAssign, AmpersandAssign, PipeAssign, CaretAssign,
  ShiftLeftAssign, ShiftRightAssign, AtAssign,
  // Keywords, in the order of keyword_names().
  False, None, True, And, As, Assert, Async, Await, Break, Class, Continue, Def, Del, Elif, Else, Except, Finally, For, From, Global, If, Import, In,
  Is, Lambda, Nonlocal, Not, Or, Pass, Raise, Return, Try, While, With, Yield,
};

inline constexpr TokenKind kFirstKeyword = TokenKind::False;
inline constexpr TokenKind kLastKeyword = TokenKind::Yield;
inline constexpr bool is_keyword_token(TokenKind kind) { return kind >= kFirstKeyword; }
inline constexpr bool is_augmented_assign(TokenKind kind) { return kind >= TokenKind::PlusAssign && kind <= TokenKind::AtAssign; }

struct Token {
  TokenKind kind = TokenKind::EndOfFile;
  bool reported = false;  ///< the lexer reported an error here: the parser says nothing more about this token
  std::uint32_t begin = 0, end = 0;
};

/// "'<='", "keyword 'if'", "end of line", …; `text` is the token's own.
std::string describe(TokenKind kind, std::string_view text);

}  // namespace flexc::dsl
