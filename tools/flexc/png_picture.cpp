// The drawing as a PNG file, with the built-in font.
#include <algorithm>
#include <png.h>
#include <vector>

#include "tools/flexc/bitmap_font.h"
#include "tools/flexc/mask_drawing.h"
#include "tools/flexc/picture.h"

namespace flexc::cli {
namespace {

class PixelCanvas final : public Canvas {
 public:
  PixelCanvas(int width, int height) : width_(width), height_(height), pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {}

  void rectangle(int x, int y, int width, int height, Colour colour) override {
    const int right = std::min(x + width, width_), bottom = std::min(y + height, height_);
    for (int row = std::max(y, 0); row < bottom; ++row)
      for (int column = std::max(x, 0); column < right; ++column) pixels_[static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(column)] = colour;
  }

  void text(int x, int y, std::string_view line, Anchor anchor, int scale, Colour colour, bool upwards) override {
    const std::string shown = printable(line);
    const int length = static_cast<int>(shown.size()) * kGlyphAdvance * scale - scale;
    int along = anchor == Anchor::Start ? 0 : anchor == Anchor::Middle ? -length / 2 : -length;
    for (char c : shown) {
      const Glyph& glyph = glyph_of(c);
      for (int row = 0; row < kGlyphRows; ++row)
        for (int column = 0; column < kGlyphColumns; ++column) {
          if (!glyph.dot(row, column)) continue;
          const int a = along + column * scale, across = row * scale;
          if (upwards) rectangle(x + across, y - a - scale, scale, scale, colour);
          else rectangle(x + a, y + across, scale, scale, colour);
        }
      along += kGlyphAdvance * scale;
    }
  }

  std::string encode() const {
    static_assert(sizeof(Colour) == 3);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels_.data(), 0, nullptr) == 0) return "";
    std::string out(size, '\0');
    if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels_.data(), 0, nullptr) == 0) return "";
    out.resize(size);
    return out;
  }

 private:
  /// One ASCII character for each character of `line`: what the font lacks is a question mark.
  static std::string printable(std::string_view line) {
    std::string out;
    for (char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) == 0x80) continue;  // the rest of a character whose first byte was seen
      out += byte >= 0x20 && byte < 0x7F ? c : '?';
    }
    return out;
  }

  int width_, height_;
  std::vector<Colour> pixels_;
};

}  // namespace

std::string png_picture(const BlockMask& mask, std::string_view title) {
  const MaskDrawing drawing(mask, title);
  PixelCanvas canvas(drawing.width(), drawing.height());
  drawing.draw(canvas);
  return canvas.encode();
}

}  // namespace flexc::cli
