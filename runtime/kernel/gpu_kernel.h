// The kernel of Device::cuda(): a Hopper kernel's machine code, launched through the CUDA driver. Not yet run on a GPU.
#pragma once

#include <memory>

#include "compiler/host/cuda_compiler.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// Opens the driver, compiles `form` and loads it. Environment where there is no driver, no GPU of compute capability 9.0, or no NVRTC for a kernel that is
/// not cached; Usage for a dtype, Input for head dims that the Hopper kernel does not have.
Result<std::shared_ptr<const Kernel>> make_gpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<CudaCompiler> compiler,
                                                       std::shared_ptr<runtime::MaskCache> masks);

}  // namespace flexc
