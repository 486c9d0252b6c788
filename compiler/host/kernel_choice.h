// $FLEXC_CUDA_KERNEL: which template the kernels of Device::cuda() and Device::model() are made of, for tests and for people who compare.
#pragma once

#include "flexc/error.h"
#include "flexc/flexc.h"

namespace flexc {

/// auto (and where it is not set), hopper or simt. Usage for anything else.
Result<CudaKernelChoice> kernel_choice_from_environment();

}  // namespace flexc
