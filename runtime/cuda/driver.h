// The CUDA driver (libcuda.so.1) behind dlopen: what a launch needs of it, and no more. Not yet run on a GPU.
#pragma once

#include <cstddef>
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

/// The driver with the primary context of one device. Thread-safe; copies share it.
class CudaDriver {
 public:
  /// Environment where there is no driver, no device, or one that is no sm_90.
  static Result<CudaDriver> open(int device = 0);

  Result<TensorMap> encode(const TensorMapRequest& request) const;
  Result<CudaModule> load(std::span<const std::byte> cubin, const char* kernel, unsigned dynamic_smem_bytes) const;
  int multiprocessors() const;

 private:
  friend class CudaModule;
  struct State;
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
