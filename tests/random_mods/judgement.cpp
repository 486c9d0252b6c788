#include "tests/random_mods/judgement.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

namespace random_mods {
namespace {

/// Small numbers, some of them halves.
float moderate(std::mt19937_64& random) {
  if (random() % 4 == 0) return static_cast<float>(static_cast<int>(random() % 33) - 16) / 2;
  return static_cast<float>(static_cast<std::int64_t>(random() % 8000001) - 4000000) / 1e6f;
}

}  // namespace

float any_float(std::mt19937_64& random, unsigned edges_percent) {
  return random() % 100 < edges_percent ? one_of(kFloatEdges, random) : moderate(random);
}

bool same_bits(float a, float b) { return std::isnan(a) ? std::isnan(b) : std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

std::string place_of(const flexc_row_segment& segment, std::size_t i, float score) {
  return fmt::format("b {} h {} q {} kv {} (base {}, step {}, column {}) score {}", segment.b, segment.h, segment.q,
                     segment.kv_base + segment.kv_step * static_cast<std::int64_t>(i), segment.kv_base, segment.kv_step, i, score);
}

std::string text_of(const Range& r) {
  return (r.has_numbers ? fmt::format("[{}, {}]", r.lo, r.hi) : std::string("no number")) + (r.may_be_nan ? " or nan" : "");
}

double affine_error(const flexc::dsl::Body& body, const Expected& expected, double product, double column) {
  const auto operations = static_cast<double>(body.nodes.size() + 6);
  constexpr double kUnit = 0x1p-24;
  return kLog2E * (operations * kUnit * expected.magnitude + (expected.underflow + kLeastFloat) * (1 + std::fabs(product) + column));
}

}  // namespace random_mods
