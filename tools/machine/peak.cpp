#include "tools/machine/peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flexc::machine {
namespace {

#if defined(__x86_64__)
// Twelve independent chains: more than latency times throughput of any x86 so far.
#define FLEXC_PEAK_LOOP(VECTOR, SET, FMA)                                                         \
  VECTOR sums[12];                                                                                \
  for (int i = 0; i < 12; ++i) sums[i] = SET(0.5f);                                               \
  VECTOR factor = SET(0.999f), addend = SET(0.001f);                                              \
  for (std::int64_t i = 0; i < rounds; ++i) {                                                     \
    _Pragma("GCC unroll 12") for (int j = 0; j < 12; ++j) sums[j] = FMA(sums[j], factor, addend); \
  }                                                                                               \
  VECTOR all = sums[0];                                                                           \
  for (int i = 1; i < 12; ++i) all += sums[i];                                                    \
  return all[0];

__attribute__((target("avx2,fma"), noinline)) float chains256(std::int64_t rounds) { FLEXC_PEAK_LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps) }
__attribute__((target("avx512f"), noinline)) float chains512(std::int64_t rounds) { FLEXC_PEAK_LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps) }
#undef FLEXC_PEAK_LOOP

double rate(float (*chains)(std::int64_t), int lanes, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kRounds = 200'000;
  double best = 0, spent = 0;
  volatile float sink = 0;
  while (spent < seconds) {
    const auto start = Clock::now();
    sink = sink + chains(kRounds);
    const double time = std::chrono::duration<double>(Clock::now() - start).count();
    spent += time;
    best = std::max(best, 2.0 * 12 * lanes * static_cast<double>(kRounds) / time / 1e9);
  }
  return best;
}
#endif

}  // namespace

double measure_peak(double seconds) {
#if defined(__x86_64__)
  double best = 0;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = rate(chains256, 8, seconds / 2);
  if (__builtin_cpu_supports("avx512f")) best = std::max(best, rate(chains512, 16, seconds / 2));
  return best;
#else
  (void)seconds;
  return 0;
#endif
}

}  // namespace flexc::machine
