// Every path through the kernel, on the host model: score classes, tables, masks of pairs, bands with a gap, rows with nothing left; odd and tiny
// lengths. No report, the reference's answer, the same bits under every schedule; and a spoilt reference is noticed.
#include <catch2/catch.hpp>
#include <cmath>
#include <utility>

#include "tests/hopper_model/forward_problem.h"

using namespace hopper_model;

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
