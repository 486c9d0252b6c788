#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "flexc/io.h"
#include "flexc/random.h"

using namespace flexc;

TEST_CASE("Philox4x32-10 gives the published known answers") {
  // kat_vectors of Random123 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC'11).
  using Four = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) == Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the key is the seed, the counter is the index and the name's hash") {
  // XXH3-64 of the empty text with seed 0 is 0x2D06800538D394C2 (published with the hash).
  const CounterRandom random(0x0123456789abcdef, "");
  const std::uint64_t index = 0xfedcba9876543210;
  const auto words = philox4x32({0x76543210, 0xfedcba98, 0x38D394C2, 0x2D068005}, {0x89abcdef, 0x01234567});
  CHECK(random.bits(index) == (std::uint64_t{words[1]} << 32 | words[0]));
}

TEST_CASE("draws differ by seed, by name and by index") {
  CHECK(CounterRandom(1, "q").bits(0) != CounterRandom(2, "q").bits(0));
  CHECK(CounterRandom(1, "q").bits(0) != CounterRandom(1, "k").bits(0));
  CHECK(CounterRandom(1, "q").bits(0) != CounterRandom(1, "q").bits(1));
  CHECK(CounterRandom(1, "q").bits(0) != CounterRandom(1, "q").bits(std::uint64_t{1} << 32));
  CHECK(CounterRandom(1, "q").bits(0) != CounterRandom(1 + (std::uint64_t{1} << 32), "q").bits(0));
}

TEST_CASE("uniform and below stay in range and use it evenly") {
  const CounterRandom random(7, "x");
  double sum = 0;
  std::array<int, 10> seen{};
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(static_cast<std::uint64_t>(i));
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    ++seen.at(random.below(static_cast<std::uint64_t>(i), seen.size()));
  }
  CHECK(std::fabs(sum / kDraws - 0.5) < 0.004);  // four standard deviations
  double chi2 = 0;
  for (int count : seen) chi2 += (count - kDraws / 10.0) * (count - kDraws / 10.0) / (kDraws / 10.0);
  CHECK(chi2 < 27.9);  // 9 degrees of freedom, p = 0.001; the draws are fixed, so this cannot flicker
  CHECK(random.below(3, 1) == 0);
  CHECK(random.below(5, UINT64_MAX) == random.bits(5) - (random.bits(5) != 0 ? 1 : 0));
}

TEST_CASE("normals are the Box-Muller transform of the documented words, to the last bits") {
  // In long double, by libm, from the words themselves; the name is "", whose hash is published.
  const CounterRandom random(3, "");
  const long double two_pi = 2 * std::acos(-1.0L);
  for (std::uint32_t i = 0; i < 50000; ++i) {
    const auto words = philox4x32({i, 0, 0x38D394C2, 0x2D068005}, {3, 0});
    const long double u = (static_cast<long double>((std::uint64_t{words[1]} << 32 | words[0]) >> 11) + 1) * 0x1p-53L;
    const long double w = static_cast<long double>((std::uint64_t{words[3]} << 32 | words[2]) >> 11) * 0x1p-53L;
    const long double radius = std::sqrt(-2 * std::log(u)), expected = radius * std::cos(two_pi * w);
    REQUIRE(std::fabs(random.normal(i) - static_cast<double>(expected)) <= 1e-15 * static_cast<double>(radius));
  }
}

TEST_CASE("golden values of docs/random.md") {
  const CounterRandom q(0, "q"), k(1, "k");
  // Bit for bit, the same on every machine; computed by a second implementation, in Python.
  CHECK(q.bits(0) == 0x65d7e086601d32f7);
  CHECK(q.normal(0) == -0x1.4d1394576833ep-1);
  CHECK(q.normal(1) == -0x1.0c7fdaadd6f41p+0);
  CHECK(k.uniform(5) == 0x1.d53a72e7abb80p-8);
  CHECK(k.below(5, 1000) == 7);
}

TEST_CASE("normals have the moments of a standard normal") {
  const CounterRandom random(3, "v");
  constexpr int kDraws = 200000;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal(static_cast<std::uint64_t>(i));
    m1 += x / kDraws;
    m2 += x * x / kDraws;
    m3 += x * x * x / kDraws;
    m4 += x * x * x * x / kDraws;
    beyond_two += std::fabs(x) > 2;
  }
  // Four standard deviations of each estimate.
  const double root = std::sqrt(static_cast<double>(kDraws));
  CHECK(std::fabs(m1) < 4 / root);
  CHECK(std::fabs(m2 - 1) < 4 * std::sqrt(2.0) / root);
  CHECK(std::fabs(m3) < 4 * std::sqrt(15.0) / root);
  CHECK(std::fabs(m4 - 3) < 4 * std::sqrt(96.0) / root);
  CHECK(std::fabs(beyond_two / static_cast<double>(kDraws) - 0.04550026) < 4 * std::sqrt(0.0455 * 0.9545) / root);
}

TEST_CASE("fill_normal draws each element alone and rounds f64 to f32 to the dtype") {
  Tensor wide(f32, {3, 5}), half(f16, {3, 5}), brain(bf16, {3, 5});
  fill_normal(wide.view(), 11, "k");
  fill_normal(half.view(), 11, "k");
  fill_normal(brain.view(), 11, "k");
  const CounterRandom random(11, "k");
  for (std::uint64_t i = 0; i < 15; ++i) {
    const auto value = static_cast<float>(random.normal(i));
    CHECK(wide.as<float>()[i] == value);
    CHECK(half.as<std::uint16_t>()[i] == float_to_f16(value));
    CHECK(brain.as<std::uint16_t>()[i] == float_to_bf16(value));
  }
}
