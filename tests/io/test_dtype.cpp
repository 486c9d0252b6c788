// The 16-bit floats against a slow reference that knows nothing of bit tricks: every value is a rational, compared exactly.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "flexc/dtype.h"

using namespace flexc;

namespace {

struct Format { int exponent_bits, mantissa_bits; };
constexpr Format kF16{5, 10}, kBf16{8, 7};

/// The value of `bits` by the definition of IEEE 754's binary formats.
double value_of(Format format, std::uint16_t bits) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const int exponent = (bits >> format.mantissa_bits) & ((1 << format.exponent_bits) - 1), mantissa = bits & ((1 << format.mantissa_bits) - 1);
  double magnitude;
  if (exponent == (1 << format.exponent_bits) - 1) magnitude = mantissa == 0 ? HUGE_VAL : std::nan("");
  else if (exponent == 0) magnitude = std::ldexp(mantissa, 1 - bias - format.mantissa_bits);
  else magnitude = std::ldexp(mantissa + (1 << format.mantissa_bits), exponent - bias - format.mantissa_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/// `value` to the nearest of all finite values by bisection over the bit patterns, ties to the even pattern; overflow by the rule
/// of the standard (the next value that an unbounded exponent would give counts as infinity).
std::uint16_t nearest(Format format, double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  const auto infinity = static_cast<std::uint16_t>(((1 << format.exponent_bits) - 1) << format.mantissa_bits);
  const auto largest = static_cast<std::uint16_t>(infinity - 1);
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const double beyond = std::ldexp(1.0, bias + 1);
  std::uint16_t low = 0, high = infinity;  // value_of(low) ≤ magnitude < value_of(high), where infinity stands for `beyond`
  if (magnitude >= beyond) return sign | infinity;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (value_of(format, middle) <= magnitude ? low : high) = middle;
  }
  const double below = value_of(format, low), above = low == largest ? beyond : value_of(format, high);
  // Both differences are exact: a double holds 53 bits, and the neighbours agree in all but the last of 11 or 8.
  const double down = magnitude - below, up = above - magnitude;
  if (down < up) return sign | low;
  if (up < down) return sign | high;
  return sign | (low % 2 == 0 ? low : high);
}

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

/// Doubles around every boundary between neighbours, and many others.
template <class Check>
void over_doubles(Format format, Check&& check) {
  for (unsigned bits = 0; bits < 0x8000; ++bits) {
    const double value = value_of(format, static_cast<std::uint16_t>(bits)), next = value_of(format, static_cast<std::uint16_t>(bits + 1));
    if (!std::isfinite(value)) break;
    const double middle = std::isfinite(next) ? (value + next) / 2 : value + (value - value_of(format, static_cast<std::uint16_t>(bits - 1))) / 2;
    // The neighbours of the midpoint in f64 are where rounding to f32 first, then to 16 bits, goes wrong.
    for (double x : {value, middle, std::nextafter(middle, 0.0), std::nextafter(middle, HUGE_VAL), std::nextafter(value, 0.0), std::nextafter(value, HUGE_VAL)}) check(x), check(-x);
    const double float_below = std::nextafterf(static_cast<float>(middle), 0.0f), float_above = std::nextafterf(static_cast<float>(middle), HUGE_VALF);
    for (double x : {float_below, float_above, (middle + float_below) / 2, (middle + float_above) / 2}) check(x), check(-x);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 300000; ++i) {
    const double any = std::bit_cast<double>(random());
    if (!std::isnan(any)) check(any);
    check(std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), static_cast<int>(random() % 90) - 120));
  }
  for (double x : {0.0, HUGE_VAL, 5e-324, 1e-45, 0x1p-149, 0x1p-150, 0x1.8p-150, 0x1p-133, 0x1p-134, 0x1.00001p-134, 65504.0, 65519.999999999, 65520.0, 3.4028234663852886e38, 3.4028235677973366e38, 0x1.ffp127, 0x1.feffffffffp127})
    check(x), check(-x);
}

}  // namespace

TEST_CASE("f16 and bf16: all 65,536 patterns widen to their value and narrow back to themselves") {
  for (unsigned pattern = 0; pattern < 0x10000; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    for (const bool half : {true, false}) {
      const double expected = value_of(half ? kF16 : kBf16, bits);
      const float wide = half ? f16_to_float(bits) : bf16_to_float(bits);
      REQUIRE(same(wide, expected));
      const std::uint16_t back = half ? float_to_f16(wide) : float_to_bf16(wide);
      if (std::isnan(expected)) {
        REQUIRE(std::isnan(value_of(half ? kF16 : kBf16, back)));
        REQUIRE((back & 0x8000) == (bits & 0x8000));
      } else {
        REQUIRE(back == bits);
      }
    }
  }
}

TEST_CASE("f32 to f16 and bf16 rounds to nearest even, at every boundary") {
  over_doubles(kF16, [](double x) {
    const auto value = static_cast<float>(x);
    REQUIRE(float_to_f16(value) == nearest(kF16, value));
  });
  over_doubles(kBf16, [](double x) {
    const auto value = static_cast<float>(x);
    REQUIRE(float_to_bf16(value) == nearest(kBf16, value));
  });
}

TEST_CASE("round_to rounds a double once, never twice") {
  over_doubles(kF16, [](double x) { REQUIRE(same(round_to(f16, x), value_of(kF16, nearest(kF16, x)))); });
  over_doubles(kBf16, [](double x) { REQUIRE(same(round_to(bf16, x), value_of(kBf16, nearest(kBf16, x)))); });
  CHECK(std::isnan(round_to(f16, std::nan(""))));
  CHECK(std::isnan(round_to(bf16, std::nan(""))));
  // The textbook case: just above a tie, where f32 first would land on the tie and go to even.
  const double above_tie = 1 + 0x1p-11 + 0x1p-40;
  CHECK(round_to(f16, above_tie) == 1 + 0x1p-10f);
  CHECK(f16_to_float(float_to_f16(static_cast<float>(above_tie))) == 1.0f);
}

TEST_CASE("dtype names are inverse to each other") {
  for (DType type : {f32, f16, bf16, i32, i64, u8, boolean, f64}) CHECK(dtype_from_name(name_of(type)) == type);
  CHECK_FALSE(dtype_from_name("float32"));
  CHECK_FALSE(dtype_from_name(""));
}
