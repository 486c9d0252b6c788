// WorkerPool: a fixed set of threads that run one job together.
#pragma once

#include <functional>
#include <memory>

namespace flexc::cpu {

/// Whether each thread is bound to one CPU of those that the process may use. A pool whose threads wake each other by futex was
/// measured at half speed for half a minute at a time while both shared a core: benchmarks pin.
enum class Pinning { Free, OneCpuEach };

class WorkerPool {
 public:
  /// `threads` counts the caller, so 1 starts none. Where the system refuses a thread, the pool is smaller. With OneCpuEach the
  /// caller's thread is bound during run() only.
  explicit WorkerPool(int threads, Pinning pinning = Pinning::Free);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int size() const;

  /// Wakes the threads, if there is a CPU for each, for a job that run() will soon have: they look for it as long as run() does for
  /// them, and then sleep again. run() need not follow. During another caller's run() the threads look after their part of that one.
  void alert();

  /// Calls job(0) … job(size() - 1), each on its own thread, and returns when all have returned; the caller looks for them for
  /// some 50 microseconds before it sleeps. The job must not throw. Callers on
  /// several threads take turns, but for a pool of one thread, where each runs its own job at once.
  void run(const std::function<void(int worker)>& job);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flexc::cpu
