// Measures the expansions against the C library in f64, over every f32 or every STRIDE-th.
// Usage: measure_math [--stride N] [--threads N] [--function NAME]…   (stride 1, all 2^32 inputs, is the default)
// Exit 1 if a function exceeds what is promised.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/math/reference_math.h"

using namespace flexc::dsl;
using namespace math_test;

namespace {

struct Worst {
  double ulp = 0;
  float at = 0;
  std::uint64_t not_nearest = 0, count = 0;

  void merge(const Worst& other) {
    if (other.ulp > ulp || (other.ulp == ulp && std::bit_cast<std::uint32_t>(other.at) < std::bit_cast<std::uint32_t>(at))) {
      ulp = other.ulp;
      at = other.at;
    }
    not_nearest += other.not_nearest;
    count += other.count;
  }
};

constexpr std::uint64_t kInputs = std::uint64_t{1} << 32, kChunk = 4096;

Worst measure_chunk(const Reference& reference, const Expansion& expansion, std::uint64_t first, std::uint64_t stride) {
  std::vector<float> x, out;
  for (std::uint64_t bits = first; bits < std::min(kInputs, first + kChunk * stride); bits += stride) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  out.resize(x.size());
  evaluate_expansion(expansion, x, {}, out);
  Worst worst;
  worst.count = x.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = reference.value(static_cast<double>(x[i]));
    if (out[i] == static_cast<float>(exact) && out[i] != 0 && worst.ulp >= 0.5) continue;  // nearest: no farther than 1/2
    const double ulp = ulp_distance(out[i], exact);
    worst.not_nearest += ulp > 0.5;
    if (ulp > worst.ulp) {
      worst.ulp = ulp;
      worst.at = x[i];
    }
  }
  return worst;
}

Worst measure(const Reference& reference, std::uint64_t stride, int threads) {
  const Expansion& expansion = expansion_of(reference);
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  Worst worst;
  const auto work = [&] {
    Worst mine;
    for (std::uint64_t first; (first = next.fetch_add(kChunk * stride)) < kInputs;) mine.merge(measure_chunk(reference, expansion, first, stride));
    const std::lock_guard lock(mutex);
    worst.merge(mine);
  };
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i) pool.emplace_back(work);
  for (std::thread& thread : pool) thread.join();
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t stride = 1;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (i + 1 < argc && option == "--stride") stride = std::max(1ull, std::strtoull(argv[++i], nullptr, 10));
    else if (i + 1 < argc && option == "--threads") threads = std::max(1, std::atoi(argv[++i]));
    else if (i + 1 < argc && option == "--function") names.emplace_back(argv[++i]);
    else {
      std::fprintf(stderr, "usage: measure_math [--stride N] [--threads N] [--function NAME]...\n");
      return 2;
    }
  }
  bool kept = true;
  std::printf("| function | steps | inputs | max error, ulp | at | not the nearest f32 | promised |\n| --- | --- | --- | --- | --- | --- | --- |\n");
  for (const Reference& reference : kUnary) {
    if (!names.empty() && std::find(names.begin(), names.end(), reference.name) == names.end()) continue;
    const Worst worst = measure(reference, stride, threads);
    std::printf("| %s | %zu | %llu | %.3f | %a | %.2f %% | %.1f |\n", std::string(reference.name).c_str(), expansion_of(reference).steps.size(),
                static_cast<unsigned long long>(worst.count), worst.ulp, static_cast<double>(worst.at),
                100.0 * static_cast<double>(worst.not_nearest) / static_cast<double>(worst.count), reference.max_ulp);
    std::fflush(stdout);
    kept &= worst.ulp <= reference.max_ulp;
  }
  return kept ? 0 : 1;
}
