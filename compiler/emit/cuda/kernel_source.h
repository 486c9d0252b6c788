// A whole translation unit: the emitted mods, the tile's products, and the template that is specialised with both.
#pragma once

#include "compiler/emit/cuda/gemm_source.h"
#include "compiler/emit/cuda/hooks_source.h"

namespace flexc::compiler::cuda {

struct HopperSource {
  std::string text;       ///< for NVRTC
  std::string host_text;  ///< the same unit without the products' PTX, which the host model brings itself
  runtime::HopperMember member;
};

HopperSource hopper_source(const CudaHooks& hooks, const GemmShape& tile);

/// Where the tile's buffers fit into shared memory.
bool fits_shared_memory(const CudaHooks& hooks, const GemmShape& tile);

}  // namespace flexc::compiler::cuda
