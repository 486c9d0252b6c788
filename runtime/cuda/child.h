// A piece of work in a process of its own, with limits. NVRTC can crash, hang or take all memory; whoever cannot afford that compiles here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "flexc/error.h"

namespace flexc::runtime {

struct ChildLimits {
  std::chrono::milliseconds time = std::chrono::minutes(2);
  std::uint64_t memory_bytes = std::uint64_t{8} << 30;  ///< of address space, beyond what this process has already
};

/// What the child does. `input` waits for all that the parent sends, and may be called once. The work must not depend on other threads of the
/// parent: they do not exist in the child.
using ChildWork = std::function<Result<std::string>(const std::function<std::string()>& input)>;

/// A forked process at work beside this one. It dies with its parent's thread.
class Child {
 public:
  /// Forks, and begins. `what` is for messages; the time runs from here.
  static Result<Child> start(std::string what, const ChildWork& work, const ChildLimits& limits = {});
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// A child whose answer nobody took is killed.
  ~Child();

  /// Hands the input over, and returns the work's text or its error. Internal where the child is killed, runs out of time or memory, or ends without
  /// an answer: the message names `what` and how it ended. The child is gone when this returns.
  Result<std::string> finish(std::string_view input = {});

 private:
  Child(std::string what, const ChildLimits& limits, pid_t process, int channel);

  std::string what_;
  ChildLimits limits_;
  std::chrono::steady_clock::time_point deadline_;
  pid_t process_ = -1;
  int channel_ = -1;
};

/// Starts and finishes a child that needs no input.
Result<std::string> run_in_child(const std::string& what, const std::function<Result<std::string>()>& work, const ChildLimits& limits = {});

}  // namespace flexc::runtime
