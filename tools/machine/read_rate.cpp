#include "tools/machine/read_rate.h"

namespace flexc::machine {
namespace {

constexpr std::size_t kLineWords = 8, kAheadWords = 2048;

}  // namespace

void read_all(std::span<const std::uint64_t> memory) {
  // Eight chains of sums, so that loads and not additions are waited for.
  std::uint64_t sums[kLineWords] = {};
  const std::size_t half = memory.size() / 2 / kLineWords * kLineWords;
  const std::uint64_t *first = memory.data(), *second = first + half, *const end = second;
  const auto take = [&](const std::uint64_t* line) {
    // Beyond the end nothing is read: a prefetch of what is not there has no effect.
    __builtin_prefetch(line + kAheadWords, 0, 2);
    for (std::size_t j = 0; j < kLineWords; ++j) sums[j] ^= line[j];
  };
  for (; first != end; first += kLineWords, second += kLineWords) {
    take(first);
    take(second);
  }
  for (std::size_t i = 2 * half; i < memory.size(); ++i) sums[0] ^= memory[i];
  volatile std::uint64_t sink = 0;
  for (const std::uint64_t sum : sums) sink = sink ^ sum;
}

}  // namespace flexc::machine
