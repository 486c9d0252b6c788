// Tiles that no row has to be masked in are taken for full, in both intervals of a band and in every part of the keys: a tile that is masked in vain is right, and slow.
// What has to be full follows from the bands alone; what is taken for full is what is loaded and not masked.
#include <catch2/catch.hpp>
#include <algorithm>
#include <utility>

#include "tests/hopper/mods.h"

using namespace hopper_model;

namespace {

/// An interval of keys of a row, [begin, end).
struct Interval {
  int begin, end;
};
constexpr Interval kNone{0, 0};
constexpr int kFar = 0x7fffffff;

// A prefix, and a window behind it.
Interval prefix(int) { return {-100, 150}; }
Interval window_behind(int q) { return {std::max(q - 260, 150), q + 1}; }
Interval window(int q) { return {q - 260, q + 1}; }
Interval past(int q) { return {-kFar - 1, q + 1}; }
Interval none(int) { return kNone; }

template <Interval (*kFirst)(int), Interval (*kSecond)(int)>
struct Banded : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = kSecond == none ? 1 : 2;
  static constexpr bool kBandBegins = kFirst != past;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) {
    const Interval first = kFirst(row.q), second = kSecond(row.q);
    return {first.begin, first.end, second.begin, second.end};
  }
  static bool kept(int, int, int q, int kv) {
    const auto holds = [kv](Interval interval) { return kv >= interval.begin && kv < interval.end; };
    return holds(kFirst(q)) || holds(kSecond(q));
  }
};

/// Of which no tile is known to be full.
struct Asked : Banded<window, none> {
  static constexpr bool kHasMask = true;
  template <class Table>
  static bool keep(const Params&, const Row&, Position, const Table&, int) {
    return true;
  }
};

struct Case {
  ForwardKernel kernel;
  Interval (*first)(int), (*second)(int);
};
template <unsigned kN, unsigned kD, Interval (*kFirst)(int), Interval (*kSecond)(int)>
Case of(const char* name) {
  return {Member<Element::kBf16, 128, kN, Banded<kFirst, kSecond>, kD>::kernel(name), kFirst, kSecond};
}
const Case kCases[] = {
    of<64, 64, prefix, window_behind>("two intervals, 128 x 64, D 64"),
    of<128, 128, prefix, window_behind>("two intervals, 128 x 128, D 128"),
    of<64, 64, window, none>("a window, 128 x 64, D 64"),
    of<128, 128, window, none>("a window, 128 x 128, D 128"),
    of<64, 64, past, none>("causal, 128 x 64, D 64"),
};

/// The tiles of the call that one interval of every row keeps whole.
uint64_t full_tiles(const Case& of, Interval (*interval)(int), int q_len, int kv_len) {
  const int m = static_cast<int>(of.kernel.m), n = static_cast<int>(of.kernel.n);
  uint64_t count = 0;
  for (int first_row = 0; first_row < q_len; first_row += m)
    for (int begin = 0; begin + n <= kv_len; begin += n) {
      bool is_full = true;
      for (int q = first_row; q < std::min(first_row + m, q_len); ++q) is_full = is_full && interval(q).begin <= begin && begin + n <= interval(q).end;
      count += is_full;
    }
  return count;
}

/// What the kernel loaded and did not mask.
uint64_t not_masked(const Case& of, const model::LaunchResult& result) {
  const auto calls_of = [&](const char* name) {
    uint64_t calls = 0;
    for (const model::SiteRecord& site : result.sites)
      if (site.name == name) calls += site.calls;
    return calls;
  };
  // A load takes 64 columns of K; a masked tile asks for the limits of both rows of each of the consumers' 2 m threads, a word of up to 128 columns at a time.
  const uint64_t loads_a_tile = of.kernel.d / 64, limits_a_tile = 4 * of.kernel.m;
  REQUIRE(calls_of("load_k") % loads_a_tile == 0);
  REQUIRE(calls_of("limit_hi0") % limits_a_tile == 0);
  REQUIRE(calls_of("limit_hi0") > 0);
  return calls_of("load_k") / loads_a_tile - calls_of("limit_hi0") / limits_a_tile;
}

}  // namespace

TEST_CASE("forward kernel: full tiles are not masked") {
  constexpr int kRows = 641, kKeys = 800;  // an item of one row, a tile of 32 keys
  uint64_t found = 0, wanted = 0;
  for (const Case& of : kCases) {
    const uint64_t first = full_tiles(of, of.first, kRows, kKeys), second = full_tiles(of, of.second, kRows, kKeys);
    INFO(of.kernel.name << ": " << first << " and " << second << " full tiles");
    CHECK(first >= 3);
    CHECK((of.second == none ? second == 0 : second >= 3));
    ForwardProblem problem(of.kernel, 1, 1, 1, kRows, kKeys);
    for (const int split : {1, 3}) {
      problem.set_split(split);
      uint32_t parts = 0;
      problem.set_between([&](flexc_hopper_arguments& arguments) { parts = arguments.splits; });
      auto options = schedule(model::Policy::Random, 3);
      options.record_sites = true;
      const auto result = problem.run(options);
      INFO(split << " parts" << (result.reports.empty() ? "" : ": " + result.reports.front().text));
      REQUIRE(result.reports.empty());
      CHECK(parts == static_cast<uint32_t>(split));
      CHECK(problem.judge() == "");
      const uint64_t unmasked = not_masked(of, result);
      CHECK(unmasked == first + second);
      found += unmasked, wanted += first + second;
    }
  }
  WARN("full tiles: " << found << " not masked, " << wanted << " by the bands");
}

TEST_CASE("full tiles that are masked are noticed, and so is a wrong expectation") {
  const Case& of = kCases[2];
  auto options = schedule(model::Policy::Random, 3);
  options.record_sites = true;
  ForwardProblem problem(of.kernel, 1, 1, 1, 700, 700);
  const uint64_t found = not_masked(of, problem.run(options)), wanted = full_tiles(of, window, 700, 700);
  CHECK(found == wanted);
  // A row whose window begins a key into a tile, or ends one before its end: that tile is full no more.
  CHECK(found == full_tiles(of, [](int q) { return Interval{q == 511 ? 257 : q - 260, q + 1}; }, 700, 700) + 1);
  CHECK(found == full_tiles(of, [](int q) { return Interval{q - 260, q == 384 ? 383 : q + 1}; }, 700, 700) + 1);
  // The same band, but a mask of pairs has to be asked as well.
  const Case asked{Member<Element::kBf16, 128, 64, Asked>::kernel("a window that asks each pair"), window, none};
  ForwardProblem slow(asked.kernel, 1, 1, 1, 700, 700);
  const auto result = slow.run(options);
  REQUIRE(result.reports.empty());
  CHECK(slow.judge() == "");
  CHECK(not_masked(asked, result) < wanted);
}
