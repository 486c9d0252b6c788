// The emulation of AMX's tiles: what the manual says of it, and that it does what the machine's tiles do.
#include "tests/cpu/emulated_tiles.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "templates/cpu/matrix_unit.h"

namespace flexc::cpu_test {
namespace {

// Tiles of one multiplication, as they lie in memory.
struct Operands {
  alignas(64) std::uint16_t a[16][32], b[16][32];
  alignas(64) std::uint32_t c[16][16];
};

/// C += A B, `times` times, which brings C's own numbers into it.
template <class Tiles>
void multiply(Operands& operands, int times) {
  Tiles::start();
  Tiles::template zero<7>();
  Tiles::template load<7>(operands.c, sizeof operands.c[0]);
  Tiles::template load<2>(operands.a, sizeof operands.a[0]);
  Tiles::template load_once<3>(operands.b, sizeof operands.b[0]);
  for (int i = 0; i < times; ++i) Tiles::template multiply<7, 2, 3>();
  Tiles::template store<7>(operands.c, sizeof operands.c[0]);
  Tiles::stop();
}

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

/// One output's pairs, all others 0: c + sum of a[i] b[i].
float multiply_one(float c, const std::vector<std::pair<float, float>>& products) {
  Operands operands = {};
  operands.c[5][9] = bits_of(c);
  for (std::size_t i = 0; i < products.size(); ++i) {
    operands.a[5][i] = static_cast<std::uint16_t>(bits_of(products[i].first) >> 16);
    operands.b[i / 2][2 * 9 + i % 2] = static_cast<std::uint16_t>(bits_of(products[i].second) >> 16);
  }
  multiply<EmulatedTiles>(operands, 1);
  return std::bit_cast<float>(operands.c[5][9]);
}

}  // namespace

TEST_CASE("emulated tiles: what Intel's manual says of one output") {
  CHECK(multiply_one(1, {{2, 3}, {5, 7}, {-1, 4}}) == 38);
  // First elements of the pairs and second ones are summed apart, and C comes last: here either order cancels what the other keeps.
  CHECK(multiply_one(0, {{0x1p30f, 1}, {1, 1}, {-0x1p30f, 1}}) == 1);
  CHECK(multiply_one(0, {{0x1p30f, 1}, {-0x1p30f, 1}, {1, 1}}) == 0);
  CHECK(multiply_one(0x1p30f, {{-0x1p30f, 1}, {1, 1}}) == 0);
  // Denormals are 0, with their sign, coming and going.
  CHECK(multiply_one(1, {{0x1p-130f, 0x1p120f}}) == 1);
  CHECK(multiply_one(0x1p-127f, {}) == 0);
  CHECK(bits_of(multiply_one(-0x1p-127f, {{-0x1p-127f, 1}})) == 0);  // the sums begin at +0
  CHECK(bits_of(multiply_one(0, {{-0x1p-100f, 0x1p-27f}, {-0x1p-100f, 0x1p-27f}})) == bits_of(-0.0f + 0.0f));
  CHECK(multiply_one(0, {{0x1p-63f, 0x1p-63f}}) == 0x1p-126f);
  CHECK(multiply_one(0, {{0x1p-63f, 0x1p-64f}, {0, 0}, {0x1p-63f, 0x1p-64f}}) == 0);  // together they would be normal
  // A product beyond f32 meets a sum that brings it back: fused, it never overflows.
  CHECK(multiply_one(0, {{-0x1p127f, 1.5f}, {0, 0}, {0x1p64f, 0x1p64f}}) == 0x1p126f);
  CHECK(multiply_one(0, {{0x1p64f, 0x1p64f}}) == std::numeric_limits<float>::infinity());
  // A product far below f32 decides a tie: 1 + 2^-24 and a little more.
  CHECK(multiply_one(0, {{1, 1}, {0, 0}, {0x1p-24f, 1}, {0, 0}, {0x1p-100f, 0x1p-100f}}) == 1);
  CHECK(multiply_one(0, {{0x1p-125f, 1}, {0, 0}, {-0x1p-75f, 0x1p-75f}}) == 0x1p-125f);
  CHECK(std::isnan(multiply_one(0, {{std::numeric_limits<float>::infinity(), 0x1p-127f}})));
}

TEST_CASE("emulated tiles: a use outside start and stop is noticed") {
  EmulatedTiles::forgive();
  EmulatedTiles::start(), EmulatedTiles::zero<0>(), EmulatedTiles::stop();
  CHECK_FALSE(EmulatedTiles::misused());
  EmulatedTiles::zero<0>();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
  EmulatedTiles::stop();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
  EmulatedTiles::start(), EmulatedTiles::start(), EmulatedTiles::stop();
  CHECK(EmulatedTiles::misused());
  EmulatedTiles::forgive();
}

#if defined(__x86_64__)
TEST_CASE("emulated tiles do what the machine's do") {
  if (!cpu::has_matrix_unit()) {
    WARN("skipped: the machine has no matrix unit");
    return;
  }
  constexpr std::uint32_t kSpecials[] = {0, 1, 0x7F, 0x80, 0x7F80, 0x7FC0, 0x7F81, 0x7F7F};  // zero, denormals, the least normal, infinity, NaNs, the largest
  std::mt19937 random(11);
  int normal = 0, infinite = 0, nan = 0, zero = 0;
  for (int round = 0; round < 1500; ++round) {
    INFO("round " << round);
    // Exponents of A and B, from `low` on: their products about 1, at either end of f32, anywhere; now and then what is special.
    struct Range {
      std::uint32_t low, count;
    };
    constexpr Range kRanges[] = {{120, 12}, {62, 5}, {56, 12}, {186, 8}, {0, 255}, {40, 60}, {20, 40}};
    const Range& range = kRanges[static_cast<std::size_t>(round) % std::size(kRanges)];
    const std::uint32_t special = round % 5 == 0 ? 40 : round % 5 == 1 ? 900 : 0;
    const auto element = [&]() -> std::uint16_t {
      const std::uint32_t bits = random() & 0x8000u;
      if (special && random() % special == 0) return static_cast<std::uint16_t>(bits | kSpecials[random() % std::size(kSpecials)]);
      return static_cast<std::uint16_t>(bits | (range.low + random() % range.count) << 7 | random() % 128);
    };
    Operands real;
    for (auto& row : real.a)
      for (std::uint16_t& value : row) value = element();
    for (auto& row : real.b)
      for (std::uint16_t& value : row) value = element();
    for (auto& row : real.c)
      for (std::uint32_t& value : row)
        value = round % 3 == 0 ? 0 : round % 3 == 1 ? random() & 0x80FFFFFFu : static_cast<std::uint32_t>(element()) << 16 | (random() & 0xFFFFu);
    Operands emulated = real;
    const int times = 1 + round % 3;
    multiply<cpu::AmxTiles>(real, times);
    multiply<EmulatedTiles>(emulated, times);
    int wrong = 0;
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 16; ++n) {
        const auto x = std::bit_cast<float>(real.c[m][n]), y = std::bit_cast<float>(emulated.c[m][n]);
        const bool same = std::isnan(x) ? std::isnan(y) : real.c[m][n] == emulated.c[m][n];
        if (!same && wrong++ == 0) UNSCOPED_INFO("row " << m << ", column " << n << ": " << x << " on the machine, " << y << " emulated");
        ++(std::isnan(x) ? nan : std::isinf(x) ? infinite : x == 0 ? zero : normal);
      }
    REQUIRE(wrong == 0);
  }
  INFO(normal << " normal, " << infinite << " infinite, " << nan << " NaN, " << zero << " zero");
  CHECK((normal > 10000 && infinite > 1000 && nan > 1000 && zero > 1000));  // each was met
}
#endif

}  // namespace flexc::cpu_test
