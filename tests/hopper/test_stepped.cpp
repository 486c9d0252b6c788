// Positions in steps (templates/hopper/stepped.cuh), on the host: the words that a launch packs bring the mods the call's positions, and a band's bounds become
// the kernel's own keys again, wherever in 64 bits they lie.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <random>
#include <span>

#include "flexc/positions.h"
#include "runtime/cuda/hook_params.h"
#include "templates/hopper/stepped.cuh"

using flexc::PositionMap;
using flexc::mods::Band;

namespace {

using Int = std::int64_t;
constexpr Int kLowest = std::numeric_limits<Int>::min(), kHighest = std::numeric_limits<Int>::max();

/// Answers the band that its params bring, and positions as they are.
struct AnyBand {
  static constexpr flexc::mods::ScoreClass kScoreClass = flexc::mods::ScoreClass::kIdentity;
  static constexpr bool kHasMask = false, kHasBand = true;
  static constexpr int kColumnWords = 0, kBandIntervals = 2;
  using Position = flexc::mods::i64;
  struct Params {
    Band<Position> band;
  };
  struct Head {};
  struct Row {
    Position q;
  };
  static Head head(const Params&, int, int) { return {}; }
  static Row q_side(const Params&, const Head&, Position q) { return {q}; }
  static Band<Position> band(const Params& params, const Row&) { return params.band; }
};
using SteppedBand = flexc::device::Stepped<AnyBand, false>;

SteppedBand::Params params_of(const Band<flexc::mods::i64>& band, const PositionMap& q, const PositionMap& kv) {
  flexc::runtime::HookCall call;
  call.q_positions = q, call.kv_positions = kv;
  const flexc::runtime::HookWords piece{flexc::runtime::HookWords::Kind::Steps, 0, flexc::runtime::kStepWords};
  flexc::runtime::LaunchProgram none;
  none.program.params = 1;  // the scale, which every launch has
  const auto words = flexc::runtime::pack_hook_params(std::span(&piece, 1), none, call);
  INFO((words ? "" : words.error().message));
  REQUIRE(words.has_value());
  SteppedBand::Params params{band, 0, 0, 0, 0, {}};
  REQUIRE(sizeof params == sizeof params.mods + words->size() * sizeof(std::uint64_t));
  std::memcpy(&params.q_origin, words->data(), words->size() * sizeof(std::uint64_t));
  return params;
}

/// Keys that the limits keep and the band does not, or the other way round.
int differences(const PositionMap& map, int length, const Band<flexc::mods::i64>& band) {
  flexc_hopper_arguments arguments{};
  arguments.kv_len = length, arguments.kv_offset = map.offset;
  const auto limits = flexc::device::limits_of_row<SteppedBand>(arguments, params_of(band, {}, map), {});
  int wrong = 0;
  for (int i = 0; i < length; ++i) {
    const Int at = map.at(i);
    const bool kept = (band.lo0 <= at && at < band.hi0) || (band.lo1 <= at && at < band.hi1);
    wrong += kept != ((limits.lo0 <= i && i < limits.hi0) || (limits.lo1 <= i && i < limits.hi1));
  }
  return wrong;
}

}  // namespace

TEST_CASE("the mods of a stepped kernel see the call's positions") {
  int small = 0;
  for (const PositionMap& map : {PositionMap{0, 1}, {3, 2}, {1000, 3591000}, {-9, 7}, {kHighest - 1000, 100}, {kLowest, kHighest}, {kLowest, Int{1} << 60}}) {
    const auto params = params_of({}, map, map);
    Int end = 0;
    if (map.offset >= 0 && map.fits(300, &end) && end <= Int{1} << 30) {
      using Small = flexc::device::Stepped<AnyBand, true>;
      for (const Int i : {0, 1, 299}) {
        CHECK(Small::position(params.kv_origin, params.kv_step.divisor, map.offset + i) == map.at(i));
        ++small;
      }
    }
    for (const Int i : {0, 1, 2, 7}) {
      if (!map.fits(i + 1, &end)) continue;
      CHECK(SteppedBand::q_side(params, {}, map.offset + i).q == map.at(i));
      CHECK(SteppedBand::key(params, map.offset + i) == map.at(i));
    }
  }
  CHECK(small == 9);
}

TEST_CASE("a band's bounds become the stepped kernel's keys, whatever offset, step and bounds are") {
  std::mt19937_64 random(2026);
  const auto below = [&random](Int limit) { return static_cast<Int>(random() % static_cast<std::uint64_t>(limit)); };
  constexpr Int kSteps[] = {1, 2, 3, 7, 1000, Int{1} << 31, Int{1} << 57, (Int{1} << 58) - 1};
  int tried = 0, wrong = 0, all = 0, some = 0;
  for (int round = 0; round < 20000; ++round) {
    const PositionMap map{round % 3 == 0 ? below(100) - 50 : static_cast<Int>(random()), kSteps[below(std::size(kSteps))]};
    const int length = static_cast<int>(below(30)) + 1;
    Int end = 0;
    if (!map.fits(length, &end)) continue;
    // On a key, beside one, far away; in order.
    Int bounds[4];
    for (Int& bound : bounds) {
      const Int kind = below(8);
      if (kind == 0) bound = kLowest;
      else if (kind == 1) bound = kHighest;
      else if (kind == 2) bound = static_cast<Int>(random());
      else bound = static_cast<Int>(static_cast<std::uint64_t>(map.at(below(length))) + static_cast<std::uint64_t>(below(3) - 1));
    }
    std::sort(bounds, bounds + 4);
    if (below(4) == 0) bounds[0] = kHighest, bounds[1] = bounds[0] - 1;  // an empty first interval
    const Band<flexc::mods::i64> band{bounds[0], bounds[1], bounds[2], bounds[3]};
    CAPTURE(round, map.offset, map.step, length, band.lo0, band.hi0, band.lo1, band.hi1);
    const int differ = differences(map, length, band);
    if (differ > 0) CHECK(differ == 0);
    ++tried, wrong += differ;
    int kept = 0;
    for (int i = 0; i < length; ++i) kept += (band.lo0 <= map.at(i) && map.at(i) < band.hi0) || (band.lo1 <= map.at(i) && map.at(i) < band.hi1);
    all += kept == length, some += kept > 0 && kept < length;
  }
  CHECK(wrong == 0);
  CHECK(tried > 8000);
  CHECK(all > 500);
  CHECK(some > 2000);
  // The comparison sees bounds that are taken for another step's.
  flexc_hopper_arguments arguments{};
  arguments.kv_len = 20;
  const auto of_threes = flexc::device::limits_of_row<SteppedBand>(arguments, params_of({10, 20, 30, 40}, {}, {0, 3}), {});
  const auto of_twos = flexc::device::limits_of_row<SteppedBand>(arguments, params_of({10, 20, 30, 40}, {}, {0, 2}), {});
  CHECK((of_threes.lo0 == 4 && of_threes.hi0 == 7 && of_threes.lo1 == 10 && of_threes.hi1 == 14));
  CHECK((of_twos.lo0 == 5 && of_twos.hi0 == 10 && of_twos.lo1 == 15 && of_twos.hi1 == 20));
}
