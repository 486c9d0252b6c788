// The machine's limits beside a benchmark: peaks of all threads at once, and threads that stay on their CPUs.
#pragma once

#include <cstdint>
#include <vector>

namespace flexc::cli {

/// Binds each thread that this process has now to one CPU of those it may use, in the order of their ids; false where the system does not
/// let it. What is measured with threads that the scheduler moves about differs by up to a factor of two.
bool pin_threads();

/// While it lives, the calling thread may run on all CPUs that the process had: what it starts then is not bound to the one CPU that pin_threads left it.
class AllCpus {
 public:
  AllCpus();
  ~AllCpus();
  /// Whether the system let it.
  bool granted() const { return granted_; }
  AllCpus(const AllCpus&) = delete;
  AllCpus& operator=(const AllCpus&) = delete;

 private:
  std::vector<int> before_;
  bool granted_;
};

/// f32 multiply-adds of `threads` threads together, in GFLOP/s; 0 where it cannot be told. Takes about 20 ms.
double peak_gflops(int threads);

/// What `threads` threads read from memory together.
class MachineReads {
 public:
  /// Of so many bytes in all, at least: fewer than last caches hold are raised to that.
  MachineReads(int threads, std::int64_t bytes);
  /// Bytes a second of one pass, from the first thread's start to the last one's end; 0 where memory is missing.
  double measure();

 private:
  int threads_;
  std::vector<std::uint64_t> memory_;  ///< empty: missing
};

}  // namespace flexc::cli
