// A device of tile kernels that is the host model: its memory is the host's, poisoned when it is allocated; each launch runs the kernel's text under a seed and a
// policy of its own. It counts what is copied out of a stretch of memory, notices what is written behind an allocation, and can fail at any call.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/tile/tile_device.h"
#include "templates/model/simulator.h"
#include "templates/tile/pair_kernel.cuh"
#include "templates/tile/summary_kernel.cuh"
#include "templates/tile/verdict_kernel.cuh"

namespace flexc::tile {

inline void enter_summaries(model::Machine* machine, void* argument) {
  model::machine = machine;
  flexc_tile_summaries(*static_cast<const SummaryWork*>(argument));
}
inline void enter_verdicts(model::Machine* machine, void* argument) {
  model::machine = machine;
  flexc_tile_verdicts(*static_cast<const VerdictArguments*>(argument));
}

inline void enter_pairs(model::Machine* machine, void* argument) {
  model::machine = machine;
  flexc_tile_pairs(*static_cast<const PairArguments*>(argument));
}

class ModelDevice : public TileDevice {
 public:
  std::uint64_t seed = 0;
  int fail_at = -1;           ///< the number of the call that fails, from 0
  int calls = 0, launches = 0, held = 0;
  int overruns = 0;           ///< allocations behind which something was written
  std::uint64_t copied_out = 0;
  std::string report;         ///< the host model's first
  const std::byte *watched = nullptr, *watched_end = nullptr;
  std::uint64_t watched_bytes = 0;  ///< copied out of what is watched

  Result<DeviceBuffer> allocate(std::size_t bytes) override {
    if (auto status = call("allocate"); !status) return std::unexpected(status.error());
    constexpr std::size_t kAlignment = 256, kGuard = 64;
    auto* const memory = static_cast<std::byte*>(::operator new(bytes + kGuard, std::align_val_t{kAlignment}));
    std::memset(memory, 0xff, bytes + kGuard);
    ++held;
    return DeviceBuffer{reinterpret_cast<std::uint64_t>(memory), bytes, std::shared_ptr<void>(memory, [this, guard = memory + bytes](void* at) {
                          --held;
                          overruns += std::any_of(guard, guard + kGuard, [](std::byte byte) { return byte != std::byte{0xff}; });
                          ::operator delete(at, std::align_val_t{kAlignment});
                        })};
  }
  Result<void> copy_in(std::uint64_t to, const void* from, std::size_t bytes) override {
    if (auto status = call("copy_in"); !status) return status;
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return {};
  }
  Result<void> copy_out(void* to, std::uint64_t from, std::size_t bytes) override {
    if (auto status = call("copy_out"); !status) return status;
    const auto* const begin = reinterpret_cast<const std::byte*>(from);
    std::memcpy(to, begin, bytes);
    copied_out += bytes;
    if (begin < watched_end && begin + bytes > watched) watched_bytes += static_cast<std::uint64_t>(std::min(begin + bytes, watched_end) - std::max(begin, watched));
    return {};
  }
  Result<void> launch(TileKernel kernel, std::uint32_t blocks, void* argument) override {
    if (auto status = call("launch"); !status) return status;
    constexpr model::Policy kPolicies[] = {model::Policy::Earliest, model::Policy::Latest, model::Policy::Random};
    constexpr model::KernelEntry kEntries[] = {&enter_summaries, &enter_verdicts, &enter_pairs};
    model::LaunchOptions options;
    options.blocks = blocks, options.threads = kTileKernelThreads, options.seed = seed + static_cast<std::uint64_t>(launches);
    options.policy = kPolicies[launches++ % 3];
    const auto result = simulator_.launch(options, kEntries[static_cast<int>(kernel)], argument);
    if (result.reports.empty()) return {};
    report = result.reports.front().text;
    return std::unexpected(Error{ErrorKind::Internal, "the host model: " + report});
  }

 private:
  Result<void> call(const char* what) {
    if (calls++ == fail_at) return std::unexpected(Error{ErrorKind::Environment, std::string(what) + " failed, as it was told to"});
    return {};
  }
  model::Simulator simulator_;
};

}  // namespace flexc::tile
