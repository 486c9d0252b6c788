// The plain kernel on the host model: mods for every path through it against the dense reference, under several schedules, whose bits are one; and launches that compute the marked items alone.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/simt/member.h"

namespace hopper_model {

const std::vector<ForwardKernel>& forward_kernels() {
  constexpr auto kBf16 = Element::kBf16, kF16 = Element::kF16;
  static const std::vector<ForwardKernel> all = {
      SimtMember<kBf16, Plain>::kernel("plain"),
      SimtMember<kF16, Causal, 128>::kernel("causal"),
      SimtMember<kBf16, Alibi, 64, 192>::kernel("affine"),
      SimtMember<kF16, Negated>::kernel("affine, negated"),
      SimtMember<kBf16, Softcap, 64, 320>::kernel("general"),
      SimtMember<kBf16, Document, 192, 64>::kernel("mask of pairs with a table"),
      SimtMember<kF16, TwoIntervals, 256>::kernel("two intervals"),
      SimtMember<kBf16, SecondAlone>::kernel("rows with a second interval alone"),
      SimtMember<kBf16, Hollow>::kernel("rows that keep nothing"),
      SimtMember<kBf16, Window>::kernel("a window"),
      SimtMember<kBf16, BandAndMask, 64, 512>::kernel("band and mask"),
      SimtMember<kF16, Scattered>::kernel("a pattern of its own a head"),
  };
  return all;
}

}  // namespace hopper_model

using namespace hopper_model;
using model::Policy;

TEST_CASE("the plain kernel computes every kind of mod, the same bits under every schedule") {
  for (const ForwardKernel& kernel : forward_kernels()) {
    ForwardProblem problem(kernel, 1, 1, 1, 70, 170);
    std::vector<uint16_t> first;
    for (const uint64_t seed : {1, 2}) {
      const auto result = problem.run(schedule(Policy::Random, seed));
      INFO(kernel.name << ", seed " << seed);
      INFO((result.reports.empty() ? "" : result.reports[0].text));
      REQUIRE(result.reports.empty());
      REQUIRE(problem.judge() == "");
      if (first.empty()) first.assign(problem.out().begin(), problem.out().end());
      CHECK(std::equal(first.begin(), first.end(), problem.out().begin(), problem.out().end()));
    }
  }
}

TEST_CASE("lengths at the edges of blocks and tiles, and one row or key") {
  for (const auto& [q_len, kv_len] : {std::pair(1, 1), {239, 1}, {1, 255}, {64, 64}, {65, 129}, {113, 203}}) {
    ForwardProblem problem(forward_kernel("plain"), 2, 2, 2, q_len, kv_len);
    const auto result = problem.run(schedule(Policy::Random, 3));
    INFO(q_len << " x " << kv_len);
    REQUIRE(result.reports.empty());
    CHECK(problem.judge() == "");
  }
}

TEST_CASE("the model notices each barrier that is left out, where values come in parts") {
  ForwardProblem problem(forward_kernel("affine"), 1, 1, 1, 100, 150);
  for (const char* site : {"staged_free", "keys_full", "scores_full", "values_free", "values_full", "ends_full"}) {
    model::LaunchOptions options = schedule(Policy::Random, 1);
    options.mutation = {site, model::Change::Drop};
    const auto result = problem.run(options);
    INFO(site);
    CHECK(result.mutated_calls > 0);
    CHECK_FALSE(result.reports.empty());
  }
}

TEST_CASE("a launch for marked items writes those alone") {
  ForwardProblem problem(forward_kernel("a window"), 1, 2, 1, 300, 170);
  REQUIRE(problem.run(schedule(Policy::Random, 1)).reports.empty());
  const std::vector<uint16_t> all(problem.out().begin(), problem.out().end());
  for (const std::vector<unsigned>& marks : {std::vector<unsigned>{}, {4}, {0, 3}}) {
    REQUIRE(problem.run_marked(schedule(Policy::Random, 2), marks).reports.empty());
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t row = i / 64, head = row / 300, block = row % 300 / 128;
      const size_t item = (2 - block) * 2 + head;  // of two heads and three blocks; longest rows first
      const bool is_marked = std::ranges::find(marks, item) != marks.end();
      if ((problem.out()[i] == all[i]) != is_marked) {
        CAPTURE(i, marks);
        FAIL("an element that is marked was not written, or another was");
      }
    }
  }
}
