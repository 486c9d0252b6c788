#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/pictures/masks.h"
#include "tools/flexc/picture.h"

using namespace flexc;
using namespace flexc::test;
using cli::terminal_picture;
using Catch::Contains;

namespace {

/// Columns that a line takes: code points outside of ANSI sequences.
int columns_of(const std::string& line) {
  int columns = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') i = line.find('m', i);
    else if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) ++columns;
  }
  return columns;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

const BlockMask kTwoByTwo = mask_of(8, 8, 4, causal);

TEST_CASE("terminal picture: ASCII, exactly") {
  CHECK(terminal_picture(mask_of(6, 8, 2, causal), 0, 0, 13, false, false) ==
        "q\\kv 0      8\n"
        "   0 ::......\n"
        "     ##::....\n"
        "   6 ####::..\n"
        "# full 3  : partial 3  . empty 6  block 2x2\n");
}

TEST_CASE("terminal picture: block characters, exactly, and few tiles drawn larger") {
  CHECK(terminal_picture(kTwoByTwo, 0, 0, 15, false, true) ==
        "q↓ kv→ 0      8\n"
        "     0 ▒▒▒▒····\n"
        "       ▒▒▒▒····\n"
        "       ████▒▒▒▒\n"
        "     8 ████▒▒▒▒\n"
        "█ full 1  ▒ partial 2  · empty 1  block 4×4\n");
}

TEST_CASE("terminal picture: half blocks in colour, exactly") {
  CHECK(terminal_picture(kTwoByTwo, 0, 0, 9, true, true) ==
        "q↓ kv→ 0  8\n"
        "     0 \x1b[38;5;215m\x1b[48;5;215m▀▀\x1b[38;5;246m\x1b[48;5;246m▀▀\x1b[0m\n"
        "     8 \x1b[38;5;32m\x1b[48;5;32m▀▀\x1b[38;5;215m\x1b[48;5;215m▀▀\x1b[0m\n"
        "\x1b[38;5;32m■\x1b[0m full 1  \x1b[38;5;215m■\x1b[0m partial 2  \x1b[38;5;246m■\x1b[0m empty 1  block 4×4\n");
}

TEST_CASE("terminal picture: a cell of several blocks is partial where they mix") {
  const std::string text = terminal_picture(mask_of(64, 64, 1, causal), 0, 0, 13, false, false);
  CHECK_THAT(text, Contains("a cell is 16x16 blocks") && Contains("full 2080  : partial 0  . empty 2016"));
  CHECK_THAT(text, Contains("   0 ::......\n     ##::....\n     ####::..\n  64 ######::\n"));
}

TEST_CASE("terminal picture: planes, uniform dimensions, and no tiles") {
  const BlockMask heads = mask_of(256, 256, 32, window_with_sinks, 1, 2);
  CHECK(terminal_picture(heads, 0, 0, 80, false, false) != terminal_picture(heads, 0, 1, 80, false, false));
  CHECK_THAT(terminal_picture(heads, 3, 1, 80, false, false), Contains("b 0, h 1: "));
  CHECK_THAT(terminal_picture(kTwoByTwo, 5, 7, 80, false, false), !Contains("h 7"));
  CHECK(terminal_picture(mask_of(0, 9, 4, causal), 0, 0, 80, false, true) == "no tiles: q 0, kv 9\n");
}

TEST_CASE("terminal picture: positions count from the offset") {
  CHECK_THAT(terminal_picture(mask_of(8, 8, 4, everything, 1, 1, 1000), 0, 0, 40, false, false), Contains("1000 #") && Contains("1008 #"));
}

TEST_CASE("terminal picture: no line is wider than the terminal") {
  for (const auto& mask : {mask_of(512, 512, 8, causal), mask_of(1000, 300, 16, everything), mask_of(1, 4096, 128, everything), mask_of(4096, 1, 128, everything)})
    for (int width : {20, 40, 80, 133})
      for (bool colour : {false, true})
        for (bool unicode : {false, true}) {
          const auto lines = lines_of(terminal_picture(mask, 0, 0, width, colour, unicode));
          REQUIRE(lines.size() >= 3);
          for (std::size_t i = 0; i + 1 < lines.size(); ++i) CHECK(columns_of(lines[i]) <= width);  // the legend is a line of its own length
        }
}
