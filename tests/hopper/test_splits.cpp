// Keys cut into parts. On the host: where they are cut. On the model: every path through the kernel in parts gives the reference's answer, the same bits under
// every schedule, with every block mask and in every batch; and parts that are spoilt, or left out, are noticed.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

#include "runtime/cuda/splits.h"
#include "tests/hopper_model/forward_problem.h"

using namespace hopper_model;
using flexc::runtime::automatic_split;
using flexc::runtime::cut_keys;

namespace {

constexpr model::Policy kPolicies[] = {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random};

std::string runs(ForwardProblem& problem, model::Policy policy = model::Policy::Random, uint64_t seed = 3) {
  const auto result = problem.run(schedule(policy, seed));
  return result.reports.empty() ? "" : result.reports.front().text;
}

}  // namespace

TEST_CASE("keys are cut into whole tiles by position, and no part is empty") {
  for (const std::int64_t kv_len : {0, 1, 64, 65, 500, 1000, 12345, 1 << 30})
    for (const std::uint32_t n : {32u, 80u, 128u, 176u})
      for (const std::int64_t wanted : {1, 2, 3, 7, 100, 1 << 29}) {
        const auto parts = cut_keys(kv_len, n, wanted);
        const std::uint64_t tiles = std::max<std::uint64_t>((static_cast<std::uint64_t>(kv_len) + n - 1) / n, 1), covered = std::uint64_t{parts.parts} * parts.tiles;
        INFO(kv_len << " keys, tiles of " << n << ", " << wanted << " wanted");
        CHECK(parts.parts >= 1);
        CHECK(parts.parts <= wanted);
        CHECK(covered >= tiles);
        CHECK(covered - parts.tiles < tiles);
      }
}

TEST_CASE("auto cuts few long rows, and nothing else") {
  CHECK(automatic_split(32, 1, 65536) > 1);       // decoding
  CHECK(automatic_split(8, 16, 100000) > 4);
  CHECK(automatic_split(1, 1, 1 << 20) > 60);
  CHECK(automatic_split(1, 128, 300) == 1);       // short
  CHECK(automatic_split(64, 4096, 4096) == 1);    // many
  CHECK(automatic_split(2, 1 << 20, 1 << 20) == 1);
  CHECK(automatic_split(1 << 20, 1, 65536) == 1);
  CHECK(automatic_split(1, 1, 0) == 1);
  // As many parts as there are multiprocessors at most, and never less than a few tiles in one.
  for (std::int64_t heads = 1; heads < 300; heads += 7)
    for (const std::int64_t kv_len : {100, 2000, 30000, 1000000}) {
      const std::int64_t parts = automatic_split(heads, 1, kv_len);
      CHECK(parts >= 1);
      CHECK((parts == 1 || parts * 4 * 128 <= kv_len + 127));
      CHECK(parts <= 132);
    }
}

TEST_CASE("forward kernel in parts: every kind of mod, odd lengths, sink, largest scores") {
  for (const ForwardKernel& kernel : forward_kernels()) {
    for (const auto& [q_len, kv_len, split] : {std::tuple{199, 333, 3}, {1, 500, 2}, {1, 1, 4}, {129, 200, 100}, {17, 300, 2}}) {
      ForwardProblem problem(kernel, 1, 2, 1, q_len, kv_len);
      problem.set_split(split);
      problem.ask_max_scores();
      if (q_len == 129) problem.set_sink(0.75f);
      std::vector<uint16_t> first;
      std::vector<float> first_lse;
      for (const model::Policy policy : kPolicies) {
        INFO(kernel.name << ", " << q_len << " x " << kv_len << " in " << split << " parts, " << model::policy_name(policy));
        REQUIRE(runs(problem, policy) == "");
        if (first.empty()) {
          CHECK(problem.judge() == "");
          first = problem.out(), first_lse = problem.lse();
        }
        CHECK(problem.out() == first);
        CHECK(problem.lse() == first_lse);
      }
    }
  }
}

TEST_CASE("forward kernel in parts: a row's bits depend neither on the batch, nor on a block mask, nor on other rows") {
  for (const char* name : {"affine", "mask with a table", "two intervals", "empty rows", "scattered"}) {
    const ForwardKernel& kernel = forward_kernel(name);
    for (const int split : {2, 4}) {
      INFO(name << " in " << split << " parts");
      ForwardProblem all(kernel, 3, 2, 1, 150, 340);
      all.set_split(split);
      REQUIRE(runs(all) == "");
      const auto out = all.out();
      const auto lse = all.lse();
      if (std::string(name) != "scattered") {  // which differs from batch to batch
        ForwardProblem one(kernel, 1, 2, 1, 150, 340);
        one.set_split(split);
        one.take_batch(all, 2);
        REQUIRE(runs(one, model::Policy::Latest, 9) == "");
        CHECK(std::equal(one.out().begin(), one.out().end(), out.end() - static_cast<std::ptrdiff_t>(one.out().size())));
        CHECK(std::equal(one.lse().begin(), one.lse().end(), lse.end() - static_cast<std::ptrdiff_t>(one.lse().size())));
      }
      for (const auto& [block_q, block_kv, group] : {std::tuple{static_cast<int>(kernel.m), static_cast<int>(kernel.n), 0u}, {50, 16, 1u}, {64, 200, 0u}}) {
        const flexc::BlockMask mask = all.exact_mask(block_q, block_kv);
        all.set_mask(&mask, group);
        REQUIRE(runs(all, model::Policy::Random, group) == "");
        CHECK(all.out() == out);
        CHECK(all.lse() == lse);
      }
      // Another cut may give other bits, and the same answer.
      all.set_mask(nullptr);
      all.set_split(3);
      REQUIRE(runs(all) == "");
      CHECK(all.judge() == "");
    }
  }
}

TEST_CASE("forward kernel in parts: what is not finite is marked, once, at its rows") {
  const ForwardKernel& kernel = forward_kernel("two intervals");  // keys below 50, and 30 before the row
  ForwardProblem problem(kernel, 1, 1, 1, 300, 300);
  problem.set_split(3);
  REQUIRE(runs(problem) == "");
  CHECK(problem.non_finite_warps() == 0);
  problem.set_value(250, 3, std::numeric_limits<double>::quiet_NaN());  // kept by rows 250 to 280; removed from others of the tile of rows 256 to 300
  unsigned marks = 0;
  problem.set_between([&](flexc_hopper_arguments& a) {
    CHECK(a.workspace[kFlexcWorkNonFinite] == 0);
    CHECK(a.items == 9);
    marks = flexc::runtime::row_tiles(a);
  });
  REQUIRE(runs(problem) == "");
  CHECK(marks == 3);
  CHECK(problem.non_finite_warps() > 0);
  // Rows of the first tile's parts never meet the tile of that key.
  CHECK(std::isfinite(problem.out_value(100, 3)));
  CHECK_FALSE(std::isfinite(problem.out_value(260, 3)));
}

TEST_CASE("forward kernel in parts: a part that is lost or spoilt is noticed") {
  const ForwardKernel& kernel = forward_kernel("general, f16");  // whose rows keep something in every part
  ForwardProblem problem(kernel, 1, 1, 1, 100, 400);
  problem.set_split(3);
  unsigned noticed = 0, spoilt = 0;
  for (unsigned part = 0; part < 3; ++part)
    for (int how = 0; how < 3; ++how) {
      problem.set_between([&](flexc_hopper_arguments& a) {
        const size_t first = size_t{part} * a.partial_warps;
        for (size_t row = first * kFlexcWarpRows; row < (first + a.partial_warps) * kFlexcWarpRows; ++row) {
          if (how == 0) a.partial_rows[row].sum = 0;
          if (how == 1) a.partial_rows[row].reference += 1;
        }
        if (how == 2) a.partial_outputs[first * 32 * (kernel.dv / 8)].values[0] += 100;
      });
      REQUIRE(runs(problem) == "");
      ++spoilt, noticed += problem.judge() != "";
    }
  CHECK(noticed == spoilt);
  WARN("spoilt parts noticed: " << noticed << " of " << spoilt);
}
