// The lazy maximum on the host model: the reference's answer and the exact softmax's, no report, the same bits under every schedule; a maximum is looked for
// only where it must be. And data made against it: rising scores, jumps within a tile up to and beyond what f32 holds, rows that begin masked or stay so. A
// row that overflows is reported, whatever comes after it, and the rows beside it are right.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "templates/hooks.cuh"
#include "templates/hopper/lazy.cuh"
#include "tests/hopper/odd_factors.h"

using namespace hopper_model;

namespace {

constexpr model::Policy kPolicies[] = {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random};

int seeds() {
  const char* nightly = std::getenv("FLEXC_NIGHTLY");
  return nightly != nullptr && nightly[0] == '1' ? 200 : 20;
}

model::LaunchResult run(ForwardProblem& problem, uint64_t seed = 3) {
  auto options = schedule(model::Policy::Random, seed);
  options.record_sites = true;
  auto result = problem.run(options);
  INFO((result.reports.empty() ? "" : result.reports.front().text));
  REQUIRE(result.reports.empty());
  return result;
}

// Of the warps' tiles, how many took the exact path.
struct Tiles {
  uint64_t exact = 0, all = 0;
};
Tiles tiles(const model::LaunchResult& result) {
  Tiles counts;
  for (const auto& site : result.sites) {
    if (site.name == "lazy0_largest_first") counts.exact = site.calls / 32;
    if (site.name == "lazy_vote") counts.all = site.calls / 32;
  }
  return counts;
}

// The exact softmax's answer to the same scores differs by no more than P's rounding does twice.
double distance(const ForwardProblem& a, const ForwardProblem& b, int rows) {
  double most = 0;
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < 64; ++column) most = std::max(most, std::abs(static_cast<double>(a.out_value(row, column)) - b.out_value(row, column)));
  return most;
}
constexpr double kTwoRoundings = 2 * 0x1p-8 * 5;  // of values that are standard normal, so below 5

using Row = std::function<double(int)>;
const Row kSame = [](int) { return 1.0; };

// A call of 64 rows and six tiles of 128 keys.
constexpr int kRows = 64, kTile = 128, kKeys = 6 * kTile;

void is_right(const char* what, const Row& row, const Row& column, bool again) {
  ForwardProblem lazy(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys), exact(forward_kernel("exact"), 1, 1, 1, kRows, kKeys);
  lazy.set_scores(row, column);
  exact.set_scores(row, column);
  const Tiles counts = tiles(run(lazy));
  run(exact);
  INFO(what << ": " << counts.exact << " of " << counts.all << " tiles took the exact path");
  CHECK(lazy.non_finite_warps() == 0);
  CHECK(lazy.judge() == "");
  CHECK(exact.judge() == "");
  CHECK(distance(lazy, exact, kRows) <= kTwoRoundings);
  CHECK((counts.exact > counts.all / 6) == again);
}

}  // namespace

TEST_CASE("lazy maximum: no report, the reference's answer, the same bits under every schedule") {
  struct Call {
    const char* kernel;
    int heads, q_len, kv_len;
  };
  for (const Call& call : {Call{"noop D64", 1, 200, 300}, Call{"causal D64", 1, 200, 200}, Call{"causal D128", 2, 140, 140}}) {
    ForwardProblem problem(forward_kernel(call.kernel), 1, call.heads, 1, call.q_len, call.kv_len);
    std::vector<uint16_t> first;
    std::vector<float> first_lse;
    for (model::Policy policy : kPolicies) {
      for (int seed = 0; seed < seeds(); ++seed) {
        const auto result = problem.run(schedule(policy, static_cast<uint64_t>(seed)));
        INFO(call.kernel << ", " << model::policy_name(policy) << ", seed " << seed << (result.reports.empty() ? "" : ": " + result.reports.front().text));
        REQUIRE(result.reports.empty());
        if (first.empty()) {
          CHECK(problem.judge() == "");
          first = problem.out(), first_lse = problem.lse();
        }
        REQUIRE(problem.out() == first);
        REQUIRE(problem.lse() == first_lse);
      }
    }
  }
}

TEST_CASE("lazy maximum: every class of score and mask, odd lengths, approximate units that err") {
  for (const ForwardKernel& kernel : forward_kernels()) {
    for (const auto& [q_len, kv_len] : {std::pair{199, 333}, {1, 1}, {129, 64}}) {
      ForwardProblem problem(kernel, 1, 2, 1, q_len, kv_len);
      for (const unsigned salt : {0u, 77u}) {
        auto options = schedule(model::Policy::Latest, 7);
        options.approximation_salt = salt;
        const auto result = problem.run(options);
        INFO(kernel.name << ", " << q_len << " x " << kv_len << (result.reports.empty() ? "" : ": " + result.reports.front().text));
        REQUIRE(result.reports.empty());
        CHECK(problem.non_finite_warps() == 0);
        CHECK(problem.judge() == "");
      }
    }
  }
}

TEST_CASE("lazy maximum: on ordinary data only an item's first tile looks for a maximum") {
  ForwardProblem problem(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys);
  const Tiles counts = tiles(run(problem));
  CHECK(counts.all == 3 * 4 * 6);  // three warpgroups of four warps, also those that have only rows beyond the end
  CHECK(counts.exact == 3 * 4);
}

TEST_CASE("lazy maximum: scores that rise, fall, jump") {
  const auto tile = [](int kv) { return kv / kTile; };
  is_right("45 a tile", kSame, [&](int kv) { return 45.0 * tile(kv) + kv % 7; }, true);
  is_right("10 a tile", kSame, [&](int kv) { return 10.0 * tile(kv) + kv % 7; }, true);
  is_right("10 a tile, then level", kSame, [&](int kv) { return 10.0 * std::min(tile(kv), 3) + kv % 7; }, false);
  is_right("falling", kSame, [&](int kv) { return -60.0 * tile(kv) + kv % 7; }, false);
  is_right("all far below 0", kSame, [](int kv) { return -3000.0 - 16 * (kv % 7); }, false);
  is_right("the first tile far below", kSame, [&](int kv) { return (tile(kv) == 0 ? -112.0 : 0.0) + kv % 7; }, true);
  is_right("a jump of 120", kSame, [](int kv) { return kv == 300 ? 120.0 : kv % 7; }, true);
  is_right("a jump of 120 at the end", kSame, [](int kv) { return kv == kKeys - 1 ? 120.0 : kv % 7; }, false);
  is_right("a jump of 60, then one of 2000 in the tile after it", kSame, [](int kv) { return kv == 300 ? 60.0 : kv == 3 * kTile + 5 ? 2048.0 : kv % 7; }, true);
  is_right("one row of a warp rises", [](int q) { return q == 37 ? 1.0 : 0.0; }, [&](int kv) { return 45.0 * tile(kv) + kv % 7; }, true);
}

TEST_CASE("lazy maximum: after one high score a single tile takes the exact path again") {
  // The new reference includes what the sum amounts to, though no later tile has a score as high.
  ForwardProblem problem(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys);
  problem.set_scores(kSame, [](int kv) { return kv == 300 ? 60.0 : kv % 7; });
  const Tiles counts = tiles(run(problem));
  CHECK(problem.judge() == "");
  CHECK(counts.exact == 3 * 4 + 4);  // the first tile of all warps, one more of those that have rows of the call: beyond the end Q is 0
}

TEST_CASE("lazy maximum: what a row gives is its own affair") {
  // Row 37 takes the exact path again, and row 5 overflows; every other row has the bits that it has without them.
  const Row column = [](int kv) { return 45.0 * (kv / kTile) + kv % 7; };
  ForwardProblem alone(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys), beside(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys);
  alone.set_scores([](int q) { return 0.125 + q % 3 * 0.0625; }, column);
  beside.set_scores([](int q) { return q == 37 ? 1.0 : q == 5 ? 4.0 : 0.125 + q % 3 * 0.0625; }, column);
  run(alone);
  run(beside);
  CHECK(beside.non_finite_warps() == 1);
  for (int row = 0; row < kRows; ++row) {
    for (int d = 0; d < 64; ++d) {
      if (row == 5) CHECK(std::isnan(beside.out_value(row, d)));
      if (row != 5 && row != 37) CHECK(beside.out_value(row, d) == alone.out_value(row, d));
    }
  }
}

TEST_CASE("lazy maximum: an overflow is reported, and the row is NaN") {
  struct Jump {
    const char* what;
    double by;
    int at;
    bool holds;
  };
  const Jump jumps[] = {
      {"125, the least sum below the end", 125, kKeys - 1, true},
      {"126: the exponential alone reaches the end", 126, kKeys - 1, false},
      {"127: finite in f32, but nothing is left to multiply it with", 127, kKeys - 1, false},
      {"130, in the last tile", 130, kKeys - 1, false},
      {"130, in the second", 130, kTile, false},
      {"4000, in the third", 4000, 2 * kTile + 77, false},
      {"4000, in the first", 4000, 77, true},
  };
  for (const Jump& jump : jumps) {
    INFO(jump.what);
    ForwardProblem problem(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys);
    // Powers of two and halves of them, so that rounding to bf16 changes none.
    problem.set_scores([](int q) { return q == 21 ? 1.0 : 0.0; }, [&](int kv) { return kv == jump.at ? jump.by : 0.0; });
    run(problem);
    CHECK(problem.non_finite_warps() == (jump.holds ? 0 : 1));
    if (jump.holds) {
      CHECK(problem.judge() == "");
    } else {
      CHECK(problem.judge() != "");
      CHECK(std::isnan(problem.lse()[21]));
    }
    for (int d = 0; d < 64; ++d) {
      CHECK(std::isnan(problem.out_value(21, d)) == !jump.holds);
      CHECK(std::isfinite(problem.out_value(20, d)));
    }
  }
}

TEST_CASE("lazy maximum: tiles that keep nothing of a row make no difference") {
  // The band visits the tiles between its limits alone, the mask of pairs all of them: rows begin late, and end early.
  for (const double rise : {0.0, 17.0, 45.0}) {
    INFO("rise " << rise);
    const Row column = [&](int kv) { return rise * (kv / 64) + kv % 5; };
    ForwardProblem band(forward_kernel("window"), 1, 1, 1, 200, 450), mask(forward_kernel("window as mask"), 1, 1, 1, 200, 450);
    if (rise > 0) band.set_scores(kSame, column), mask.set_scores(kSame, column);
    const Tiles few = tiles(run(band)), many = tiles(run(mask));
    CHECK(few.all < many.all);
    CHECK(band.judge() == "");
    CHECK(band.out() == mask.out());
    CHECK(band.lse() == mask.lse());
  }
}

TEST_CASE("lazy maximum: the same bits without a block mask and with an exact one") {
  ForwardProblem problem(forward_kernel("scattered"), 1, 2, 1, 300, 450);
  problem.set_scores([](int q) { return 1 - 0.25 * (q % 4); }, [](int kv) { return 45.0 * (kv / 64) + kv % 5; });
  const Tiles all = tiles(run(problem));
  CHECK(problem.judge() == "");
  const auto out = problem.out();
  const auto lse = problem.lse();
  const flexc::BlockMask mask = problem.exact_mask(128, 64);
  problem.set_mask(&mask);
  const Tiles few = tiles(run(problem));
  CHECK(few.all < all.all);
  CHECK(problem.out() == out);
  CHECK(problem.lse() == lse);
}

TEST_CASE("lazy maximum: a sink far above and far below the reference") {
  for (const float sink : {-200.0f, 0.0f, 60.0f, 87.0f, 200.0f}) {
    for (const double jump : {0.0, 120.0}) {
      INFO("sink " << sink << ", jump " << jump);
      ForwardProblem problem(forward_kernel("noop D64"), 1, 1, 1, kRows, kKeys);
      problem.set_scores(kSame, [&](int kv) { return kv == kKeys - 1 ? jump : 0.25 * (kv % 8); });
      problem.set_sink(sink);
      run(problem);
      CHECK(problem.non_finite_warps() == 0);
      CHECK(problem.judge() == "");
    }
  }
}

TEST_CASE("lazy maximum: the end of a row's sum") {
  using flexc::device::normal_end;
  for (const float sum : {1.0f, 1.5f, 0x1.fffffep40f, 0x1.8p125f, 0.25f}) {
    const auto end = normal_end(-7, sum);
    CHECK((end.sum >= 1 && end.sum < 2));
    CHECK(end.sum == sum * end.scale);
    CHECK(end.reference == -7 + std::log2(sum / end.sum));
  }
  for (const float sum : {0x1p126f, 0x1.fffffep127f, INFINITY, std::nanf("")}) CHECK(std::isnan(normal_end(-7, sum).sum));
}

TEST_CASE("lazy maximum: elements that only their factor makes infinite") {
  constexpr double kLog2E = 1.4426950408889634;
  for (const int at : {3, 200, 399}) {
    INFO("key " << at);
    ForwardProblem problem(odd_factor("overflows"), 1, 1, 1, kRows, 400);
    problem.set_scores([](int q) { return q == 37 ? 1.0 : 0.0; }, [at](int kv) { return (kv == at ? 3.0 : -0.125) * kLog2E; });
    run(problem);
    CHECK(problem.non_finite_warps() > 0);
    CHECK(std::isnan(problem.out_value(37, 3)));
    CHECK(std::isnan(problem.lse()[37]));
    CHECK(std::isfinite(problem.out_value(36, 3)));
    CHECK(std::isfinite(problem.out_value(38, 3)));
  }
}
