// A piece of work in a process of its own, with limits. NVRTC can crash, hang or take all memory; whoever cannot afford that compiles here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "flexc/error.h"

namespace flexc::runtime {

struct ChildLimits {
  std::chrono::milliseconds time = std::chrono::minutes(2);
  std::uint64_t memory_bytes = std::uint64_t{8} << 30;  ///< of address space, beyond what this process has already
};

/// Runs `work` in a forked child and returns its text. Internal where the child is killed, runs out of time or memory, or ends without an
/// answer: the message names `what` and how it ended. The child is gone when this returns. `work` must not depend on other threads of this
/// process: they do not exist in the child.
Result<std::string> run_in_child(const std::string& what, const std::function<Result<std::string>()>& work, const ChildLimits& limits = {});

}  // namespace flexc::runtime
