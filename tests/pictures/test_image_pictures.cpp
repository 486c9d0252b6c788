// The PNG is decoded again, the SVG's rectangles are read back: both must show the mask's tiles where the axes say.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <png.h>
#include <string>
#include <vector>

#include "tests/pictures/masks.h"
#include "tools/flexc/bitmap_font.h"
#include "tools/flexc/picture.h"
#include "tools/flexc/tile_grid.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Contains;

namespace {

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
  std::uint32_t at(int x, int y) const {
    const std::size_t i = 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
    return std::uint32_t{rgb[i]} << 16 | std::uint32_t{rgb[i + 1]} << 8 | rgb[i + 2];
  }
};

Image decode(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) != 0);
  image.format = PNG_FORMAT_RGB;
  Image out{static_cast<int>(image.width), static_cast<int>(image.height), std::vector<std::uint8_t>(PNG_IMAGE_SIZE(image))};
  REQUIRE(png_image_finish_read(&image, nullptr, out.rgb.data(), 0, nullptr) != 0);
  return out;
}

constexpr std::uint32_t kEmpty = 0xECEFF3, kPartial = 0xF4A259, kFull = 0x2F6DB5, kFrame = 0x9AA5B1;

/// The plot's inside: right and below of the first pixel whose row and column are the frame's.
struct Plot { int x = 0, y = 0, width = 0, height = 0; };
Plot find_plot(const Image& image) {
  for (int y = 0; y + 30 < image.height; ++y)
    for (int x = 0; x + 30 < image.width; ++x) {
      bool corner = true;
      for (int i = 0; i < 30 && corner; ++i) corner = image.at(x + i, y) == kFrame && image.at(x, y + i) == kFrame;
      if (!corner) continue;
      Plot plot{x + 1, y + 1, 0, 0};
      while (image.at(x + 1 + plot.width, y) == kFrame) ++plot.width;
      while (image.at(x, y + 1 + plot.height) == kFrame) ++plot.height;
      --plot.width, --plot.height;
      return plot;
    }
  FAIL("no plot found");
  return {};
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("PNG: each tile has its kind's colour at its place, cut at the last position") {
  for (const BlockMask& mask : {mask_of(1024, 1024, 128, causal), mask_of(470, 470, 128, window_with_sinks), mask_of(300, 600, 50, window_with_sinks)}) {
    const Image image = decode(cli::png_picture(mask, "t"));
    const Plot plot = find_plot(image);
    const auto map = mask.dense();
    for (std::int64_t i = 0; i < mask.q_blocks(); ++i)
      for (std::int64_t j = 0; j < mask.kv_blocks(); ++j) {
        // The middle of the tile's existing part.
        const double q = (static_cast<double>(i * mask.block_q) + static_cast<double>(std::min<std::int64_t>((i + 1) * mask.block_q, mask.q_len))) / 2;
        const double kv = (static_cast<double>(j * mask.block_kv) + static_cast<double>(std::min<std::int64_t>((j + 1) * mask.block_kv, mask.kv_len))) / 2;
        const int x = plot.x + static_cast<int>(kv / static_cast<double>(mask.kv_len) * plot.width), y = plot.y + static_cast<int>(q / static_cast<double>(mask.q_len) * plot.height);
        const std::uint32_t expected[] = {kEmpty, kPartial, kFull};
        CHECK(image.at(x, y) == expected[map[static_cast<std::size_t>(i * mask.kv_blocks() + j)]]);
      }
  }
}

TEST_CASE("PNG: the legend lies outside of the plot, and equal masks give equal bytes") {
  const BlockMask mask = mask_of(512, 512, 128, everything);
  const Image image = decode(cli::png_picture(mask, "t"));
  const Plot plot = find_plot(image);
  int partial_outside = 0, partial_inside = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (image.at(x, y) == kPartial) ++(x < plot.x + plot.width ? partial_inside : partial_outside);
  CHECK(partial_inside == 0);
  CHECK(partial_outside > 100);
  CHECK(cli::png_picture(mask, "t") == cli::png_picture(mask, "t"));
}

TEST_CASE("SVG: runs are merged, kinds have their colours, ticks their positions") {
  const std::string svg = cli::svg_picture(mask_of(1024, 1024, 128, causal), "causal");
  CHECK_THAT(svg, Catch::StartsWith("<svg ") && Catch::EndsWith("</svg>\n") && Contains("<title>causal</title>"));
  CHECK(occurrences(svg, "fill=\"#2f6db5\"") == 7 + 1);  // one run a row but the first, and the legend
  CHECK(occurrences(svg, "fill=\"#f4a259\"") == 8 + 1);
  for (const char* label : {">0<", ">512<", ">1024<", ">kv_idx<", ">q_idx<", ">full<", ">partial<", ">empty<", ">28 (43.8 %)<", ">block 128 x 128<"}) CHECK_THAT(svg, Contains(label));
}

TEST_CASE("SVG: several planes are small multiples up to a limit, and the limit is said") {
  const std::string two = cli::svg_picture(mask_of(256, 256, 32, window_with_sinks, 1, 2), "t");
  CHECK_THAT(two, Contains(">b 0, h 0<") && Contains(">b 0, h 1<") && !Contains("shown"));
  const std::string many = cli::svg_picture(mask_of(64, 64, 32, window_with_sinks, 4, 8), "t");
  CHECK(occurrences(many, ">kv_idx<") == 12);
  CHECK_THAT(many, Contains(">shown: the first 12<") && Contains(">batches 4, heads 8<"));
}

TEST_CASE("SVG: titles are escaped, whatever their bytes") {
  const std::string svg = cli::svg_picture(mask_of(64, 64, 32, causal), "a<b>&\x01\xFF\xC3\xA9\xED\xA0\x80\xEF\xBF\xBF");
  CHECK_THAT(svg, Contains("<title>a&lt;b&gt;&amp;\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9"));
  CHECK(svg.find('\x01') == std::string::npos);
  CHECK(svg.find('\xFF') == std::string::npos);
  CHECK(svg.find("\xED\xA0") == std::string::npos);
  CHECK(svg.find("\xEF\xBF\xBF") == std::string::npos);
}

TEST_CASE("pictures stay small for large masks, and exist for empty ones") {
  BlockMask large;  // causal over 2^20 tokens
  large.q_len = large.kv_len = std::int64_t{1} << 20;
  large.row_begin.push_back(0);
  for (std::uint32_t i = 0; i < 8192; ++i) {
    if (i > 0) large.runs.push_back({0, i, TileKind::Full});
    large.runs.push_back({i, 1, TileKind::Partial});
    large.row_begin.push_back(large.runs.size());
  }
  const std::string svg = cli::svg_picture(large, "t");
  CHECK(svg.size() < 200000);
  CHECK_THAT(svg, Contains("blocks,"));
  CHECK(cli::png_picture(large, "t").size() < 200000);
  for (const BlockMask& mask : {mask_of(0, 64, 32, causal), mask_of(64, 0, 32, causal), mask_of(0, 0, 32, causal), mask_of(1, 100000, 128, everything), mask_of(5000, 1, 128, everything)}) {
    const Image image = decode(cli::png_picture(mask, std::string(500, 'W')));
    CHECK((image.width < 2500 && image.height < 2000));
    CHECK_FALSE(cli::svg_picture(mask, "").empty());
  }
}

TEST_CASE("tile_grid reduces by tiles, and a mixed cell is partial") {
  const BlockMask mask = mask_of(100, 100, 3, window_with_sinks);
  const auto map = mask.dense();
  for (std::int64_t room : {1, 2, 5, 7, 33, 34, 100}) {
    const cli::TileGrid grid = cli::tile_grid(mask, 0, 0, room, room);
    REQUIRE((grid.rows <= room && grid.columns <= room));
    CHECK(grid.counts == mask.counts());
    for (std::int64_t row = 0; row < grid.rows; ++row)
      for (std::int64_t column = 0; column < grid.columns; ++column) {
        bool seen[3] = {};
        for (std::int64_t i = row * grid.group; i < std::min(mask.q_blocks(), (row + 1) * grid.group); ++i)
          for (std::int64_t j = column * grid.group; j < std::min(mask.kv_blocks(), (column + 1) * grid.group); ++j) seen[map[static_cast<std::size_t>(i * mask.kv_blocks() + j)]] = true;
        const TileKind expected = seen[1] || (seen[0] && seen[2]) ? TileKind::Partial : seen[2] ? TileKind::Full : TileKind::Empty;
        CHECK(grid.at(row, column) == expected);
      }
  }
}

TEST_CASE("the font has a glyph of its own for every printable character") {
  for (char a = '!'; a <= '~'; ++a) {
    bool any = false;
    for (int row = 0; row < cli::kGlyphRows; ++row)
      for (int column = 0; column < cli::kGlyphColumns; ++column) any = any || cli::glyph_of(a).dot(row, column);
    CHECK(any);
    for (char b = '!'; b < a; ++b) CHECK(cli::glyph_of(a).rows != cli::glyph_of(b).rows);
  }
  CHECK(&cli::glyph_of('\n') == &cli::glyph_of('?'));
}
