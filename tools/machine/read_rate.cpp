#include "tools/machine/read_rate.h"

#include <algorithm>
#include <chrono>

namespace flexc::machine {

double measure_read_rate(std::span<const std::uint64_t> memory, int passes) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  volatile std::uint64_t sink = 0;
  for (int pass = 0; pass < passes; ++pass) {
    // Eight chains of sums, so that loads and not additions are waited for.
    std::uint64_t sums[8] = {};
    const auto start = Clock::now();
    for (std::size_t i = 0; i + 8 <= memory.size(); i += 8)
      for (std::size_t j = 0; j < 8; ++j) sums[j] ^= memory[i + j];
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    for (std::uint64_t sum : sums) sink = sink ^ sum;
    best = std::max(best, static_cast<double>(memory.size_bytes()) / seconds);
  }
  return best;
}

}  // namespace flexc::machine
