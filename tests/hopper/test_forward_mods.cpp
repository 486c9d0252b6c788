// Every path through the kernel, on the host model: score classes, tables, masks of pairs, bands with a gap, rows with nothing left; odd and tiny
// lengths. No report, the reference's answer, the same bits under every schedule; and a spoilt reference is noticed.
#include <catch2/catch.hpp>
#include <cmath>
#include <utility>

#include "tests/hopper/odd_factors.h"

using namespace hopper_model;

namespace {

/// Row 37 has the scores of `column`, before the factor; all other rows are level.
struct OneRow : ForwardProblem {
  OneRow(const ForwardKernel& kernel, int split, const std::function<double(int kv)>& column) : ForwardProblem(kernel, 1, 1, 1, 100, 400) {
    constexpr double kLog2E = 1.4426950408889634;
    set_scores([](int q) { return q == 37 ? 1.0 : 0.0; }, [&](int kv) { return column(kv) * kLog2E; });
    if (split != 0) set_split(split);
  }
};

void runs(ForwardProblem& problem) {
  const auto result = problem.run(schedule(model::Policy::Random, 5));
  INFO((result.reports.empty() ? "" : result.reports.front().text));
  REQUIRE(result.reports.empty());
}

}  // namespace

TEST_CASE("forward kernel: every kind of mod, odd lengths") {
  for (const ForwardKernel& kernel : forward_kernels()) {
    for (const auto& [q_len, kv_len] : {std::pair{199, 333}, {1, 1}, {129, 64}}) {
      ForwardProblem problem(kernel, 1, 2, 1, q_len, kv_len);
      std::vector<uint16_t> first;
      for (const model::Policy policy : {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random}) {
        const auto result = problem.run(schedule(policy, 7));
        INFO(kernel.name << ", " << q_len << " x " << kv_len << ", " << model::policy_name(policy)
                         << (result.reports.empty() ? "" : ": " + result.reports.front().text));
        REQUIRE(result.reports.empty());
        CHECK(problem.judge() == "");
        if (first.empty()) first = problem.out();
        CHECK(problem.out() == first);
      }
    }
  }
}

TEST_CASE("forward kernel: the judge notices another mod's answer") {
  // The kernel computes one mod, the reference another.
  const ForwardKernel& affine = forward_kernel("affine");
  ForwardKernel spoilt = affine;
  spoilt.score = [](double score, int, int h, int q, int kv) { return score + 1.01 * std::ldexp(1.0, -(h + 1)) * (kv - q); };
  ForwardProblem problem(spoilt, 1, 2, 1, 129, 200);
  REQUIRE(problem.run(schedule(model::Policy::Random, 1)).reports.empty());
  CHECK(problem.judge() != "");
  ForwardKernel shifted = forward_kernel("differences");
  shifted.score = [](double score, int, int h, int q, int kv) { return score + 0.25 * (h + 1) * (((q - kv) % 7 + 8) % 7) - 0.01 * (h + 1) * std::abs(q - kv); };
  ForwardProblem biased(shifted, 1, 2, 1, 129, 200);
  REQUIRE(biased.run(schedule(model::Policy::Random, 1)).reports.empty());
  CHECK(biased.judge() != "");
  ForwardKernel unmasked = forward_kernel("two intervals");
  unmasked.keep = [](int, int, int q, int kv) { return kv < 50 || (kv >= q - 31 && kv <= q); };
  ForwardProblem wider(unmasked, 1, 2, 1, 129, 200);
  REQUIRE(wider.run(schedule(model::Policy::Random, 1)).reports.empty());
  CHECK(wider.judge() != "");
}

TEST_CASE("forward kernel: a factor that is 0, infinite or NaN") {
  ForwardProblem zero(odd_factor("zero"), 1, 2, 1, 129, 200);
  runs(zero);
  CHECK(zero.judge() == "");
  for (const char* name : {"infinite", "NaN"}) {
    INFO(name);
    ForwardProblem problem(odd_factor(name), 1, 1, 1, 100, 200);  // elements of both signs, so every row has an infinity or NaN
    runs(problem);
    CHECK(problem.non_finite_warps() > 0);
    for (int row = 0; row < 100; ++row) {
      CHECK_FALSE(std::isfinite(problem.out_value(row, 3)));
      CHECK(std::isnan(problem.lse()[static_cast<size_t>(row)]));
    }
  }
}

TEST_CASE("forward kernel: elements that only their factor makes infinite") {
  const ForwardKernel& kernel = odd_factor("overflows");
  for (const int split : {0, 3}) {
    for (const int at : {3, 200, 399}) {
      INFO("key " << at << ", split " << split);
      OneRow problem(kernel, split, [at](int kv) { return kv == at ? 3.0 : -0.125; });
      runs(problem);
      CHECK(problem.non_finite_warps() > 0);  // as an infinite score: reported, never a silent 0
      CHECK(std::isnan(problem.out_value(37, 3)));
      CHECK(std::isnan(problem.lse()[37]));
      CHECK(std::isfinite(problem.out_value(36, 3)));
      CHECK(std::isfinite(problem.out_value(38, 3)));
      // Just below, it is a score like others.
      OneRow large(kernel, split, [at](int kv) { return kv == at ? 1.0 : -0.125; });
      large.ask_max_scores();
      runs(large);
      CHECK(large.judge() == "");
      CHECK(large.non_finite_warps() == 0);
      // -inf removes a pair, by whatever it came about.
      OneRow removed(kernel, split, [at](int kv) { return kv == at ? -1.0 : -3.0; });
      runs(removed);
      CHECK(removed.judge() == "");
      CHECK(removed.non_finite_warps() == 0);
    }
    OneRow empty(kernel, split, [](int) { return -3.0; });
    runs(empty);
    CHECK(empty.out_value(37, 3) == 0.0f);
    CHECK(empty.lse()[37] == -INFINITY);
  }
}
