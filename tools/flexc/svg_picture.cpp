// The drawing as an SVG document.
#include <fmt/format.h>

#include "tools/flexc/mask_drawing.h"
#include "tools/flexc/picture.h"

namespace flexc::cli {
namespace {

/// Text as XML takes it. Control characters, which XML forbids, and bytes that are no UTF-8 become U+FFFD.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    std::size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : byte >= 0xE0 && byte < 0xF0 ? 3 : byte >= 0xF0 && byte < 0xF5 ? 4 : 0;
    for (std::size_t k = 1; k < length; ++k)
      if (i + k >= text.size() || (static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) length = 0;
    if (length >= 3) {  // overlong forms, surrogates, values past U+10FFFF, and the two non-characters that XML names
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((byte == 0xE0 && second < 0xA0) || (byte == 0xED && second >= 0xA0) || (byte == 0xF0 && second < 0x90) || (byte == 0xF4 && second >= 0x90) ||
          (byte == 0xEF && second == 0xBF && static_cast<unsigned char>(text[i + 2]) >= 0xBE))
        length = 0;
    }
    const std::string_view character = text.substr(i, length);
    if (length == 0 || byte < 0x20 || byte == 0x7F) out += "\xEF\xBF\xBD";
    else if (byte == '&') out += "&amp;";
    else if (byte == '<') out += "&lt;";
    else if (byte == '>') out += "&gt;";
    else out += character;
    i += length == 0 ? 1 : length;
  }
  return out;
}

class SvgCanvas final : public Canvas {
 public:
  SvgCanvas(int width, int height, std::string_view title)
      : text_(fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" shape-rendering=\"crispEdges\" "
                          "font-family=\"Helvetica, Arial, sans-serif\">\n<title>{2}</title>\n",
                          width, height, escaped(title))) {}
  void rectangle(int x, int y, int width, int height, Colour colour) override {
    text_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#{:02x}{:02x}{:02x}\"/>\n", x, y, width, height, colour.red, colour.green, colour.blue);
  }
  void text(int x, int y, std::string_view line, Anchor anchor, int scale, Colour colour, bool upwards) override {
    const int capital = kGlyphHeight * scale, size = capital * 13 / 10;  // a capital is about three quarters of the size
    const char* word = anchor == Anchor::Start ? "start" : anchor == Anchor::Middle ? "middle" : "end";
    const int base_x = upwards ? x + capital : x, base_y = upwards ? y : y + capital;
    const std::string turn = upwards ? fmt::format(" transform=\"rotate(-90 {} {})\"", base_x, base_y) : "";
    text_ += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{}\" fill=\"#{:02x}{:02x}{:02x}\"{}>{}</text>\n", base_x, base_y, size, word, colour.red, colour.green, colour.blue, turn,
                         escaped(line));
  }
  std::string take() { return std::move(text_.append("</svg>\n")); }

 private:
  std::string text_;
};

}  // namespace

std::string svg_picture(const BlockMask& mask, std::string_view title) {
  const MaskDrawing drawing(mask, title);
  SvgCanvas canvas(drawing.width(), drawing.height(), title);
  drawing.draw(canvas);
  return canvas.take();
}

}  // namespace flexc::cli
