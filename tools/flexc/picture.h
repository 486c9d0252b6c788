// Pictures of block masks: for a terminal, as SVG and as PNG. None of them touches a file or a stream.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "flexc/block_mask.h"

namespace flexc::cli {

/// Positions that an axis spans, from the first of `length` rows or columns to behind the last.
inline std::int64_t axis_span(const PositionMap& positions, std::int64_t length) {
  std::int64_t end = 0, span = 0;
  if (!positions.fits(length, &end) || __builtin_sub_overflow(end, positions.offset, &span)) return std::numeric_limits<std::int64_t>::max();
  return span;
}

/// The tiles of batch `b` and head `h` in at most `max_columns` columns, with axes, counts and a legend; lines end in '\n'.
/// With `colour`, ANSI sequences; with `unicode`, block characters, else ASCII. Maps that are larger are shown by groups of
/// tiles: a group that mixes kinds is partial. b and h of a dimension that is stored once are 0.
std::string terminal_picture(const BlockMask& mask, std::int64_t b, std::int64_t h, int max_columns, bool colour, bool unicode);

/// An SVG document: axes in positions, legend, one panel for each stored (b, h), up to twelve.
std::string svg_picture(const BlockMask& mask, std::string_view title);

/// The same picture as the bytes of a PNG file. "" only where libpng fails (no memory).
std::string png_picture(const BlockMask& mask, std::string_view title);

}  // namespace flexc::cli
