// The kernel that evaluates a mask at single pairs: one thread a pair. Its text runs on the host model too.
#pragma once
#include "templates/hopper/primitives.cuh"
#include "templates/tile/points.cuh"

namespace flexc::device {

inline constexpr u32 kPairThreads = 128;  // of a CTA

}  // namespace flexc::device

FLEXC_KERNEL(flexc::device::kPairThreads)
flexc_tile_pairs(FLEXC_ARGUMENT flexc::tile::PairArguments arguments) {
  using namespace flexc::device;
  const u32 threads = block_count() * kPairThreads, thread = block_index() * kPairThreads + thread_index();
  const flexc::tile::PairRegisters registers{arguments.registers + thread, threads};
  flexc::tile::set_constants(arguments, registers);
  for (u32 pair = thread; pair < arguments.pair_count; pair += threads) arguments.kept[pair] = flexc::tile::keeps(arguments, registers, arguments.pairs[pair]);
}
