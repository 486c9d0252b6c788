#include "compiler/emit/cuda/kernel_source.h"

#include <fmt/format.h>

namespace flexc::compiler::cuda {
namespace {

/// Warpgroups issue their products in turn up to this head dim (ping-pong); beyond it the products are long enough.
constexpr unsigned kMostTurnsHeadDim = 128;

/// Bytes from the start of dynamic shared memory to the end of V's ring, and the output's place behind it where there is room: the layout of
/// templates/hopper/tile.h, which the compiled kernel asserts.
struct Layout {
  unsigned used = 0;
  bool fits = false;
};

Layout layout_of(const CudaHooks& hooks, const GemmShape& tile) {
  constexpr unsigned kControlBytes = 256, kAlignment = 1024;
  const unsigned row = device::kPanelRowBytes / device::kPanelColumns;  // bytes an element
  const unsigned table = hooks.column_words * tile.n * 4;
  const unsigned q_offset = (kControlBytes + device::kStages * table + kAlignment - 1) / kAlignment * kAlignment;
  const unsigned end_of_v = q_offset + tile.m * tile.d * row + device::kStages * tile.n * (tile.d + tile.dv) * row;
  const unsigned with_output = end_of_v + tile.m * tile.dv * row;
  const bool has_room = with_output <= device::kSharedLimit;
  return {has_room ? with_output : end_of_v, end_of_v <= device::kSharedLimit};
}

}  // namespace

bool fits_shared_memory(const CudaHooks& hooks, const GemmShape& tile) { return layout_of(hooks, tile).fits; }

HopperSource hopper_source(const CudaHooks& hooks, const GemmShape& tile) {
  HopperSource source;
  source.tile = tile;
  source.threads = (tile.m / device::kWarpgroupRows + 1) * device::kWarpgroupThreads;
  source.dynamic_smem_bytes = layout_of(hooks, tile).used;
  const std::string_view element = tile.element == device::Element::kBf16 ? "kBf16" : "kF16";
  source.text = hooks.text;
  source.text += fmt::format("\n{}\n#include \"templates/hopper/primitives.cuh\"\n\n", tile_comment(tile));
  source.text += gemm_source(tile);
  source.text += "\n#include \"templates/hopper/forward.cuh\"\n\nnamespace flexc::device {\n\n";
  source.text += fmt::format("struct Config : Tile<Element::{}, {}, {}, {}, {}, mods::Hooks::kColumnWords> {{\n  static constexpr ForwardOptions kOptions{{Pin::kSleep, {}}};\n}};\n", element, tile.m,
                             tile.n, tile.d, tile.dv, tile.d <= kMostTurnsHeadDim);
  source.text += fmt::format("static_assert(Config::kThreads == {} && Config::kSharedBytes == {}, \"the launch was laid out for this tile\");\n\n}}  // namespace flexc::device\n\n",
                             source.threads, source.dynamic_smem_bytes);
  source.text += fmt::format(
      "FLEXC_KERNEL({}) {}(FLEXC_ARGUMENT flexc_hopper_arguments arguments, FLEXC_ARGUMENT flexc::mods::Hooks::Params params) {{\n"
      "  flexc::device::forward<flexc::device::Config, flexc::mods::Hooks>(arguments, params);\n}}\n",
      source.threads, kHopperKernel);
  return source;
}

}  // namespace flexc::compiler::cuda
