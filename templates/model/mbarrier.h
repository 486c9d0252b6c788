// An mbarrier, by PTX's rules: pending arrivals, a count of bytes that may be negative for a while, and a phase that completes when both are zero.
#pragma once
#include <cstdint>

#include "clock.h"

namespace flexc::model {

struct Mbarrier {
  static constexpr uint32_t kMostArrivals = (1u << 20) - 1;
  static constexpr int64_t kMostBytes = (1 << 20) - 1;

  enum class Outcome : uint8_t { Ok, PhaseComplete, TooManyArrivals, TooManyBytes };

  void init(uint32_t count, uint32_t agents) {
    expected = pending = count;
    bytes = 0;
    phase = 0;
    arriving = completed = Clock(agents);
  }
  // `clock` is what happened before the arrival; whoever sees the phase complete has seen it.
  Outcome arrive(const Clock& clock) {
    if (pending == 0) return Outcome::TooManyArrivals;
    arriving.join(clock);
    --pending;
    return finish();
  }
  Outcome expect(int64_t more) {
    bytes += more;
    return bytes > kMostBytes ? Outcome::TooManyBytes : Outcome::Ok;
  }
  Outcome complete(int64_t arrived, const Clock& clock) {
    arriving.join(clock);
    bytes -= arrived;
    return bytes < -kMostBytes ? Outcome::TooManyBytes : finish();
  }
  // test_wait.parity: has the phase of this parity completed? (Only the running phase and the one before it can be told apart.)
  bool done(uint32_t parity) const { return (phase & 1) != (parity & 1); }

  uint32_t expected = 0, pending = 0;
  int64_t bytes = 0;
  uint32_t phase = 0;
  Clock arriving;   // of the running phase, and of all before it
  Clock completed;  // up to the last completion

 private:
  Outcome finish() {
    if (pending != 0 || bytes != 0) return Outcome::Ok;
    completed = arriving;
    pending = expected;
    ++phase;
    return Outcome::PhaseComplete;
  }
};

}  // namespace flexc::model
