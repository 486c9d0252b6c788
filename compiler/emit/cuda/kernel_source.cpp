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
  const unsigned table = (hooks.column_words * tile.n + hooks.relative_words * (tile.m + tile.n)) * 4;
  const unsigned q_offset = (kControlBytes + device::kStages * table + kAlignment - 1) / kAlignment * kAlignment;
  const unsigned end_of_v = q_offset + tile.m * tile.d * row + device::kStages * tile.n * (tile.d + tile.dv) * row;
  const unsigned with_output = end_of_v + tile.m * tile.dv * row;
  const bool has_room = with_output <= device::kSharedLimit;
  // Where there is no room, the output takes Q's place.
  return {has_room ? with_output : end_of_v, has_room || (end_of_v <= device::kSharedLimit && tile.dv <= tile.d)};
}

}  // namespace

bool fits_shared_memory(const CudaHooks& hooks, const GemmShape& tile) { return layout_of(hooks, tile).fits; }

namespace {

runtime::HopperMember member_of(const CudaHooks& hooks, const GemmShape& tile, const HopperForms& forms) {
  runtime::HopperMember member;
  member.tile = tile;
  member.threads = (tile.m / device::kWarpgroupRows + 1) * device::kWarpgroupThreads;
  member.dynamic_smem_bytes = layout_of(hooks, tile).used;
  member.score_class = hooks.score_class;
  member.has_band = hooks.has_band, member.has_mask = hooks.has_mask, member.lazy_maximum = forms.lazy_maximum;
  member.params = hooks.params, member.param_words = hooks.param_words;
  member.launch = hooks.launch;
  return member;
}

/// From the template's include on: the tile, and the kernel.
std::string kernel_text(const CudaHooks& hooks, const runtime::HopperMember& member, const HopperForms& forms) {
  const GemmShape& tile = member.tile;
  const std::string_view element = tile.element == device::Element::kBf16 ? "kBf16" : "kF16";
  std::string text = fmt::format("\n#include \"templates/hopper/forward.cuh\"\n{}\nnamespace flexc::device {{\n\n", hooks.in_steps ? "#include \"templates/hopper/stepped.cuh\"\n" : "");
  if (hooks.in_steps) text += fmt::format("using SteppedHooks = Stepped<mods::Hooks, {}>;\n", (hooks.manifest.assumptions & kAssumesPositions) != 0);
  const std::string_view pin = forms.pin == HopperForms::Pin::Store ? "kStore" : forms.pin == HopperForms::Pin::Sleep ? "kSleep" : "kNone";
  const std::string_view relative = hooks.relative_words > 0 ? ", mods::Hooks::kRelativeWords" : "";
  text += fmt::format("struct Config : Tile<Element::{}, {}, {}, {}, {}, mods::Hooks::kColumnWords{}> {{\n  static constexpr ForwardOptions kOptions{{Pin::{}, {}, {}}};\n}};\n", element, tile.m,
                      tile.n, tile.d, tile.dv, relative, pin, forms.take_turns && tile.d <= kMostTurnsHeadDim, forms.lazy_maximum);
  text += fmt::format("static_assert(Config::kThreads == {} && Config::kSharedBytes == {}, \"the launch was laid out for this tile\");\n\n}}  // namespace flexc::device\n\n", member.threads,
                      member.dynamic_smem_bytes);
  const std::string_view hooks_type = hooks.in_steps ? "flexc::device::SteppedHooks" : "flexc::mods::Hooks";
  return text + fmt::format(
                    "FLEXC_KERNEL({0}) {1}(FLEXC_ARGUMENT flexc_hopper_arguments arguments, FLEXC_ARGUMENT {2}::Params params) {{\n"
                    "  flexc::device::forward<flexc::device::Config, {2}>(arguments, params);\n}}\n",
                    member.threads, runtime::kHopperKernel, hooks_type);
}

}  // namespace

HopperSource hopper_source(const CudaHooks& hooks, const GemmShape& tile, const HopperForms& forms) {
  const runtime::HopperMember member = member_of(hooks, tile, forms);
  const std::string head = hooks.text + fmt::format("\n{}\n#include \"templates/hopper/primitives.cuh\"\n\n", tile_comment(tile));
  const std::string kernel = kernel_text(hooks, member, forms);
  return {head + gemm_source(tile) + kernel, head + kernel, member};
}

}  // namespace flexc::compiler::cuda
