#include <cstring>

#include "runtime/bundle/loaded_bundle.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/tile_kernels.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

std::string text_of_blob(std::span<const std::byte> blob) { return {reinterpret_cast<const char*>(blob.data()), blob.size()}; }
bool equal(std::span<const std::byte> a, std::string_view b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace

Result<bool> run_retile(const std::string& kit, const std::string& bundle_name) {
  const auto bundle = open_bundle(kit, bundle_name);
  if (!bundle) return std::unexpected(bundle.error());
  const auto nvrtc = runtime::Nvrtc::open();
  if (!nvrtc) return std::unexpected(nvrtc.error());
  // Another NVRTC than the one that made the kit gives other bytes for every text; the micro-tests, which have no hooks, tell the two apart.
  const auto micro = read_file(kit + "/cuda/micro.cu"), carried = read_file(kit + "/cubins/micro.cubin");
  if (!micro || !carried) return std::unexpected(!micro ? micro.error() : carried.error());
  const auto known = nvrtc->compile({"flexc_micro.cu", *micro});
  if (!known) return std::unexpected(known.error());
  if (!equal(known->cubin, *carried)) {
    say({{"retile", bundle_name}, {"not_measured", "NVRTC " + nvrtc->version() + " gives other machine code than the one that made the kit"}});
    return true;
  }
  const BundleData& data = *BundleAccess::impl(*bundle).data;
  bool all = true;
  for (const runtime::BundledKernels& variant : data.contents.variants)
    for (const runtime::BundledCudaMember& member : variant.cuda) {
      if (!member.cubin) continue;
      const std::string architecture(member.machine == runtime::kStepsMachine ? runtime::kCubinMachine : member.machine);
      const auto made = nvrtc->compile({.name = "flexc_kernel.cu", .text = text_of_blob(data.blob(member.source)), .architecture = architecture});
      Json line = {{"retile", variant.name}, {"dtype", name_of(member.dtype)}, {"head_dim", member.head_dim}, {"machine", member.machine}, {"member", member.member == runtime::Member::Narrow ? "narrow" : "wide"}, {"nvrtc", nvrtc->version()}};
      const bool ok = made && equal(made->cubin, text_of_blob(data.blob(*member.cubin)));
      line["ok"] = ok;
      if (!made) line["why"] = made.error().message.substr(0, 300);
      say(line);
      all = all && ok;
    }
  return all;
}

}  // namespace flexc::kit
