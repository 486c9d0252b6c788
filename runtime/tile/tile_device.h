// Where captures are read that this process cannot read itself: memory, copies and the kernels of templates/tile. A GPU through its driver
// (runtime/cuda/tile_kernels), or the host model of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "flexc/error.h"

namespace flexc::tile {

/// The kernels, each of one by-value argument.
enum class TileKernel : std::uint8_t {
  Summaries,  ///< SummaryWork (templates/tile/summary_work.h)
  Verdicts,   ///< VerdictArguments (templates/tile/verdicts.h)
  Pairs,      ///< PairArguments (templates/tile/pairs.h)
};
inline constexpr std::uint32_t kTileKernelThreads = 128;  ///< of a CTA of each

/// Memory of the device; given back with its last copy.
struct DeviceBuffer {
  std::uint64_t address = 0;  ///< a multiple of 256
  std::size_t bytes = 0;
  std::shared_ptr<void> owner = {};
};

/// Work is done in the order in which it is asked for. One thread at a time.
class TileDevice {
 public:
  virtual ~TileDevice() = default;
  virtual Result<DeviceBuffer> allocate(std::size_t bytes) = 0;
  /// `from` may change once it returns.
  virtual Result<void> copy_in(std::uint64_t to, const void* from, std::size_t bytes) = 0;
  /// Waits for what was asked for before.
  virtual Result<void> copy_out(void* to, std::uint64_t from, std::size_t bytes) = 0;
  virtual Result<void> launch(TileKernel kernel, std::uint32_t blocks, void* argument) = 0;
};

/// What ends a build where the device fails; thrown inside of runtime/tile only, and an Error to its callers.
struct DeviceFailure {
  Error error;
};
template <class T>
T taken(Result<T> result) {
  if (!result) throw DeviceFailure{std::move(result.error())};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace flexc::tile
