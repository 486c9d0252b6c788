// The CUDA driver (libcuda.so.1) behind dlopen: what a launch needs of it, and no more. Not yet run on a GPU; tests/cuda runs it against a stand-in
// driver that checks what it is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/cuda/library.h"
#include "runtime/cuda/tensor_map.h"

namespace flexc::runtime {

/// One launch: a grid of `blocks` CTAs, and the kernel's by-value arguments by address.
struct CudaLaunch {
  unsigned blocks = 0, threads = 0, dynamic_smem_bytes = 0;
  std::span<void*> arguments;
  void* stream = nullptr;  ///< CUstream; null is the default stream
};

class CudaModule;

/// GPUs by compute capability: what the Hopper kernels run on alone, and the least of all.
inline constexpr int kHopperCapability = 90, kLeastCapability = 80;

/// An allocation in the GPU's memory; freed with its last owner.
class CudaAllocation {
 public:
  CudaAllocation() = default;
  std::uint64_t address() const { return address_; }
  std::size_t bytes() const { return bytes_; }

 private:
  friend class CudaDriver;
  std::uint64_t address_ = 0;
  std::size_t bytes_ = 0;
  std::shared_ptr<void> owner_;
};

/// The driver with the primary context of one device. Thread-safe; copies share it. Each call makes the context current for itself and leaves the
/// caller's own as it was.
///
/// Errors: Environment for what the machine lacks (no driver, no device, one before sm_80, out of memory), Internal for the rest; the message has
/// the call, its arguments and the driver's name for the error.
class CudaDriver {
 public:
  static Result<CudaDriver> open(int device = 0);

  std::string name() const;     ///< of the GPU
  int version() const;          ///< of the driver, 1000 · major + 10 · minor
  int multiprocessors() const;
  int capability() const;   ///< 90 for compute capability 9.0
  bool is_hopper() const { return capability() == kHopperCapability; }
  std::uint64_t l2_bytes() const;

  Result<TensorMap> encode(const TensorMapRequest& request) const;
  Result<CudaModule> load(std::span<const std::byte> cubin, const char* kernel, unsigned dynamic_smem_bytes) const;

  Result<CudaAllocation> allocate(std::size_t bytes) const;
  /// Synchronous copies.
  Result<void> copy_in(std::uint64_t to, const void* from, std::size_t bytes) const;
  Result<void> copy_out(void* to, std::uint64_t from, std::size_t bytes) const;
  /// In the order of `stream`, as all that follow.
  Result<std::uint64_t> allocate_on(void* stream, std::size_t bytes) const;
  Result<void> free_on(void* stream, std::uint64_t address) const;
  Result<void> zero_words_on(void* stream, std::uint64_t address, std::size_t words) const;
  /// `from` may change once it returns: the driver has taken pageable memory's bytes by then.
  Result<void> copy_in_on(void* stream, std::uint64_t to, const void* from, std::size_t bytes) const;
  /// Waits until the stream's work is done; what failed in it is reported here at the latest.
  Result<void> synchronize(void* stream) const;
  /// Whether the work of `stream` is being captured into a graph.
  Result<bool> is_capturing(void* stream) const;

  /// Milliseconds that the work took which `work` put on the stream, between two of the driver's events; waits for it.
  template <class Work>
  Result<double> timed(void* stream, Work work) const {
    auto begin = mark(stream);
    if (!begin) return std::unexpected(begin.error());
    if (auto status = work(); !status) return std::unexpected(status.error());
    auto end = mark(stream);
    if (!end) return std::unexpected(end.error());
    return milliseconds(*begin, *end);
  }

 private:
  friend class CudaModule;
  struct State;
  Result<std::shared_ptr<void>> mark(void* stream) const;
  Result<double> milliseconds(const std::shared_ptr<void>& begin, const std::shared_ptr<void>& end) const;
  std::shared_ptr<const State> state_;
};

/// A loaded kernel; unloaded with the last copy.
class CudaModule {
 public:
  Result<void> launch(const CudaLaunch& launch) const;

 private:
  friend class CudaDriver;
  std::shared_ptr<const CudaDriver::State> driver_;
  std::shared_ptr<void> module_;
  void* function_ = nullptr;
};

}  // namespace flexc::runtime
