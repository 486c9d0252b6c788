// The kernel of Device::cuda() for a variant: what runtime/kernel launches, with its code from the compiler.
#pragma once

#include <memory>

#include "compiler/host/cuda_compiler.h"
#include "flexc/dsl/normal_form.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// Errors as of runtime/kernel/gpu_kernel.h, and Environment where there is no NVRTC for a kernel that is not cached.
Result<std::shared_ptr<const Kernel>> make_gpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<CudaCompiler> compiler,
                                                      std::shared_ptr<runtime::MaskCache> masks);

}  // namespace flexc
