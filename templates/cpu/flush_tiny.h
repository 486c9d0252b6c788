// Results below 2^-126 become 0 for a while, on the thread at hand: weights, what they are multiplied into, and outputs.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace flexc::cpu {

/// Intel's processors leave their pipeline, for more than a hundred cycles, for each vector with a subnormal operand or result. A row whose scores fall
/// steadily (ALiBi) has weights of every size down to 2^-126, and half of P V's time was lost there. A score_mod never runs inside: its subnormals stay.
class FlushTiny {
 public:
#if defined(__x86_64__)
  FlushTiny() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlush); }
  ~FlushTiny() { _mm_setcsr(before_); }

  /// The mode from before for a while, for a function that is not inlined: compilers know nothing of modes.
  class Pause {
   public:
    explicit Pause(const FlushTiny& flush) : during_(flush.before_ | kFlush) { _mm_setcsr(flush.before_); }
    ~Pause() { _mm_setcsr(during_); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    unsigned during_;
  };

 private:
  static constexpr unsigned kFlush = 0x8000;
  unsigned before_;
#else
  FlushTiny() {}
  struct Pause {
    explicit Pause(const FlushTiny&) {}
  };
#endif
 public:
  FlushTiny(const FlushTiny&) = delete;
  FlushTiny& operator=(const FlushTiny&) = delete;
};

}  // namespace flexc::cpu
