#include "tools/flexc/mask_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "tools/flexc/picture.h"

namespace flexc::cli {
namespace {

// A blue and an orange that stay apart for every kind of colour vision, on a grey that reads as nothing.
constexpr std::array<Colour, 3> kTiles = {Colour{0xEC, 0xEF, 0xF3}, Colour{0xF4, 0xA2, 0x59}, Colour{0x2F, 0x6D, 0xB5}};
constexpr Colour kPaper{0xFF, 0xFF, 0xFF}, kInk{0x22, 0x2B, 0x36}, kFaint{0x6B, 0x77, 0x85}, kFrame{0x9A, 0xA5, 0xB1};
constexpr std::array<const char*, 3> kNames = {"empty", "partial", "full"};

constexpr int kMargin = 28, kGap = 24, kTick = 6;
constexpr int kTextScale = 2, kTitleScale = 3;
constexpr int kLine = Canvas::kGlyphHeight * kTextScale;          // cap height of a line of text
constexpr int kAdvance = Canvas::kGlyphAdvance * kTextScale;
constexpr int kOnePanel = 640, kSmallPanel = 300;                 // the longer side of a plot
constexpr int kLargestTile = 80, kSmallestSide = 40, kSmallestPlot = 200;
constexpr int kLegendWidth = 25 * kAdvance;
constexpr std::size_t kLongestTitle = 60;                         // characters for which a picture grows
constexpr std::int64_t kMostPanels = 12;
constexpr int kPanelsAcross = 4;
constexpr int kGridLinesFrom = 10;                                // pixels a tile

/// Ticks at multiples of a power of two, since lengths and blocks mostly are, at least `spacing` pixels apart; and at the end,
/// where there is room.
std::vector<std::int64_t> ticks(std::int64_t first, std::int64_t length, int pixels, int spacing) {
  std::int64_t step = 1;
  while (step < (std::int64_t{1} << 61) && static_cast<double>(step) * pixels < static_cast<double>(spacing) * static_cast<double>(length)) step *= 2;
  std::vector<std::int64_t> out;
  const std::int64_t end = first + length;
  std::int64_t at = first / step * step;
  if (at < first) at += step;
  if (static_cast<double>(at - first) * pixels >= spacing * 0.9 * static_cast<double>(length)) out.push_back(first);
  for (; at <= end; at += step) out.push_back(at);
  if (out.empty() || static_cast<double>(end - out.back()) * pixels >= spacing * 0.9 * static_cast<double>(length)) out.push_back(end);
  return out;
}

/// Where position `at` (from 0) of `length` lies on `pixels`.
int place(std::int64_t at, std::int64_t length, int pixels) {
  return static_cast<int>(std::lround(static_cast<double>(std::min(at, length)) / static_cast<double>(std::max<std::int64_t>(length, 1)) * pixels));
}

int widest_label(std::int64_t first, std::int64_t length) { return static_cast<int>(std::max(std::to_string(first).size(), std::to_string(first + length).size())) * kAdvance; }

std::string share(std::int64_t part, std::int64_t whole) { return whole == 0 ? "0 %" : fmt::format("{:.3g} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole)); }

}  // namespace

MaskDrawing::MaskDrawing(const BlockMask& mask, std::string_view title) : mask_(mask), title_(title) {
  const std::int64_t planes = mask.batches * mask.heads, shown = std::min(planes, kMostPanels);
  panels_across_ = static_cast<int>(std::clamp<std::int64_t>(shown, 1, kPanelsAcross));
  const int longest = shown > 1 ? kSmallPanel : kOnePanel;
  // Proportions are the lengths', unless one side would vanish; and few tiles do not fill a large plot.
  const double q = static_cast<double>(std::max<std::int64_t>(mask.q_len, 1)), kv = static_cast<double>(std::max<std::int64_t>(mask.kv_len, 1));
  const std::int64_t tiles = std::max<std::int64_t>({mask.q_blocks(), mask.kv_blocks(), 1});
  const int side = static_cast<int>(std::clamp<std::int64_t>(tiles * kLargestTile, std::min(kSmallestPlot, longest), longest));
  plot_width_ = std::max(kSmallestSide, static_cast<int>(std::lround(side * std::min(1.0, kv / q))));
  plot_height_ = std::max(kSmallestSide, static_cast<int>(std::lround(side * std::min(1.0, q / kv))));
  for (std::int64_t plane = 0; plane < shown; ++plane)
    grids_.push_back(tile_grid(mask, plane / mask.heads, plane % mask.heads, side / 2, side / 2));
  counts_ = mask.counts();

  left_ = kLine + 18 + widest_label(mask.q_offset, axis_span(mask.q_positions(), mask.q_len)) + kTick + 4;
  above_ = planes > 1 ? kLine + 8 : 0;
  below_ = kTick + 4 + kLine + 10 + kLine;
  notes_.push_back(fmt::format("q {}, kv {}", mask.q_len, mask.kv_len));
  notes_.push_back(fmt::format("block {} x {}", mask.block_q, mask.block_kv));
  if (mask.q_step != 1 || mask.kv_step != 1) notes_.push_back(fmt::format("steps q {}, kv {}", mask.q_step, mask.kv_step));
  if (planes > 1) notes_.push_back(fmt::format("batches {}, heads {}", mask.batches, mask.heads));
  if (shown < planes) notes_.push_back(fmt::format("shown: the first {}", shown));
  if (!grids_.empty() && grids_[0].group > 1) {
    notes_.push_back(fmt::format("a cell is {0} x {0} blocks,", grids_[0].group));
    notes_.emplace_back("partial where they mix");
  }
  const int rows = std::max(1, static_cast<int>((shown + panels_across_ - 1) / panels_across_));
  legend_x_ = kMargin + panels_across_ * (left_ + plot_width_) + (panels_across_ - 1) * kGap + 2 * kGap;
  const int title_width = static_cast<int>(std::min<std::size_t>(title_.size(), kLongestTitle)) * Canvas::kGlyphAdvance * kTitleScale;
  width_ = std::max(legend_x_ + kLegendWidth, kMargin + title_width) + kMargin;
  const int panels_height = rows * (above_ + plot_height_ + below_) + (rows - 1) * kGap;
  const int legend_height = 3 * (2 * kLine + 20) + static_cast<int>(notes_.size()) * (kLine + 8) + 12;
  height_ = kMargin + (title_.empty() ? 0 : Canvas::kGlyphHeight * kTitleScale + kGap) + std::max(panels_height, legend_height) + kMargin;
}

void MaskDrawing::draw(Canvas& canvas) const {
  canvas.rectangle(0, 0, width_, height_, kPaper);
  int y = kMargin;
  if (!title_.empty()) {
    const auto room = static_cast<std::size_t>((width_ - 2 * kMargin) / (Canvas::kGlyphAdvance * kTitleScale));
    std::string shown = title_;
    if (shown.size() > room) {
      std::size_t cut = room - 3;
      while (cut > 0 && (static_cast<unsigned char>(shown[cut]) & 0xC0) == 0x80) --cut;  // not inside a character
      shown = shown.substr(0, cut) + "...";
    }
    canvas.text(kMargin, y, shown, Canvas::Anchor::Start, kTitleScale, kInk);
    y += Canvas::kGlyphHeight * kTitleScale + kGap;
  }
  for (std::size_t panel = 0; panel < grids_.size(); ++panel) {
    const int across = static_cast<int>(panel) % panels_across_, down = static_cast<int>(panel) / panels_across_;
    draw_panel(canvas, grids_[panel], static_cast<std::int64_t>(panel), kMargin + left_ + across * (left_ + plot_width_ + kGap), y + above_ + down * (above_ + plot_height_ + below_ + kGap));
  }
  draw_legend(canvas, legend_x_, y + above_);
}

void MaskDrawing::draw_panel(Canvas& canvas, const TileGrid& grid, std::int64_t plane, int x, int y) const {
  if (above_ > 0) canvas.text(x, y - kLine - 8, fmt::format("b {}, h {}", plane / mask_.heads, plane % mask_.heads), Canvas::Anchor::Start, kTextScale, kInk);
  canvas.rectangle(x - 1, y - 1, plot_width_ + 2, plot_height_ + 2, kFrame);
  canvas.rectangle(x, y, plot_width_, plot_height_, kTiles[0]);
  const auto column_x = [&](std::int64_t column) { return x + place(column * grid.group * mask_.block_kv, mask_.kv_len, plot_width_); };
  const auto row_y = [&](std::int64_t row) { return y + place(row * grid.group * mask_.block_q, mask_.q_len, plot_height_); };
  for (std::int64_t row = 0; row < grid.rows; ++row)
    for (std::int64_t column = 0, end; column < grid.columns; column = end) {
      const TileKind kind = grid.at(row, column);
      for (end = column + 1; end < grid.columns && grid.at(row, end) == kind; ++end) {}
      if (kind != TileKind::Empty) canvas.rectangle(column_x(column), row_y(row), column_x(end) - column_x(column), row_y(row + 1) - row_y(row), kTiles[static_cast<std::size_t>(kind)]);
    }
  if (grid.rows == 0 || grid.columns == 0) canvas.text(x + plot_width_ / 2, y + (plot_height_ - kLine) / 2, "no tiles", Canvas::Anchor::Middle, kTextScale, kFaint);
  // Lines between tiles, where tiles are large enough to be told apart.
  if (grid.columns > 1 && plot_width_ / grid.columns >= kGridLinesFrom)
    for (std::int64_t column = 1; column < grid.columns; ++column) canvas.rectangle(column_x(column), y, 1, plot_height_, kPaper);
  if (grid.rows > 1 && plot_height_ / grid.rows >= kGridLinesFrom)
    for (std::int64_t row = 1; row < grid.rows; ++row) canvas.rectangle(x, row_y(row), plot_width_, 1, kPaper);
  draw_axes(canvas, x, y);
}

void MaskDrawing::draw_axes(Canvas& canvas, int x, int y) const {
  const int bottom = y + plot_height_ + 1, label_y = bottom + kTick + 4;
  const std::int64_t q_span = axis_span(mask_.q_positions(), mask_.q_len), kv_span = axis_span(mask_.kv_positions(), mask_.kv_len);
  for (std::int64_t at : ticks(mask_.kv_offset, kv_span, plot_width_, widest_label(mask_.kv_offset, kv_span) + kAdvance)) {
    const int tick_x = std::min(x + place(at - mask_.kv_offset, kv_span, plot_width_), x + plot_width_ - 1);
    canvas.rectangle(tick_x, bottom, 1, kTick, kFrame);
    canvas.text(tick_x, label_y, std::to_string(at), Canvas::Anchor::Middle, kTextScale, kFaint);
  }
  for (std::int64_t at : ticks(mask_.q_offset, q_span, plot_height_, 3 * kLine)) {
    const int tick_y = std::min(y + place(at - mask_.q_offset, q_span, plot_height_), y + plot_height_ - 1);
    canvas.rectangle(x - 1 - kTick, tick_y, kTick, 1, kFrame);
    canvas.text(x - kTick - 6, tick_y - kLine / 2, std::to_string(at), Canvas::Anchor::End, kTextScale, kFaint);
  }
  canvas.text(x + plot_width_ / 2, label_y + kLine + 10, "kv_idx", Canvas::Anchor::Middle, kTextScale, kInk);
  canvas.text(x - left_, y + plot_height_ / 2, "q_idx", Canvas::Anchor::Middle, kTextScale, kInk, true);
}

void MaskDrawing::draw_legend(Canvas& canvas, int x, int y) const {
  constexpr int kSwatch = 2 * kLine + 6;
  const std::array<std::int64_t, 3> counts = {counts_.empty, counts_.partial, counts_.full};
  const std::int64_t all = counts[0] + counts[1] + counts[2];
  for (std::size_t kind = 3; kind-- > 0;) {
    canvas.rectangle(x, y, kSwatch, kSwatch, kFrame);
    canvas.rectangle(x + 1, y + 1, kSwatch - 2, kSwatch - 2, kTiles[kind]);
    canvas.text(x + kSwatch + 12, y, kNames[kind], Canvas::Anchor::Start, kTextScale, kInk);
    canvas.text(x + kSwatch + 12, y + kLine + 7, fmt::format("{} ({})", counts[kind], share(counts[kind], all)), Canvas::Anchor::Start, kTextScale, kFaint);
    y += kSwatch + 14;
  }
  y += 12;
  for (const std::string& note : notes_) {
    canvas.text(x, y, note, Canvas::Anchor::Start, kTextScale, kFaint);
    y += kLine + 8;
  }
}

}  // namespace flexc::cli
