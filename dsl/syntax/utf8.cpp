#include "dsl/syntax/utf8.h"

#include <fmt/format.h>

namespace flexc::dsl {

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  int continuation = 0;
  unsigned low = 0x80, high = 0xBF;  // the range of the second byte: excludes overlong forms, surrogates, beyond U+10FFFF
  char32_t value = 0;
  if (lead >= 0xC2 && lead <= 0xDF) { continuation = 1; value = lead & 0x1Fu; }
  else if (lead >= 0xE0 && lead <= 0xEF) {
    continuation = 2;
    value = lead & 0x0Fu;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    continuation = 3;
    value = lead & 0x07u;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  for (int i = 1; i <= continuation; ++i) {
    const unsigned next = byte(static_cast<std::size_t>(i));
    if (next < low || next > high) return {0xFFFD, static_cast<std::size_t>(i), false};
    low = 0x80;
    high = 0xBF;
    value = (value << 6) | (next & 0x3Fu);
  }
  return {value, static_cast<std::size_t>(continuation) + 1, true};
}

void append_utf8(std::string& text, char32_t value) {
  const auto push = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    push(value);
  } else if (value < 0x800) {
    push(0xC0 | (value >> 6));
    push(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    push(0xE0 | (value >> 12));
    push(0x80 | ((value >> 6) & 0x3F));
    push(0x80 | (value & 0x3F));
  } else {
    push(0xF0 | (value >> 18));
    push(0x80 | ((value >> 12) & 0x3F));
    push(0x80 | ((value >> 6) & 0x3F));
    push(0x80 | (value & 0x3F));
  }
}

bool is_bidi_control(char32_t value) {
  return value == 0x061C || value == 0x200E || value == 0x200F || (value >= 0x202A && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069);
}

std::string code_point_name(char32_t value) { return fmt::format("U+{:04X}", static_cast<unsigned>(value)); }

}  // namespace flexc::dsl
