#include <atomic>
#include <cstring>
#include <thread>

#include "runtime/cuda/driver.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

/// The driver's handle of a default stream for each thread: two threads' work runs side by side, and nothing has to be created.
void* stream_of_thread() { return reinterpret_cast<void*>(std::uintptr_t{2}); }
constexpr int kWritesAhead = 8;

/// Writes memory on a stream of its own until it is told to stop.
class MemoryLoad {
 public:
  MemoryLoad(const runtime::CudaDriver& driver, runtime::CudaAllocation memory)
      : thread_([this, driver, memory = std::move(memory)] {
          while (!stop_.load() && status_) {
            for (int i = 0; i < kWritesAhead && status_; ++i) status_ = driver.zero_words_on(stream_of_thread(), memory.address(), memory.bytes() / sizeof(unsigned)), ++writes_;
            if (status_) status_ = driver.synchronize(stream_of_thread());
          }
        }) {}
  ~MemoryLoad() { finish(); }
  Result<void> finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return status_;
  }
  std::uint64_t writes() const { return writes_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> writes_ = 0;
  Result<void> status_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

Result<bool> run_repeat(const std::string& kit, const std::string& name, int runs, std::int64_t load_mib) {
  const auto what = open_case(kit, name);
  if (!what) return std::unexpected(what.error());
  const auto bundle = open_bundle(kit, what->bundle);
  if (!bundle) return std::unexpected(bundle.error());
  const auto variant = described(*bundle, what->variant);
  const auto kernel = bundle->kernel(what->variant, {.dtype = what->dtype, .head_dim = what->extents.head_dim, .device = Device::cuda()});
  const auto memory = CudaMemory::open();
  const auto driver = runtime::CudaDriver::open();
  if (!variant || !kernel || !memory || !driver) return std::unexpected(!variant ? variant.error() : !kernel ? kernel.error() : !memory ? memory.error() : driver.error());
  auto host = HostCall::make(*variant, what->dtype, what->extents, what->seed);
  if (!host) return std::unexpected(host.error());
  auto call = GpuCall::copy(*memory, *host, **kernel);
  if (!call) return std::unexpected(call.error());
  auto block = driver->allocate(static_cast<std::size_t>(load_mib) << 20);
  if (!block) return std::unexpected(block.error());

  MemoryLoad load(*driver, std::move(*block));
  Tensor again(host->out.view().dtype, host->out.view().shape);
  int differ = 0;
  for (int run = 0; run < runs; ++run) {
    if (auto status = (*kernel)->run(call->arguments, stream_of_thread()); !status) return std::unexpected(status.error());
    const Tensor& into = run == 0 ? host->out : again;
    if (auto status = memory->copy_back(call->out, into.view(), stream_of_thread()); !status) return std::unexpected(status.error());
    if (run > 0) differ += std::memcmp(again.as<std::byte>(), host->out.as<std::byte>(), again.byte_count()) != 0;
  }
  if (auto status = load.finish(); !status) return std::unexpected(status.error());
  say({{"repeat", name}, {"ok", differ == 0}, {"runs", runs}, {"differ", differ}, {"load_mib", load_mib}, {"load_writes", load.writes()}});
  return differ == 0;
}

}  // namespace flexc::kit
