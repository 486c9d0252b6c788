// A tensor of the GPU's memory, copied to the host as it lies there.
#pragma once

#include <cstddef>
#include <vector>

#include "flexc/tensor.h"
#include "runtime/cuda/driver.h"

namespace flexc::runtime {

struct HostCopy {
  std::vector<std::byte> bytes;
  TensorView view;  ///< into `bytes`, with the strides of the original; absent for an absent one
};

/// Synchronous: what is on the stream has to be done already. All bytes from the first element to the last are copied, with what lies between them.
Result<HostCopy> copy_to_host(const CudaDriver& driver, const TensorView& tensor);

}  // namespace flexc::runtime
