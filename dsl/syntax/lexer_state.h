// The lexer's class: shared by lexer.cpp (lines, operators), lexer_brackets.cpp and lexer_literals.cpp (names, numbers, strings).
#pragma once

#include "dsl/syntax/lexer.h"

namespace flexc::dsl {

inline constexpr int kTabStop = 8;

class Lexer {
 public:
  Lexer(std::string_view text, std::uint16_t source, bool expression, Diagnostics& diagnostics)
      : text_(text), source_(source), expression_(expression), diagnostics_(diagnostics) {}

  LexedSource run();

 private:
  struct Bracket {
    TokenKind open;
    std::uint32_t at;
    std::size_t token;  // its index
  };
  struct Indentation {
    int column = 0;      // tabs to multiples of eight
    int alternative = 0;  // tabs as one: both must order lines alike
  };

  // Text.
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }
  bool at_line_break(std::size_t at) const;
  void skip_line_break();
  Span span(std::size_t begin, std::size_t end) const { return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), source_}; }
  void report(std::string_view code, Span where, std::string message, std::vector<Note> notes = {});
  Token& push(TokenKind kind, std::size_t begin, std::size_t end);
  TokenKind last_kind() const { return out_.tokens.empty() ? TokenKind::Newline : out_.tokens.back().kind; }
  std::uint32_t last_end() const { return last_end_; }

  // lexer.cpp
  void check_bytes();
  void lex_line_start();
  void set_indentation(const Indentation& indentation, std::size_t at);
  void lex_inside_line();
  void end_line();
  void lex_continuation();
  void lex_operator();
  void lex_non_ascii();
  void finish();

  // lexer_brackets.cpp
  void open_bracket(TokenKind kind);
  void close_bracket(TokenKind kind);
  bool breaks_bracket() const;
  void abandon_brackets();

  // lexer_literals.cpp
  void lex_name();
  void lex_number();
  bool lex_string(std::size_t prefix_length);
  void scan_string_body(std::size_t begin, TokenKind kind);
  void close_swallowed(std::size_t from);

  std::string_view text_;
  std::uint16_t source_;
  bool expression_;
  Diagnostics& diagnostics_;
  LexedSource out_;
  std::size_t at_ = 0;
  std::uint32_t last_end_ = 0;  // of the last token with text
  bool line_started_ = false;   // a token of the current logical line was pushed
  int statement_column_ = 0;    // the indentation of the current logical line
  std::vector<Bracket> brackets_;
  std::vector<Indentation> indentations_{{}};
};

/// Whether a byte can begin or go on in a name; bytes of non-ASCII characters are not asked about here.
inline bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }
inline bool is_non_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80u) != 0; }

/// What a non-ASCII character is to the lexer.
enum class ForeignKind : std::uint8_t { Letter, Space, Operator, Quote, Symbol };
struct Foreign {
  ForeignKind kind = ForeignKind::Letter;
  TokenKind token = TokenKind::Error;  ///< Operator: what is meant
  std::string_view meant;              ///< as ASCII, or empty
};
Foreign classify_foreign(char32_t value);

}  // namespace flexc::dsl
