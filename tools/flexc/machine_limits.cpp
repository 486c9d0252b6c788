#include "tools/flexc/machine_limits.h"

#include <dirent.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "tools/machine/peak.h"
#include "tools/machine/read_rate.h"

namespace flexc::cli {
namespace {

constexpr double kPeakSeconds = 0.02;
constexpr std::int64_t kLeastReadBytes = std::int64_t{128} << 20;  ///< of all threads: more than last caches hold

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  return cpus;
}

bool bind(pid_t thread, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  return sched_setaffinity(thread, sizeof set, &set) == 0;
}
bool bind(pid_t thread, int cpu) { return bind(thread, std::vector{cpu}); }

/// The sum of body(0) … body(threads - 1), each on a thread and a CPU of its own, all begun together.
double on_threads(int threads, const std::vector<int>& cpus, const std::function<double(int)>& body) {
  std::vector<double> results(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  std::barrier start(threads);
  try {
    for (int i = 0; i < threads; ++i)
      running.emplace_back([&, i] {
        if (!cpus.empty()) bind(0, cpus[static_cast<std::size_t>(i) % cpus.size()]);
        start.arrive_and_wait();
        results[static_cast<std::size_t>(i)] = body(i);
      });
  } catch (const std::system_error&) {
    for (std::size_t missing = running.size(); missing < results.size(); ++missing) start.arrive_and_drop();
  }
  for (std::thread& thread : running) thread.join();
  double sum = 0;
  for (const double result : results) sum += result;
  return sum;
}

/// The CPUs of the process as it was started: pin_threads leaves the calling thread one only.
const std::vector<int>& first_allowed() {
  static const std::vector<int> cpus = allowed_cpus();
  return cpus;
}

}  // namespace

bool pin_threads() {
  const std::vector<int>& cpus = first_allowed();
  DIR* const folder = cpus.empty() ? nullptr : opendir("/proc/self/task");
  if (!folder) return false;
  std::vector<pid_t> threads;
  while (const dirent* entry = readdir(folder))
    if (const long id = std::strtol(entry->d_name, nullptr, 10); id > 0) threads.push_back(static_cast<pid_t>(id));
  closedir(folder);
  std::ranges::sort(threads);
  bool all = true;
  for (std::size_t i = 0; i < threads.size(); ++i) all = bind(threads[i], cpus[i % cpus.size()]) && all;
  return all;
}

AllCpus::AllCpus() : before_(allowed_cpus()), granted_(bind(0, first_allowed())) {}
AllCpus::~AllCpus() { bind(0, before_); }

double peak_gflops(int threads) {
  return on_threads(threads, first_allowed(), [](int) { return machine::measure_peak(kPeakSeconds); });
}

MachineReads::MachineReads(int threads, std::int64_t bytes) : threads_(threads) {
  try {
    memory_.assign(static_cast<std::size_t>(std::max(bytes, kLeastReadBytes)) / sizeof(std::uint64_t), 1);
  } catch (const std::bad_alloc&) {
    // measure() says so.
  }
}

double MachineReads::measure() {
  if (memory_.empty()) return 0;
  using Clock = std::chrono::steady_clock;
  const std::size_t part = memory_.size() / static_cast<std::size_t>(threads_);
  std::vector<Clock::time_point> starts(static_cast<std::size_t>(threads_)), ends = starts;
  on_threads(threads_, first_allowed(), [&](int i) {
    const auto index = static_cast<std::size_t>(i);
    starts[index] = Clock::now();
    machine::read_all({memory_.data() + index * part, part});
    ends[index] = Clock::now();
    return 0.0;
  });
  const double seconds = std::chrono::duration<double>(std::ranges::max(ends) - std::ranges::min(starts)).count();
  return seconds > 0 ? static_cast<double>(part * static_cast<std::size_t>(threads_) * sizeof(std::uint64_t)) / seconds : 0;
}

}  // namespace flexc::cli
