#include <fmt/format.h>

#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/tile_kernels.h"

namespace flexc::runtime {

std::string text_of(const TileKernelText& kernel) { return fmt::format("#include \"{}\"\n", kernel.file); }

Result<std::shared_ptr<const TileKernelCode>> compile_tile_kernels(std::string* file) {
  const auto nvrtc = Nvrtc::open();
  if (!nvrtc)
    return std::unexpected(Error{nvrtc.error().kind, fmt::format("block masks of captures in a GPU's memory need NVRTC ({}); captures in host memory need none", nvrtc.error().message)});
  if (file != nullptr) *file = nvrtc->path();
  TileKernelCode code;
  std::vector<std::byte>* const cubins[] = {&code.summaries, &code.verdicts, &code.pairs};
  for (std::size_t i = 0; i < kTileKernels.size(); ++i) {
    auto compiled = nvrtc->compile({.name = fmt::format("{}.cu", kTileKernels[i].name), .text = text_of(kTileKernels[i])});
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    *cubins[i] = std::move(compiled->cubin);
  }
  return std::make_shared<const TileKernelCode>(std::move(code));
}

}  // namespace flexc::runtime
