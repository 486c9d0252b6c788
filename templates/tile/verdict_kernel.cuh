// The kernel: one thread a region. Its text runs on the host model too.
#pragma once
#include "templates/hopper/primitives.cuh"
#include "templates/tile/verdicts.cuh"

namespace flexc::device {

inline constexpr u32 kVerdictThreads = 128;  // of a CTA

}  // namespace flexc::device

FLEXC_KERNEL(flexc::device::kVerdictThreads)
flexc_tile_verdicts(FLEXC_ARGUMENT flexc::tile::VerdictArguments arguments) {
  using namespace flexc::device;
  const u32 threads = block_count() * kVerdictThreads, thread = block_index() * kVerdictThreads + thread_index();
  for (u32 region = thread; region < arguments.region_count; region += threads)
    arguments.verdicts[region] = flexc::tile::verdict(arguments, arguments.regions[region], thread, threads);
}
