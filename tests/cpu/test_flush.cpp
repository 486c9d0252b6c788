// Numbers below 2^-126: the kernel's own count as 0 while it weighs and multiplies; a mod's and the caller's mode stay as they are.
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "tests/cpu/problem.h"

namespace flexc::cpu_test {
namespace {

constexpr double kLeastNormal = 0x1p-126;

#if defined(__x86_64__)
constexpr unsigned kFlush = 0x8000, kReadAsZero = 0x0040;
std::atomic<unsigned> modes_seen;
std::atomic<int> segments_seen;

void note_mode(const flexc_row_launch*, const flexc_row_levels*, const flexc_row_segment*, float*) {
  modes_seen |= _mm_getcsr();
  ++segments_seen;
}
#endif

}  // namespace

TEST_CASE("outputs near the least normal number are off by that times the row's keys at most") {
  const Shape shape{1, 1, 1, 40, 300, 64, 48};
  for (const char* name : {"noop", "alibi"}) {
    Problem problem(shape, variant(name), {});
    for (std::int64_t row = 0; row < 300; ++row)
      for (std::int64_t i = 0; i < 48; ++i) problem.v.set(0, 0, row, i, (row % 2 == 0 ? 3 : -1) * kLeastNormal * static_cast<double>(i + 1));
    const ReferenceOutput reference = problem.reference();
    for (const std::string& target : targets()) {
      INFO(name << " " << target);
      const Result result = problem.run({target, 1, nullptr});
      double largest = 0, off = 0;
      for (std::size_t i = 0; i < result.out.size(); ++i) {
        largest = std::max(largest, std::abs(result.out[i]));
        off = std::max(off, std::abs(result.out[i] - reference.out[i]));
      }
      CHECK(off <= 300 * kLeastNormal);
      CHECK(largest > 10 * kLeastNormal);
    }
  }
}

TEST_CASE("a weight that is flushed takes 2^-126 times its value at most") {
  Problem problem({1, 1, 1, 40, 2, 1, 1}, variant("noop"), {DType::F32, Layout::Dense, 1, false, 1.0});
  for (std::int64_t row = 0; row < 40; ++row) problem.q.set(0, 0, row, 0, 1);
  problem.k.set(0, 0, 0, 0, 0), problem.k.set(0, 0, 1, 0, -87.5);
  problem.v.set(0, 0, 0, 0, 0), problem.v.set(0, 0, 1, 0, 1e38);
  const double expected = problem.reference().out[0];
  for (const std::string& target : targets()) {
    INFO(target);
    CHECK(std::abs(problem.run({target, 1, nullptr}).out[0] - expected) <= 2 * kLeastNormal * 1e38);
  }
}

#if defined(__x86_64__)
TEST_CASE("mods run in the caller's mode, and it is left as it was") {
  flexc_row_module module{};
  module.abi_version = FLEXC_ROW_ABI_VERSION;
  module.score_class = FLEXC_SCORE_GENERAL;
  module.score_row = note_mode;
  const unsigned before = _mm_getcsr();
  REQUIRE((before & kFlush) == 0);
  for (const DType type : {DType::F32, DType::BF16})
    for (const std::int64_t rows : {1, 40}) {
      Problem problem({1, 2, 1, rows, 300, 64, 64}, variant("noop"), {type});
      for (const std::string& target : targets()) {
        INFO(name_of(type) << " " << rows << " " << target);
        modes_seen = 0, segments_seen = 0;
        problem.run({target, 1, nullptr, &module});
        CHECK(segments_seen > 0);
        CHECK((modes_seen & (kFlush | kReadAsZero)) == 0);
        CHECK((_mm_getcsr() & (kFlush | kReadAsZero)) == 0);
      }
    }
}
#endif

}  // namespace flexc::cpu_test
