// A GPU's memory for hosts that have no other way to it: tensors there, and copies to and from them, through the CUDA driver alone.
#pragma once

#include <memory>
#include <vector>

#include "flexc/error.h"
#include "flexc/tensor.h"

namespace flexc {

/// A row-major tensor in a GPU's memory; freed with its last copy.
class CudaTensor {
 public:
  CudaTensor() = default;
  const TensorView& view() const { return view_; }

 private:
  friend class CudaMemory;
  TensorView view_;
  std::shared_ptr<void> owner_;
};

/// The primary context of a GPU. Thread-safe; copies share it. Every function is synchronous. Environment where there is no driver or no GPU of compute
/// capability 9.0, or its memory is full.
class CudaMemory {
 public:
  static Result<CudaMemory> open(int device = 0);

  /// What it holds is not set.
  Result<CudaTensor> allocate(DType dtype, std::vector<std::int64_t> shape) const;
  /// Of a tensor in host memory, with any strides. An absent one gives an absent one.
  Result<CudaTensor> copy_of(const TensorView& host) const;
  /// Waits for `stream`, then copies to a row-major tensor in host memory of the same dtype and shape (Internal otherwise).
  Result<void> copy_back(const CudaTensor& tensor, const TensorView& host, void* stream = nullptr) const;
  /// Waits until the work of `stream` is done, and reports what failed in it.
  Result<void> wait(void* stream = nullptr) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace flexc
