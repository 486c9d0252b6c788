#include "simulator.h"

#include <bit>
#include <cstdarg>
#include <cstdio>
#include <unordered_map>

#include "run.h"

namespace flexc::model {

const char* policy_name(Policy policy) {
  switch (policy) {
    case Policy::Earliest:
      return "earliest";
    case Policy::Latest:
      return "latest";
    case Policy::Random:
      return "random";
  }
  return "unknown";
}

const char* fault_name(Fault fault) {
  switch (fault) {
    case Fault::Race:
      return "race";
    case Fault::ProxyFence:
      return "missing proxy fence";
    case Fault::Uninitialised:
      return "uninitialised shared memory";
    case Fault::Poison:
      return "poison";
    case Fault::InFlight:
      return "register in flight";
    case Fault::RegisterFence:
      return "missing wgmma.fence";
    case Fault::Descriptor:
      return "matrix descriptor";
    case Fault::TensorMap:
      return "tensor map";
    case Fault::Bounds:
      return "shared memory bounds";
    case Fault::Barrier:
      return "barrier";
    case Fault::Convergence:
      return "convergence";
    case Fault::RegisterPool:
      return "register pool";
    case Fault::Pending:
      return "asynchronous work at exit";
    case Fault::Deadlock:
      return "deadlock";
    case Fault::NoProgress:
      return "no progress";
    case Fault::Resources:
      return "resources";
  }
  return "unknown";
}

struct Simulator::Resources {
  FiberStacks stacks;
};

Simulator::Simulator() : resources_(std::make_unique<Resources>()) {}
Simulator::~Simulator() = default;

LaunchResult Simulator::launch(const LaunchOptions& options, KernelEntry kernel, void* arguments) {
  LaunchResult result;
  auto refuse = [&](std::string text) {
    result.reports.push_back({Fault::Resources, std::move(text), 0, 0});
    return result;
  };
  if (options.threads == 0 || options.threads % kWarpThreads != 0 || options.threads > 1024)
    return refuse("a CTA has 32 to 1024 threads, in whole warps");
  if (options.shared_bytes > SharedMemory::kLimit) return refuse("more than 227 KiB of shared memory");
  if (!resources_->stacks.reserve(size_t{options.blocks} * options.threads)) return refuse("no memory for the stacks of the kernel's threads");
  LaunchRun run(options, kernel, arguments, resources_->stacks);
  return run.run();
}

}  // namespace flexc::model
