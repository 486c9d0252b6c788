// A whole translation unit: the emitted mods, the tile's products, and the template that is specialised with both.
#pragma once

#include "compiler/emit/cuda/gemm_source.h"
#include "compiler/emit/cuda/hooks_source.h"

namespace flexc::compiler::cuda {

/// Name of the kernel in the cubin.
inline constexpr const char* kHopperKernel = "flexc_attention_forward";

struct HopperSource {
  std::string text;
  GemmShape tile;
  unsigned threads = 0;
  unsigned dynamic_smem_bytes = 0;
};

HopperSource hopper_source(const CudaHooks& hooks, const GemmShape& tile);

/// Where the tile's buffers fit into shared memory.
bool fits_shared_memory(const CudaHooks& hooks, const GemmShape& tile);

}  // namespace flexc::compiler::cuda
