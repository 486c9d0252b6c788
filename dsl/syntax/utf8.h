// UTF-8, one code point at a time. A byte sequence that is not UTF-8 decodes as one U+FFFD for each maximal valid prefix, as
// Unicode recommends and Python's decoder does, so that columns agree with what editors show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flexc::dsl {

struct CodePoint {
  char32_t value = 0xFFFD;
  std::size_t length = 1;  ///< in bytes
  bool valid = false;
};

/// The code point at `at`, which must be below text.size().
CodePoint decode_utf8(std::string_view text, std::size_t at);

/// Appends `value` as UTF-8.
void append_utf8(std::string& text, char32_t value);

/// Whether the code point reorders text (bidirectional controls).
bool is_bidi_control(char32_t value);

/// "U+0441".
std::string code_point_name(char32_t value);

}  // namespace flexc::dsl
