// The model's 16-bit conversions: values typed from the formats, and every pattern there and back.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "templates/model/numbers.h"

using namespace flexc::model;

TEST_CASE("bf16 and f16 by hand") {
  CHECK(bf16_to_f32(0x3f80) == 1.0f);
  CHECK(bf16_to_f32(0xc040) == -3.0f);
  CHECK(f16_to_f32(0x3c00) == 1.0f);
  CHECK(f16_to_f32(0xc200) == -3.0f);
  CHECK(f16_to_f32(0x7bff) == 65504.0f);
  CHECK(f16_to_f32(0x0001) == 0x1p-24f);
  CHECK(f16_to_f32(0x8400) == -0x1p-14f);
  CHECK(f32_to_f16(65504.0f) == 0x7bff);
  CHECK(f32_to_f16(65519.0f) == 0x7bff);
  CHECK(f32_to_f16(65520.0f) == 0x7c00);
  CHECK(f32_to_f16(0x1p-25f) == 0x0000);  // a tie goes to the even zero
  CHECK(f32_to_f16(0x1.000002p-25f) == 0x0001);
  CHECK(f32_to_f16(1.0f + 0x1p-11f) == 0x3c00);  // tie to even
  CHECK(f32_to_f16(1.0f + 3 * 0x1p-11f) == 0x3c02);
  CHECK(f32_to_bf16(1.0f + 0x1p-8f) == 0x3f80);  // tie to even
  CHECK(f32_to_bf16(1.0f + 3 * 0x1p-8f) == 0x3f82);
  CHECK(f32_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(f32_to_bf16(-std::numeric_limits<float>::infinity()) == 0xff80);
  CHECK(f32_to_bf16(std::nanf("")) == 0x7fff);
  CHECK(f32_to_f16(std::nanf("")) == 0x7fff);
}

TEST_CASE("every 16-bit number survives the way to f32 and back") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if ((half & 0x7fff) <= 0x7f80) REQUIRE(f32_to_bf16(bf16_to_f32(half)) == half);
    if ((half & 0x7fff) <= 0x7c00) REQUIRE(f32_to_f16(f16_to_f32(half)) == half);
  }
}
