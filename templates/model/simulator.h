// The host model of Hopper: runs a kernel's threads as fibers under a seeded random scheduler and does what the machine does behind their backs (TMA,
// wgmma, mbarriers) by PTX's rules. It stops at the first report of a CTA that breaks one.
//
// Not a performance model, and no proof: it covers what one run does under its seed and policy, but races and missing proxy fences are found from the
// order of events (shared_memory.h), not from an unlucky schedule.
#pragma once
#include <memory>
#include <vector>

#include "mutation.h"
#include "report.h"

namespace flexc::model {

// When asynchronous work happens. Earliest: as it is issued. Latest: only when no thread can go on without it. Random: in between.
enum class Policy : uint8_t { Earliest, Latest, Random };
const char* policy_name(Policy);

struct LaunchOptions {
  uint32_t blocks = 1;
  uint32_t threads = kWarpThreadsOfABlock;  // of a CTA, a multiple of 32
  uint32_t shared_bytes = 0;                // dynamic shared memory of a CTA
  uint32_t registers = 0;                   // of a thread at launch; 0: what __launch_bounds__(threads, 1) gives
  uint64_t seed = 0;
  Policy policy = Policy::Random;
  Mutation mutation;  // none unless it names a site
  bool record_sites = false;
  uint32_t approximation_salt = 0;          // 0: approximate units give the correctly rounded result
  uint64_t most_steps = uint64_t{1} << 26;  // switches between fibers

  static constexpr uint32_t kWarpThreadsOfABlock = 128;
};

struct LaunchResult {
  std::vector<Report> reports;  // empty: nothing to complain about
  std::vector<SiteRecord> sites;
  uint64_t steps = 0;
  uint64_t mutated_calls = 0;  // how often the mutated site was reached
};

// What each thread runs. It sets flexc::model::machine before anything else; a kernel compiled apart has its own copy of that variable.
using KernelEntry = void (*)(Machine*, void* arguments);

class Simulator {
 public:
  Simulator();
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  // One launch at a time; stacks and memory are kept for the next one.
  LaunchResult launch(const LaunchOptions& options, KernelEntry kernel, void* arguments);

 private:
  struct Resources;
  std::unique_ptr<Resources> resources_;
};

}  // namespace flexc::model
