#include <algorithm>
#include <chrono>
#include <fstream>

#include "flexc/gallery.h"
#include "runtime/cuda/driver.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

constexpr int kWarmUps = 3;
constexpr std::uint64_t kSeed = 5;
constexpr std::int64_t kDrawn = 1 << 20;

}  // namespace

Result<bool> run_bench(const std::string& kit, const Bench& bench) {
  const auto bundle = open_bundle(kit, bench.bundle);
  if (!bundle) return std::unexpected(bundle.error());
  const auto variant = described(*bundle, bench.variant);
  const auto kernel = bundle->kernel(bench.variant, {.dtype = bf16, .head_dim = bench.extents.head_dim, .device = Device::cuda()});
  const auto memory = CudaMemory::open();
  const auto driver = runtime::CudaDriver::open();
  if (!variant || !kernel || !memory || !driver) return std::unexpected(!variant ? variant.error() : !kernel ? kernel.error() : !memory ? memory.error() : driver.error());
  auto host = HostCall::make(*variant, bf16, bench.extents, kSeed, kDrawn);
  if (!host) return std::unexpected(host.error());

  // Exact, for the number of kept pairs; built once, as the peers' masks are.
  const Extents& e = bench.extents;
  MaskReport report;
  const MaskShape shape{.batch = e.batch, .heads = e.heads, .q_len = e.q_len, .kv_len = e.kv_len, .kv_heads = e.kv_heads, .refine = MaskShape::Refine::Exact, .cached = false};
  const auto mask = (*kernel)->block_mask(shape, host->arguments.captures, &report);
  if (!mask) return std::unexpected(mask.error());
  // A block mask of another batch or head holds for all where the mask depends on neither; kept pairs are counted over what it has.
  const double kept_share = static_cast<double>(report.kept_pairs) / (static_cast<double>(mask->batches * mask->heads) * static_cast<double>(e.q_len) * static_cast<double>(e.kv_len));
  auto call = GpuCall::copy(*memory, *host, **kernel, &*mask);
  if (!call) return std::unexpected(call.error());

  const auto launch = [&](int times) -> Result<void> {
    for (int i = 0; i < times; ++i)
      if (auto status = (*kernel)->run(call->arguments); !status) return status;
    return {};
  };
  if (auto status = launch(kWarmUps); !status) return std::unexpected(status.error());
  std::vector<double> times, host_times;
  for (int i = 0; i < bench.repeats; ++i) {
    const auto taken = driver->timed(nullptr, [&] {
      const auto start = std::chrono::steady_clock::now();
      auto status = launch(bench.inner);
      host_times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / bench.inner);
      return status;
    });
    if (!taken) return std::unexpected(taken.error());
    times.push_back(*taken / bench.inner);
  }
  std::ranges::sort(times), std::ranges::sort(host_times);
  say({{"bench", bench.variant}, {"who", "flexc"}, {"bundle", bench.bundle}, {"shape", {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len, e.head_dim}}, {"dtype", "bf16"},
       {"median_ms", times[times.size() / 2]}, {"min_ms", times.front()}, {"max_ms", times.back()}, {"host_ms", host_times[host_times.size() / 2]}, {"kept_share", kept_share}, {"repeats", bench.repeats}, {"inner", bench.inner}});
  return true;
}

Result<bool> write_capture(const std::string& kit, const Bench& bench, const std::string& capture, const std::string& file) {
  const auto bundle = open_bundle(kit, bench.bundle);
  if (!bundle) return std::unexpected(bundle.error());
  const auto variant = described(*bundle, bench.variant);
  if (!variant) return std::unexpected(variant.error());
  const auto found = std::ranges::find(variant->captures, capture, &BundledVariant::Capture::name);
  if (found == variant->captures.end()) return std::unexpected(Error{ErrorKind::Input, bench.variant + " has no capture " + capture});
  const Extents& e = bench.extents;
  const auto tensor = make_capture(bench.variant, capture, found->dims, {e.batch, e.heads, e.kv_heads, e.q_len, e.kv_len, {}}, kSeed);
  if (!tensor) return std::unexpected(Error{ErrorKind::Internal, bench.variant + ": nothing makes the capture " + capture});
  std::ofstream out(file, std::ios::binary);
  out.write(tensor->as<char>(), static_cast<std::streamsize>(tensor->byte_count()));
  out.close();
  if (!out) return std::unexpected(Error{ErrorKind::Environment, file + " cannot be written"});
  return true;
}

}  // namespace flexc::kit
