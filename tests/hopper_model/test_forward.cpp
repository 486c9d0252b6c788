// The forward kernel on the model: right, silent, and the same to the bit under every schedule.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "forward_problem.h"

using namespace hopper_model;

namespace {

constexpr model::Policy kPolicies[] = {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random};

std::string describe(const model::LaunchResult& result) {
  std::string text;
  for (const auto& report : result.reports) text += std::string(model::fault_name(report.fault)) + ": " + report.text + "\n";
  return text;
}

int seeds() {
  const char* nightly = std::getenv("FLEXC_NIGHTLY");
  return nightly != nullptr && nightly[0] == '1' ? 200 : 20;
}

void holds(const char* name, int batch, int heads, int kv_heads, int q_len, int kv_len, int seeds) {
  ForwardProblem problem(forward_kernel(name), batch, heads, kv_heads, q_len, kv_len);
  std::vector<uint16_t> first;
  std::vector<float> first_lse;
  for (model::Policy policy : kPolicies) {
    for (int seed = 0; seed < seeds; ++seed) {
      const auto result = problem.run(schedule(policy, static_cast<uint64_t>(seed)));
      INFO(name << ", " << model::policy_name(policy) << ", seed " << seed << ": " << describe(result));
      REQUIRE(result.reports.empty());
      if (first.empty()) {
        CHECK(problem.judge() == "");
        first = problem.out();
        first_lse = problem.lse();
      }
      REQUIRE(problem.out() == first);
      REQUIRE(problem.lse() == first_lse);
    }
  }
}

}  // namespace

TEST_CASE("forward kernels: no report, the reference's answer, the same bits under every schedule") {
  holds("noop D64", 1, 1, 1, 200, 300, seeds());
  holds("causal D64", 1, 1, 1, 200, 200, seeds());
  holds("causal D128", 1, 2, 1, 140, 140, seeds());
  holds("causal D128 f16", 1, 1, 1, 130, 200, seeds());
  holds("noop D128", 1, 1, 1, 129, 200, seeds());
  holds("causal D256", 1, 1, 1, 130, 130, seeds());
}
