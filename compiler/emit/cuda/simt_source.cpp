#include "compiler/emit/cuda/simt_source.h"

#include <fmt/format.h>

#include "templates/simt/tile.h"

namespace flexc::compiler::cuda {
namespace {

std::string_view name_of(device::Element element) {
  switch (element) {
    case device::Element::kBf16: return "kBf16";
    case device::Element::kF16: return "kF16";
    case device::Element::kF32: break;
  }
  return "kF32";
}

/// Bytes of a CTA: the layout of templates/simt/tile.h, which the compiled kernel asserts.
unsigned shared_bytes(unsigned value_dim, unsigned column_words) {
  using Narrow = device::SimtTile<device::Element::kF32, 64>;
  using Wide = device::SimtTile<device::Element::kF32, device::kMostSimtValueDim>;
  const unsigned without_table = device::simt_rows(value_dim) == Narrow::kM ? Narrow::kSharedBytes : Wide::kSharedBytes;
  return without_table + column_words * device::kSimtKeys * 4;
}

}  // namespace

Result<HopperSource> simt_source(const CudaHooks& hooks, device::Element element, unsigned value_dim) {
  const unsigned dv = device::whole_panels(value_dim);
  HopperSource unit;
  runtime::HopperMember& member = unit.member;
  member.kernel = runtime::KernelKind::Simt;
  member.tile = {element, device::kSimtItemRows, device::kSimtKeys, 0, dv};
  member.threads = device::kSimtThreads;
  member.dynamic_smem_bytes = shared_bytes(dv, hooks.column_words);
  member.score_class = hooks.score_class;
  member.has_band = hooks.has_band, member.has_mask = hooks.has_mask;
  member.params = hooks.params, member.param_words = hooks.param_words;
  member.launch = hooks.launch;
  if (member.dynamic_smem_bytes > device::kSimtSharedLimit)
    return std::unexpected(Error{ErrorKind::Usage, fmt::format("this variant gathers {} words a key, more than the plain CUDA kernel has shared memory for", hooks.column_words)});
  unit.text = hooks.text;
  unit.text += fmt::format("\n{}\n#include \"templates/hopper/primitives.cuh\"\n\n#include \"templates/simt/forward.cuh\"\n\nnamespace flexc::device {{\n\n", simt_comment(member.tile));
  unit.text += fmt::format("using Config = SimtTile<Element::{}, {}, mods::Hooks::kColumnWords>;\n", name_of(element), dv);
  unit.text += fmt::format("static_assert(kSimtThreads == {} && Config::kSharedBytes == {}, \"the launch was laid out for this tile\");\n\n}}  // namespace flexc::device\n\n", member.threads,
                           member.dynamic_smem_bytes);
  unit.text += fmt::format(
      "FLEXC_KERNEL({}) {}(FLEXC_ARGUMENT flexc_simt_arguments arguments, FLEXC_ARGUMENT flexc::mods::Hooks::Params params) {{\n"
      "  flexc::device::simt_forward<flexc::device::Config, flexc::mods::Hooks>(arguments, params);\n}}\n",
      member.threads, runtime::entry_of(member.kernel));
  unit.host_text = unit.text;
  return unit;
}

}  // namespace flexc::compiler::cuda
