// The arithmetic of templates/hooks_math.cuh on its own, as the host compiles it.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>

#include "dsl/evaluate/scalar_ops.h"
#include "flexc/dtype.h"
#include "flexc/random.h"
#include "templates/hooks.cuh"
#include "tests/ir/operation_cases.h"

using namespace flexc;

TEST_CASE("division by magic numbers is floor division") {
  std::vector<std::int64_t> values = integer_edges();
  const CounterRandom random(5, "divisors");
  for (std::uint64_t i = 0; i < 300; ++i) values.push_back(static_cast<std::int64_t>(random.bits(i)) >> (i % 64));
  for (std::int64_t by : values) {
    const mods::Divisor divisor = mods::make_divisor(by);
    for (std::int64_t a : values) {
      if (mods::floor_div(static_cast<mods::i64>(a), divisor) != dsl::floor_div(a, by) || mods::floor_mod(static_cast<mods::i64>(a), divisor) != dsl::floor_mod(a, by)) {
        INFO(a << " by " << by);
        CHECK(mods::floor_div(static_cast<mods::i64>(a), divisor) == dsl::floor_div(a, by));
        CHECK(mods::floor_mod(static_cast<mods::i64>(a), divisor) == dsl::floor_mod(a, by));
      }
    }
  }
  mods::Divisor wrong = mods::make_divisor(7);
  ++wrong.multiplier;
  wrong.shift2 ^= 1;
  CHECK(mods::floor_div(mods::i64{1000003}, wrong) != 1000003 / 7);
}

TEST_CASE("every f16 and bf16 widens to its value") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<unsigned short>(bits);
    const float f16 = mods::widen_f16(half), bf16 = mods::widen_bf16(half);
    const bool f16_is_nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
    const float exponent = static_cast<float>(static_cast<int>(bits >> 10 & 31));
    const float magnitude = (bits & 0x7c00) == 0x7c00 ? INFINITY
                            : exponent == 0           ? static_cast<float>(bits & 0x3ff) * 0x1p-24f
                                                      : std::ldexp(1.0f + static_cast<float>(bits & 0x3ff) / 1024.0f, static_cast<int>(exponent) - 15);
    const float expected = bits & 0x8000 ? -magnitude : magnitude;
    if (f16_is_nan ? !std::isnan(f16) : std::bit_cast<std::uint32_t>(f16) != std::bit_cast<std::uint32_t>(expected)) CHECK(bits == 0x10000);
    if (std::bit_cast<std::uint32_t>(bf16) != bits << 16) CHECK(bits == 0x10000);
  }
}
