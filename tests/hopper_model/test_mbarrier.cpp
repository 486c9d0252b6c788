// mbarrier objects on their own: phases, counts and transactions by PTX's rules.
#include <catch2/catch.hpp>

#include "templates/model/mbarrier.h"

using namespace flexc::model;
using Outcome = Mbarrier::Outcome;

TEST_CASE("a phase completes with its last arrival, and the barrier starts over") {
  Mbarrier barrier;
  barrier.init(2, 4);
  const Clock nothing(4);
  CHECK(!barrier.done(0));
  CHECK(barrier.done(1));  // the phase before the first one counts as complete
  CHECK(barrier.arrive(nothing) == Outcome::Ok);
  CHECK(!barrier.done(0));
  CHECK(barrier.arrive(nothing) == Outcome::PhaseComplete);
  CHECK(barrier.done(0));
  CHECK(!barrier.done(1));
  CHECK(barrier.pending == 2);
  CHECK(barrier.arrive(nothing) == Outcome::Ok);
  CHECK(barrier.arrive(nothing) == Outcome::PhaseComplete);
  CHECK(barrier.done(1));
  CHECK(!barrier.done(0));  // the parity alone cannot tell two phases later from none
}

TEST_CASE("bytes hold a phase open") {
  Mbarrier barrier;
  barrier.init(1, 4);
  const Clock nothing(4);
  CHECK(barrier.expect(96) == Outcome::Ok);
  CHECK(barrier.arrive(nothing) == Outcome::Ok);
  CHECK(barrier.complete(64, nothing) == Outcome::Ok);
  CHECK(!barrier.done(0));
  CHECK(barrier.complete(32, nothing) == Outcome::PhaseComplete);
  CHECK(barrier.done(0));
}

TEST_CASE("bytes may come before they are announced") {
  Mbarrier barrier;
  barrier.init(1, 4);
  const Clock nothing(4);
  CHECK(barrier.complete(64, nothing) == Outcome::Ok);
  CHECK(barrier.bytes == -64);
  CHECK(barrier.expect(64) == Outcome::Ok);
  CHECK(barrier.arrive(nothing) == Outcome::PhaseComplete);
}

TEST_CASE("limits: arrivals beyond the count, bytes beyond 2^20 - 1") {
  Mbarrier barrier;
  barrier.init(1, 4);
  const Clock nothing(4);
  CHECK(barrier.expect(16) == Outcome::Ok);
  CHECK(barrier.arrive(nothing) == Outcome::Ok);
  CHECK(barrier.arrive(nothing) == Outcome::TooManyArrivals);
  barrier.init(1, 4);
  CHECK(barrier.expect((1 << 20) - 1) == Outcome::Ok);
  CHECK(barrier.expect(1) == Outcome::TooManyBytes);
  barrier.init(1, 4);
  CHECK(barrier.complete((1 << 20) - 1, nothing) == Outcome::Ok);
  CHECK(barrier.complete(1, nothing) == Outcome::TooManyBytes);
}

TEST_CASE("who waits has seen what came before the arrivals of that phase, and of no later one") {
  Mbarrier barrier;
  barrier.init(1, 4);
  Clock first(4), second(4);
  first.seen(1) = 7;
  second.seen(2) = 9;
  barrier.arrive(first);
  barrier.expect(16);  // of the next phase
  barrier.arrive(second);
  CHECK(barrier.completed.seen(1) == 7);
  CHECK(barrier.completed.seen(2) == 0);
  barrier.complete(16, Clock(4));
  CHECK(barrier.completed.seen(2) == 9);
}
