#include "runtime/cuda/tile_kernels.h"

namespace flexc::runtime {

Result<std::shared_ptr<const TileKernelCode>> compile_tile_kernels(std::string* file) {
  auto cubins = compile_fixed_kernels(kTileKernels, "block masks of captures in a GPU's memory", "captures in host memory need none", file);
  if (!cubins) return std::unexpected(std::move(cubins.error()));
  return std::make_shared<const TileKernelCode>(TileKernelCode{std::move((*cubins)[0]), std::move((*cubins)[1]), std::move((*cubins)[2])});
}

}  // namespace flexc::runtime
