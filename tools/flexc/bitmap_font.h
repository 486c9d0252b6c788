// A small bitmap font for the PNG pictures: printable ASCII, five dots wide, seven high and two below the line.
#pragma once

#include <array>
#include <cstdint>

namespace flexc::cli {

inline constexpr int kGlyphColumns = 5, kGlyphRows = 9;

struct Glyph {
  std::array<std::uint8_t, kGlyphRows> rows{};  ///< a bit a column, the left one highest
  bool dot(int row, int column) const { return (rows[static_cast<std::size_t>(row)] >> (kGlyphColumns - 1 - column) & 1) != 0; }
};

/// The glyph of a printable ASCII character; that of '?' for any other.
const Glyph& glyph_of(char c);

}  // namespace flexc::cli
