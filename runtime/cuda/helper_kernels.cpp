#include "runtime/cuda/helper_kernels.h"

#include "templates/hopper/combine.h"
#include "templates/hopper/copy.h"

namespace flexc::runtime {

Result<std::shared_ptr<const HelperKernelCode>> compile_helper_kernels(std::string* file) {
  auto cubins = compile_fixed_kernels(kHelperKernels, "keys in parts, and tensors that TMA cannot describe,", "give split 1 and tensors whose rows begin at multiples of 16 bytes", file);
  if (!cubins) return std::unexpected(std::move(cubins.error()));
  return std::make_shared<const HelperKernelCode>(HelperKernelCode{std::move((*cubins)[0]), std::move((*cubins)[1])});
}

Result<const HelperKernels::Loaded*> HelperKernels::get() const {
  const std::lock_guard lock(mutex_);
  if (loaded_) return &*loaded_;
  const auto code = source_();
  if (!code) return std::unexpected(code.error());
  auto combine = load_fixed_kernel(driver_, (*code)->combine, kHelperKernels[0], sizeof(flexc_combine_arguments));
  if (!combine) return std::unexpected(std::move(combine.error()));
  auto copy = load_fixed_kernel(driver_, (*code)->copy, kHelperKernels[1], sizeof(flexc_copy_arguments));
  if (!copy) return std::unexpected(std::move(copy.error()));
  loaded_ = Loaded{std::move(*combine), std::move(*copy)};
  return &*loaded_;
}

}  // namespace flexc::runtime
