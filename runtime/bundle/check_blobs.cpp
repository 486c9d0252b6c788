#include "runtime/bundle/check_blobs.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/cuda/cubin.h"
#include "runtime/cuda/helper_kernels.h"
#include "runtime/cuda/member_bytes.h"
#include "runtime/io/text.h"
#include "runtime/loader/row_object.h"
#include "runtime/tile/program.h"
#include "templates/hopper/combine.h"
#include "templates/hopper/copy.h"

namespace flexc {
namespace {

using runtime::BundledCudaMember;
using runtime::BundledKernels;
using runtime::HookWords;
using runtime::Member;
using runtime::Signature;

std::optional<std::string> check_tile_program(const BundleData& bundle, const BundledKernels& variant) {
  const auto program = tile::deserialize(bundle.blob(variant.tile_program));
  if (!program) return fmt::format("the tile program of {}: {}", io::in_quotes(variant.name), program.error().message);
  const Signature& signature = variant.signature;
  bool fits = program->captures.size() == signature.captures.size() && program->params == signature.params.size() && program->fresh_dims == signature.fresh_dims.size();
  for (std::size_t i = 0; fits && i < signature.captures.size(); ++i)
    fits = program->captures[i] == tile::CaptureType{signature.captures[i].dtype, static_cast<std::uint32_t>(signature.captures[i].dims.size())};
  if (!fits) return fmt::format("the tile program of {} reads other captures and params than the variant has", io::in_quotes(variant.name));
  return std::nullopt;
}

std::optional<std::string> check_cpu(const BundleData& bundle, const BundledKernels& variant) {
  if (!find_cpu_member(variant, runtime::CpuLevel::X86_64_v3, Member::Narrow)) return fmt::format("{} has no CPU code for {}", io::in_quotes(variant.name), name_of(runtime::CpuLevel::X86_64_v3));
  for (const runtime::BundledCpuMember& member : variant.cpu) {
    if (const auto object = runtime::RowObject::load(bundle.blob(member.object)); !object) return fmt::format("the CPU code of {}: {}", io::in_quotes(variant.name), object.error().message);
    const bool covered = member.assumptions == runtime::kAssumesNothing || std::ranges::any_of(variant.cpu, [&](const auto& other) { return other.level == member.level && other.member == Member::Wide; });
    if (!covered) return fmt::format("{} has no CPU code for calls beyond what its narrow member assumes", io::in_quotes(variant.name));
  }
  return std::nullopt;
}

/// Whether a kernel's words of Params are filled from what the variant has.
bool fits(const runtime::HopperMember& member, const Signature& signature) {
  for (const HookWords& piece : member.params) {
    switch (piece.kind) {
      case HookWords::Kind::Capture:
        if (piece.index >= signature.captures.size() || piece.count != 1 + 2 * signature.captures[piece.index].dims.size()) return false;
        break;
      case HookWords::Kind::Param:
        if (piece.index >= signature.params.size()) return false;
        break;
      case HookWords::Kind::FreshDim:
        if (piece.index >= signature.fresh_dims.size()) return false;
        break;
      case HookWords::Kind::Problem: case HookWords::Kind::Scales: case HookWords::Kind::Launch: case HookWords::Kind::Divisor: break;
      case HookWords::Kind::Steps: return false;  // a bundle has no kernels for positions in steps
    }
  }
  const tile::Program& launch = member.launch.program;
  return launch.params == signature.params.size() + 1 && launch.fresh_dims == signature.fresh_dims.size();  // the last param is the scale
}

std::optional<std::string> check_cuda_member(const BundleData& bundle, const BundledKernels& variant, const BundledCudaMember& member) {
  const auto described = runtime::deserialize_member(bundle.blob(member.launch));
  if (!described) return described.error().message;
  const runtime::HopperTile& tile = described->member.tile;
  const bool is_simt = member.machine == runtime::kSimtMachine;
  if ((described->member.kernel == runtime::KernelKind::Simt) != is_simt) return "it is another kernel than one for its machine";
  const auto element = member.dtype == f16 ? device::Element::kF16 : member.dtype == bf16 ? device::Element::kBf16 : device::Element::kF32;
  if (tile.element != element || (!is_simt && tile.d != tile.dv) || tile.dv != device::whole_panels(static_cast<unsigned>(member.head_dim))) return "its tile is for another dtype or head dim";
  if (!fits(described->member, variant.signature)) return "it reads other captures and params than the variant has";
  if (member.member == Member::Wide && described->manifest.assumptions != runtime::kAssumesNothing) return "a wide member assumes something of its calls";
  const auto is_twin = [&](const BundledCudaMember& other) { return other.machine == member.machine && other.dtype == member.dtype && other.head_dim == member.head_dim; };
  if (std::ranges::count_if(variant.cuda, [&](const auto& other) { return is_twin(other) && other.member == member.member; }) != 1) return "there are two of it";
  if (!member.cubin) return std::nullopt;
  const auto cubin = bundle.blob(*member.cubin);
  const auto report = runtime::read_cubin(cubin);
  if (!report) return report.error().message;
  if (report->kernel != runtime::entry_of(described->member.kernel)) return fmt::format("its kernel is called {}", io::in_quotes(report->kernel));
  if (const auto status = runtime::check_parameters(cubin, described->member); !status) return status.error().message;
  const auto has_cubin = [&](Member which) { return std::ranges::any_of(variant.cuda, [&](const auto& other) { return is_twin(other) && other.member == which && other.cubin; }); };
  if (!has_cubin(Member::Narrow)) return "there is no narrow member beside it";
  const auto is_careful_path = [&](const BundledCudaMember& other) { return other.machine == runtime::kSimtMachine && other.dtype == member.dtype && other.head_dim == member.head_dim && other.cubin; };
  if (!is_simt && std::ranges::none_of(variant.cuda, is_careful_path)) return "there is no plain kernel beside it";
  if (described->manifest.assumptions != runtime::kAssumesNothing && !has_cubin(Member::Wide)) return "there is none for calls beyond what it assumes";
  return std::nullopt;
}

std::optional<std::string> check_cuda(const BundleData& bundle, const BundledKernels& variant) {
  for (const BundledCudaMember& member : variant.cuda) {
    if (member.machine != runtime::kCubinMachine && member.machine != runtime::kSimtMachine) continue;  // of another flexc's; this one launches none of them
    if (const auto problem = check_cuda_member(bundle, variant, member))
      return fmt::format("the CUDA kernel of {} for {} with head dim {}: {}", io::in_quotes(variant.name), name_of(member.dtype), member.head_dim, *problem);
  }
  return std::nullopt;
}

std::optional<std::string> check_helpers(const BundleData& bundle) {
  const auto& helpers = bundle.contents.helpers;
  if (!helpers) return std::nullopt;
  const std::pair<runtime::BlobIndex, std::size_t> kernels[] = {{helpers->combine, sizeof(flexc_combine_arguments)}, {helpers->copy, sizeof(flexc_copy_arguments)}};
  for (std::size_t i = 0; i < runtime::kHelperKernels.size(); ++i) {
    const auto cubin = bundle.blob(kernels[i].first);
    const auto report = runtime::read_cubin(cubin);
    const char* const name = runtime::kHelperKernels[i].name;
    if (!report) return fmt::format("the kernel {}: {}", name, report.error().message);
    if (report->kernel != name) return fmt::format("the kernel {}: it is called {}", name, io::in_quotes(report->kernel));
    const auto parameters = runtime::kernel_parameter_bytes(cubin);
    if (!parameters) return fmt::format("the kernel {}: {}", name, parameters.error().message);
    if (*parameters != std::vector<unsigned>{static_cast<unsigned>(kernels[i].second)}) return fmt::format("the kernel {}: it takes other arguments than a launch passes", name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> check_blobs(const BundleData& bundle) {
  if (auto problem = check_helpers(bundle)) return problem;
  for (const BundledKernels& variant : bundle.contents.variants) {
    if (auto problem = check_tile_program(bundle, variant)) return problem;
    if (bundle.contents.for_cpu)
      if (auto problem = check_cpu(bundle, variant)) return problem;
    if (auto problem = check_cuda(bundle, variant)) return problem;
  }
  return std::nullopt;
}

}  // namespace flexc
