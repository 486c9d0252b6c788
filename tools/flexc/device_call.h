// A call's tensors where the kernel works: nothing to do for most devices, copies for a GPU.
#pragma once

#include <optional>
#include <vector>

#include "flexc/cuda_memory.h"
#include "flexc/flexc.h"

namespace flexc::cli {

class DeviceCall {
 public:
  /// Copies the inputs of `host` to the GPU where the kernel is one of Device::cuda(). Borrows `host`.
  DeviceCall(const Kernel& kernel, const RunArguments& host);

  const RunArguments& arguments() const { return arguments_; }
  /// Until the work is done.
  void wait() const;
  /// Outputs to where `host` wants them.
  void fetch() const;

 private:
  const TensorView& keep(CudaTensor tensor);

  const RunArguments& host_;
  RunArguments arguments_;
  std::optional<CudaMemory> memory_;
  std::vector<CudaTensor> tensors_;
  CudaTensor out_, lse_, max_scores_, workspace_;
};

}  // namespace flexc::cli
