// Canvas: the few strokes that a picture of a mask is made of. SVG and PNG are two canvases under one drawing.
#pragma once

#include <cstdint>
#include <string_view>

namespace flexc::cli {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

/// Pixels, from the top left corner.
class Canvas {
 public:
  enum class Anchor : std::uint8_t { Start, Middle, End };
  /// Text is sized by the cap height: 7 · scale pixels; a character advances by 6 · scale.
  static constexpr int kGlyphHeight = 7, kGlyphAdvance = 6;

  virtual ~Canvas() = default;
  virtual void rectangle(int x, int y, int width, int height, Colour colour) = 0;
  /// One line whose capitals stand on y + 7 · scale. `upwards`: turned to read from bottom to top, with x its left edge and y where
  /// its anchor lies.
  virtual void text(int x, int y, std::string_view line, Anchor anchor, int scale, Colour colour, bool upwards = false) = 0;
};

}  // namespace flexc::cli
