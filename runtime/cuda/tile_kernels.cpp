#include "runtime/cuda/tile_kernels.h"

#include "templates/tile/pairs.h"
#include "templates/tile/summary_work.h"
#include "templates/tile/verdicts.h"

namespace flexc::runtime {
namespace {

class GpuTileDevice final : public tile::TileDevice {
 public:
  GpuTileDevice(CudaDriver driver, CudaModule summaries, CudaModule verdicts, CudaModule pairs, void* stream)
      : driver_(std::move(driver)), summaries_(std::move(summaries)), verdicts_(std::move(verdicts)), pairs_(std::move(pairs)), stream_(stream) {}

  Result<tile::DeviceBuffer> allocate(std::size_t bytes) override {
    auto allocated = driver_.allocate(bytes);
    if (!allocated) return std::unexpected(std::move(allocated.error()));
    const std::uint64_t address = allocated->address();
    return tile::DeviceBuffer{address, bytes, std::make_shared<CudaAllocation>(std::move(*allocated))};
  }
  Result<void> copy_in(std::uint64_t to, const void* from, std::size_t bytes) override { return driver_.copy_in_on(stream_, to, from, bytes); }
  Result<void> copy_out(void* to, std::uint64_t from, std::size_t bytes) override {
    if (auto status = driver_.synchronize(stream_); !status) return status;
    return driver_.copy_out(to, from, bytes);
  }
  Result<void> launch(tile::TileKernel kernel, std::uint32_t blocks, void* argument) override {
    void* arguments[] = {argument};
    CudaLaunch launch;
    launch.blocks = blocks, launch.threads = tile::kTileKernelThreads;
    launch.arguments = arguments;
    launch.stream = stream_;
    switch (kernel) {
      case tile::TileKernel::Summaries: return summaries_.launch(launch);
      case tile::TileKernel::Verdicts: return verdicts_.launch(launch);
      case tile::TileKernel::Pairs: break;
    }
    return pairs_.launch(launch);
  }

 private:
  CudaDriver driver_;
  CudaModule summaries_, verdicts_, pairs_;
  void* stream_;
};

}  // namespace

Result<TileKernels::Loaded> TileKernels::load() const {
  const auto code = source_();
  if (!code) return std::unexpected(code.error());
  auto summaries = load_fixed_kernel(driver_, (*code)->summaries, kTileKernels[0], sizeof(tile::SummaryWork));
  if (!summaries) return std::unexpected(std::move(summaries.error()));
  auto verdicts = load_fixed_kernel(driver_, (*code)->verdicts, kTileKernels[1], sizeof(tile::VerdictArguments));
  if (!verdicts) return std::unexpected(std::move(verdicts.error()));
  auto pairs = load_fixed_kernel(driver_, (*code)->pairs, kTileKernels[2], sizeof(tile::PairArguments));
  if (!pairs) return std::unexpected(std::move(pairs.error()));
  return Loaded{std::move(*summaries), std::move(*verdicts), std::move(*pairs)};
}

Result<std::unique_ptr<tile::TileDevice>> TileKernels::device(void* stream) const {
  const std::lock_guard lock(mutex_);
  if (!loaded_) {
    auto loaded = load();
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    loaded_ = std::move(*loaded);
  }
  return std::make_unique<GpuTileDevice>(driver_, loaded_->summaries, loaded_->verdicts, loaded_->pairs, stream);
}

}  // namespace flexc::runtime
