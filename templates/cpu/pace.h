// Work that is done a little at a time beside other work.
#pragma once

#include <cstdint>

namespace flexc::cpu {

/// Spreads steps evenly over the calls of something else.
class Pace {
 public:
  /// Steps 0 to `steps` - 1, over so many calls.
  void start(std::int64_t steps, std::int64_t calls) { next_ = due_ = 0, steps_ = steps, calls_ = calls < 1 ? 1 : calls; }
  /// One of the calls: takes the steps that are due.
  template <class Step>
  void call(const Step& step) {
    for (due_ += steps_; due_ >= calls_ && next_ < steps_; due_ -= calls_) step(next_++);
  }
  /// Takes those that are left.
  template <class Step>
  void finish(const Step& step) {
    while (next_ < steps_) step(next_++);
  }
  bool is_done() const { return next_ == steps_; }

 private:
  std::int64_t next_ = 0, steps_ = 0, calls_ = 1, due_ = 0;  ///< due_: steps that should have been taken and were not, times calls_
};

}  // namespace flexc::cpu
