// The overlay's primitives come before the device's.
#include "templates/model/fixed_kernels.h"

#include "templates/hopper/combine_kernel.cuh"
#include "templates/hopper/copy_kernel.cuh"

namespace flexc::model {

const unsigned kCombineThreads = device::kCombineThreads, kCopyThreads = device::kCopyThreads;

void enter_combine(Machine* machine, void* argument) {
  model::machine = machine;
  flexc_combine_splits(*static_cast<const flexc_combine_arguments*>(argument));
}
void enter_copy(Machine* machine, void* argument) {
  model::machine = machine;
  flexc_copy_tensor(*static_cast<const flexc_copy_arguments*>(argument));
}

}  // namespace flexc::model
