// From text to tokens, with Python's rules of lines and indentation.
#pragma once

#include <optional>
#include <vector>

#include "dsl/syntax/token.h"
#include "flexc/diagnostic.h"

namespace flexc::dsl {

struct LexedSource {
  std::vector<Token> tokens;  ///< ends with EndOfFile
  /// A bracket that is never closed, with so many around it that the parser's complaint about the nesting comes first.
  std::optional<Span> deep_unclosed;
};

/// `expression`: the source is one expression, whose lines and indentation mean nothing.
LexedSource lex(std::string_view text, std::uint16_t source, bool expression, Diagnostics& diagnostics);

}  // namespace flexc::dsl
