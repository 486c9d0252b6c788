// The picture for a terminal: half blocks in colour (two cells a character), or one character a cell.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "tools/flexc/picture.h"
#include "tools/flexc/tile_grid.h"

namespace flexc::cli {
namespace {

/// Colours of the 256-colour palette, by TileKind; legible on dark and on light backgrounds.
constexpr std::array<int, 3> kColours = {246, 215, 32};
constexpr std::array<const char*, 3> kNames = {"empty", "partial", "full"};
constexpr std::array<const char*, 3> kUnicode = {"·", "▒", "█"};
constexpr std::array<const char*, 3> kAscii = {".", ":", "#"};

std::size_t index_of(TileKind kind) { return static_cast<std::size_t>(kind); }

/// Appends coloured pieces and repeats no escape sequence that is already in force.
class Painter {
 public:
  explicit Painter(std::string& out) : out_(out) {}
  void put(int foreground, int background, const char* text) {
    if (foreground != foreground_) out_ += fmt::format("\x1b[38;5;{}m", foreground);
    if (background != background_) out_ += background < 0 ? "\x1b[49m" : fmt::format("\x1b[48;5;{}m", background);
    foreground_ = foreground;
    background_ = background;
    out_ += text;
  }
  void end() {
    out_ += "\x1b[0m";
    foreground_ = background_ = -1;
  }

 private:
  std::string& out_;
  int foreground_ = -1, background_ = -1;
};

}  // namespace

std::string terminal_picture(const BlockMask& mask, std::int64_t b, std::int64_t h, int max_columns, bool colour, bool unicode) {
  const std::string times = unicode ? "×" : "x", label = unicode ? "q↓ kv→" : "q\\kv";
  const std::size_t label_width = unicode ? 6 : 4;
  std::string plane;
  if (mask.batches * mask.heads > 1) plane = fmt::format("b {}, h {}: ", mask.batches == 1 ? 0 : b, mask.heads == 1 ? 0 : h);
  if (mask.q_blocks() == 0 || mask.kv_blocks() == 0) return fmt::format("{}no tiles: q {}, kv {}\n", plane, mask.q_len, mask.kv_len);

  // Margin: the larger of the axes' label and the q positions.
  const std::int64_t q_end = mask.q_offset + axis_span(mask.q_positions(), mask.q_len), kv_end = mask.kv_offset + axis_span(mask.kv_positions(), mask.kv_len);
  const std::size_t margin = std::max({label_width, std::to_string(mask.q_offset).size(), std::to_string(q_end).size()}) + 1;
  constexpr std::int64_t kFewestColumns = 4;
  const std::int64_t room = std::max<std::int64_t>(kFewestColumns, max_columns - static_cast<std::int64_t>(margin));
  const bool halves = colour && unicode;
  // A character is about twice as high as wide: half blocks make square cells; else a cell is two characters wide.
  const std::int64_t characters_a_cell = halves ? 1 : 2;
  const TileGrid grid = tile_grid(mask, b, h, room / characters_a_cell, room / characters_a_cell);
  constexpr std::int64_t kSmallestPicture = 16, kLargestCell = 4;  // few tiles are drawn larger
  const std::int64_t zoom = std::clamp<std::int64_t>(std::min({kSmallestPicture / std::max(grid.rows, grid.columns), room / (grid.columns * characters_a_cell), kLargestCell}), 1, kLargestCell);

  std::string out = label + std::string(margin - label_width, ' ');
  const std::int64_t width = grid.columns * zoom * characters_a_cell;
  const std::string first = std::to_string(mask.kv_offset), last = std::to_string(kv_end);
  out += first;
  const auto used = static_cast<std::int64_t>(first.size() + last.size());
  if (width > used) out += std::string(static_cast<std::size_t>(width - used), ' ') + last;
  else out += (unicode ? "…" : "..") + last;
  out += '\n';

  Painter painter(out);
  const std::int64_t lines = halves ? (grid.rows * zoom + 1) / 2 : grid.rows * zoom;
  for (std::int64_t line = 0; line < lines; ++line) {
    const std::string position = line == 0 ? std::to_string(mask.q_offset) : line == lines - 1 ? std::to_string(q_end) : "";
    out += std::string(margin - 1 - position.size(), ' ') + position + ' ';
    for (std::int64_t column = 0; column < grid.columns * zoom; ++column) {
      const auto kind_at = [&](std::int64_t row) { return index_of(grid.at(row / zoom, column / zoom)); };
      if (halves) {
        const bool has_lower = 2 * line + 1 < grid.rows * zoom;
        painter.put(kColours[kind_at(2 * line)], has_lower ? kColours[kind_at(2 * line + 1)] : -1, "▀");
      } else if (colour) {
        painter.put(kColours[kind_at(line)], -1, kAscii[kind_at(line)]);
        painter.put(kColours[kind_at(line)], -1, kAscii[kind_at(line)]);
      } else {
        out += (unicode ? kUnicode : kAscii)[kind_at(line)];
        out += (unicode ? kUnicode : kAscii)[kind_at(line)];
      }
    }
    if (colour) painter.end();
    out += '\n';
  }

  out += plane;
  const std::array<std::int64_t, 3> counts = {grid.counts.empty, grid.counts.partial, grid.counts.full};
  for (std::size_t kind = 3; kind-- > 0;) {
    if (colour) painter.put(kColours[kind], -1, halves ? "■" : kAscii[kind]), painter.end();
    else out += (unicode ? kUnicode : kAscii)[kind];
    out += fmt::format(" {} {}{}", kNames[kind], counts[kind], kind == 0 ? "" : "  ");
  }
  out += fmt::format("  block {}{}{}", mask.block_q, times, mask.block_kv);
  if (grid.group > 1) out += fmt::format(", a cell is {}{}{} blocks", grid.group, times, grid.group);
  return out + '\n';
}

}  // namespace flexc::cli
