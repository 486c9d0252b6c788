#include "templates/cpu/worker_pool.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace flexc::cpu {
namespace {

/// How often a caller that is done looks for the others before it sleeps, and a thread that was alerted for its job: for some 50 microseconds on Intel's processors, less elsewhere; being
/// woken takes as long.
constexpr int kLooks = 1000;

/// A moment, in which the processor's other thread may go on.
void rest() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

#ifdef __linux__
/// Binds the calling thread to the index-th CPU that the process was given; false where that is not possible.
bool bind_to_cpu(int index, const cpu_set_t& allowed) {
  const int count = CPU_COUNT(&allowed);
  if (count == 0) return false;
  int wanted = index % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || wanted-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
  }
  return false;
}
#endif

}  // namespace

struct WorkerPool::State {
  std::mutex callers;  ///< held during a run
  std::atomic<int> running{0};  ///< threads besides the caller's; set with the mutex, counted down without
  std::mutex mutex;             ///< guards what follows
  std::condition_variable wake, done;
  const std::function<void(int)>* job = nullptr;
  std::atomic<unsigned> generation{0};  ///< of jobs; written with the mutex
  unsigned alerts = 0;
  bool stopping = false;
  bool pinned = false;
#ifdef __linux__
  cpu_set_t allowed;
#endif
  std::vector<std::thread> threads;
  bool has_cpu_each = false;  ///< all threads, and the caller; else those that look for a job would take the caller's

  void serve(int worker) {
#ifdef __linux__
    if (pinned) bind_to_cpu(worker, allowed);
#endif
    unsigned seen = 0, seen_alerts = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stopping || generation != seen || alerts != seen_alerts; });
      if (stopping) return;
      seen_alerts = alerts;
      if (generation == seen) {
        lock.unlock();
        for (int i = 0; i < kLooks && generation.load(std::memory_order_relaxed) == seen; ++i) rest();
        lock.lock();
        continue;
      }
      seen = generation;
      const std::function<void(int)>& work = *job;
      lock.unlock();
      work(worker);
      // Counted down first: the caller may be looking, and then needs nobody's lock.
      const bool is_last = running.fetch_sub(1, std::memory_order_acq_rel) == 1;
      lock.lock();
      if (is_last) done.notify_one();
    }
  }
};

WorkerPool::WorkerPool(int threads, Pinning pinning) : state_(std::make_unique<State>()) {
#ifdef __linux__
  state_->pinned = pinning == Pinning::OneCpuEach && sched_getaffinity(0, sizeof state_->allowed, &state_->allowed) == 0;
#else
  (void)pinning;
#endif
  for (int worker = 1; worker < threads; ++worker) {
    try {
      state_->threads.emplace_back([this, worker] { state_->serve(worker); });
    } catch (const std::system_error&) {
      break;  // fewer threads do the same work
    }
  }
  state_->has_cpu_each = size() > 1 && size() <= static_cast<int>(std::thread::hardware_concurrency());
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

int WorkerPool::size() const { return static_cast<int>(state_->threads.size()) + 1; }

void WorkerPool::alert() {
  if (!state_->has_cpu_each) return;
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->alerts;
  }
  state_->wake.notify_all();
}

void WorkerPool::run(const std::function<void(int)>& job) {
  // Callers that bring all the threads themselves, as a server's do, share nothing and wait for nobody.
  const bool alone = state_->threads.empty();
  std::unique_lock turn(state_->callers, std::defer_lock);
  if (!alone) {
    turn.lock();
    {
      const std::lock_guard lock(state_->mutex);
      state_->job = &job;
      state_->running = static_cast<int>(state_->threads.size());
      ++state_->generation;
    }
    state_->wake.notify_all();
  }
#ifdef __linux__
  cpu_set_t before;
  const bool bound = state_->pinned && sched_getaffinity(0, sizeof before, &before) == 0 && bind_to_cpu(0, state_->allowed);
#endif
  job(0);
#ifdef __linux__
  if (bound) sched_setaffinity(0, sizeof before, &before);
#endif
  if (alone) return;
  const auto all_done = [&] { return state_->running.load(std::memory_order_acquire) == 0; };
  for (int i = 0; i < kLooks && !all_done(); ++i) rest();
  if (all_done()) return;
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, all_done);
}

}  // namespace flexc::cpu
