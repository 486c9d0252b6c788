// The plain kernel's translation unit (templates/simt).
#pragma once

#include "compiler/emit/cuda/kernel_source.h"

namespace flexc::compiler::cuda {

/// A kernel for any dtype and GPU from sm_80 on, which is the careful path of the Hopper kernels of its dtype, too. One text serves all head dims, and all
/// value dims of as many panels. Usage where the variant's table of columns is more than shared memory holds.
Result<HopperSource> simt_source(const CudaHooks& hooks, device::Element element, unsigned value_dim);

}  // namespace flexc::compiler::cuda
