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

/// The line of the text that names its tile, for people and for edited files: "// The tile: 128 query rows by 128 keys, head dim 128."
inline std::string tile_comment(const GemmShape& tile) {
  return "// The tile: " + std::to_string(tile.m) + " query rows by " + std::to_string(tile.n) + " keys, head dim " + std::to_string(tile.d) + ".";
}

/// The same line of a plain kernel's text: "// The tile: 128 query rows by 64 keys, up to 128 value columns."
inline std::string simt_comment(const GemmShape& tile) {
  return "// The tile: " + std::to_string(tile.m) + " query rows by " + std::to_string(tile.n) + " keys, up to " + std::to_string(tile.dv) + " value columns.";
}

HopperSource hopper_source(const CudaHooks& hooks, const GemmShape& tile, const HopperForms& forms);

/// Where the tile's buffers fit into shared memory.
bool fits_shared_memory(const CudaHooks& hooks, const GemmShape& tile);

}  // namespace flexc::compiler::cuda
