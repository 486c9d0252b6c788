// Times the kernel beside the machine's peak:  bench_cpu VARIANT HEADS LENGTH HEAD_DIM [f32|bf16|f16] [THREADS] [TARGET] [REPEATS]
// Prints the share of the peak over kept pairs: the upper quartile and the best of the repeats, by the clock, and the best by CPU time,
// which says something on a busy machine too.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "tools/machine/peak.h"
#include "tests/cpu/problem.h"

using namespace flexc;

int main(int count, char** words) {
  if (count < 5) {
    std::fprintf(stderr, "usage: bench_cpu VARIANT HEADS LENGTH HEAD_DIM [f32|bf16|f16] [THREADS] [TARGET] [REPEATS]\n");
    return 2;
  }
  const std::int64_t heads = std::atoll(words[2]), length = std::atoll(words[3]), head_dim = std::atoll(words[4]);
  const DType type = dtype_from_name(count > 5 ? words[5] : "f32").value_or(DType::F32);
  const int threads = count > 6 ? std::atoi(words[6]) : 2, repeats = count > 8 ? std::atoi(words[8]) : 15;
  const cpu_test::Variant& variant = cpu_test::variant(words[1]);
  const cpu_test::Problem problem({1, heads, heads, length, length, head_dim, head_dim}, variant, {type});

  // Kept pairs, and the block mask, of one head: these variants' masks are the same for all.
  const cpu_test::Problem head({1, 1, 1, length, length, head_dim, head_dim}, variant, {type});
  std::int64_t kept = 0;
  const BlockMask mask = head.block_mask(128, 128, &kept);

  cpu::AttentionArguments call = problem.arguments();
  cpu_test::Tensor out(type, 1, heads, length, head_dim, cpu_test::Layout::Dense);
  call.out = out.output();
  call.mask = variant.mask ? &mask : nullptr;
  call.target = count > 7 && std::string(words[7]) != "-" ? words[7] : "";
  cpu::WorkerPool pool(threads, cpu::Pinning::OneCpuEach);
  const auto peak = [&] {
    std::vector<double> rates(static_cast<std::size_t>(pool.size()));
    pool.run([&](int worker) { rates[static_cast<std::size_t>(worker)] = machine::measure_peak(0.02); });
    double sum = 0;
    for (double rate : rates) sum += rate;
    return sum;
  };

  std::vector<double> shares, cpu_shares, speeds;
  double before = peak();
  for (int i = 0; i < repeats; ++i) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const std::clock_t cpu_start = std::clock();
    if (const auto done = cpu::run_attention(call, pool); !done) {
      std::fprintf(stderr, "bench_cpu: %s\n", done.error().message.c_str());
      return 1;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC,
                 work = 4.0 * static_cast<double>(kept * heads * head_dim) / 1e9;
    const double after = peak();
    speeds.push_back(work / seconds);
    cpu_shares.push_back(work / cpu_seconds / (std::max(before, after) / pool.size()));
    shares.push_back(speeds.back() / std::max(before, after));
    before = after;
  }
  std::sort(shares.begin(), shares.end());
  std::sort(speeds.begin(), speeds.end());
  std::printf("%-14s %3lld x %lld^2 D%lld %s: %.1f GFLOP/s, share of peak %.1f %% (best %.1f %%, median %.1f %%, by CPU time %.1f %%)\n", words[1],
              static_cast<long long>(heads), static_cast<long long>(length), static_cast<long long>(head_dim), std::string(name_of(type)).c_str(),
              speeds.back(), 100 * shares[shares.size() * 3 / 4], 100 * shares.back(), 100 * shares[shares.size() / 2],
              100 * *std::max_element(cpu_shares.begin(), cpu_shares.end()));
}
