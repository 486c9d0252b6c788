// The kernels that stand before and behind an attention kernel in a launch: copies of tensors that TMA cannot describe, and the merging of the parts of the
// keys.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/cuda/fixed_kernel.h"

namespace flexc::runtime {

inline constexpr std::array<FixedKernelText, 2> kHelperKernels = {
    {{"flexc_combine_splits", "templates/hopper/combine_kernel.cuh"}, {"flexc_copy_tensor", "templates/hopper/copy_kernel.cuh"}}};
inline constexpr unsigned kHelperThreads = 128;  // of a CTA of either, as their texts say

struct HelperKernelCode {
  std::vector<std::byte> combine, copy;
};
using HelperKernelSource = std::function<Result<std::shared_ptr<const HelperKernelCode>>()>;

/// By NVRTC, in this process. Environment where there is none; `file` (optional) receives the one that compiled.
Result<std::shared_ptr<const HelperKernelCode>> compile_helper_kernels(std::string* file = nullptr);

/// Loads the kernels when one is asked for first. Thread-safe.
class HelperKernels {
 public:
  struct Loaded {
    CudaModule combine, copy;
  };
  HelperKernels(CudaDriver driver, HelperKernelSource source) : driver_(std::move(driver)), source_(std::move(source)) {}

  /// Lives as long as this does. Errors: what the source says, what the driver says; Internal for code that takes other arguments than this library's.
  Result<const Loaded*> get() const;

 private:
  CudaDriver driver_;
  HelperKernelSource source_;
  mutable std::mutex mutex_;
  mutable std::optional<Loaded> loaded_;
};

}  // namespace flexc::runtime
