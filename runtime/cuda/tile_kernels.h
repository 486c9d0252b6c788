// The kernels of block masks on a GPU: their machine code, and the device that tile::classify asks for captures in the GPU's memory.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cuda/fixed_kernel.h"
#include "runtime/tile/tile_device.h"

namespace flexc::runtime {

/// In the order of tile::TileKernel.
inline constexpr std::array<FixedKernelText, 3> kTileKernels = {{{"flexc_tile_summaries", "templates/tile/summary_kernel.cuh"},
                                                               {"flexc_tile_verdicts", "templates/tile/verdict_kernel.cuh"},
                                                               {"flexc_tile_pairs", "templates/tile/pair_kernel.cuh"}}};

/// The same for every variant: masks are data to them.
struct TileKernelCode {
  std::vector<std::byte> summaries, verdicts, pairs;
};
using TileKernelSource = std::function<Result<std::shared_ptr<const TileKernelCode>>()>;

/// By NVRTC, in this process. Environment where there is none; `file` (optional) receives the one that compiled.
Result<std::shared_ptr<const TileKernelCode>> compile_tile_kernels(std::string* file = nullptr);

/// Loads the kernels with the first device that is asked for. Thread-safe.
class TileKernels {
 public:
  TileKernels(CudaDriver driver, TileKernelSource source) : driver_(std::move(driver)), source_(std::move(source)) {}

  /// For one build of a mask, whose work goes to `stream`. Errors: what the source says, what the driver says; Internal for code that takes other
  /// arguments than this library's.
  Result<std::unique_ptr<tile::TileDevice>> device(void* stream) const;

 private:
  struct Loaded {
    CudaModule summaries, verdicts, pairs;
  };
  Result<Loaded> load() const;

  CudaDriver driver_;
  TileKernelSource source_;
  mutable std::mutex mutex_;
  mutable std::optional<Loaded> loaded_;
};

}  // namespace flexc::runtime
