// The loop itself, wherever its kernels come from.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <flexc/kernel.h>

struct DecodeReport {
  std::int64_t steps = 0, tokens = 0, checks = 0;
  double worst = 0, largest_logit = 0;  ///< of the logits that were checked: the error, and their size
  long long heap_growth = 0;            ///< bytes, after the 16th step

  bool right() const;
  bool steady() const;
  /// One line of figures, and one for each thing that is wrong.
  void print(const std::string& compilations) const;
};

/// A prompt, then token after token until the cache is full. `kernel_for(step)` is asked before each step, as by a host that asks for
/// its kernel whenever it needs it. `plant` is "offset" or "leak" where something is to be wrong.
DecodeReport decode(const std::function<std::shared_ptr<const flexc::Kernel>(std::int64_t step)>& kernel_for, const std::string& plant);
