// Tensors of other frameworks, through DLPack's C structs, which NumPy, PyTorch, JAX and others give and take. The struct is not
// named here, so that any version of dlpack.h may be included beside this header: callers pass its address.
#pragma once

#include <cstdint>

#include "flexc/error.h"
#include "flexc/io.h"
#include "flexc/tensor.h"

namespace flexc {

/// A view of the tensor that a `const DLTensor*` describes. Borrows: the DLTensor's memory must outlive the view, its shape and
/// strides need not. CPU, pinned-host and CUDA memory; float 16, 32 and 64, bfloat 16, int 32 and 64, uint 8 and bool, one lane.
/// Errors (Input): null, another device or type, a negative extent or rank, an offset that does not fit the type.
Result<TensorView> from_dlpack(const void* dl_tensor);

/// A `DLManagedTensor*` that owns `tensor`'s memory; its deleter frees all. Host memory, row-major.
void* to_dlpack(Tensor tensor);

}  // namespace flexc
