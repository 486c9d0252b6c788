#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "runtime/cuda/tile_kernels.h"
#include "runtime/tile/classify.h"
#include "runtime/tile/remote.h"
#include "tools/gpu_kit/mask_case.h"

namespace flexc::kit {
namespace {

Result<std::string> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(Error{ErrorKind::Usage, path + " cannot be read"});
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<std::shared_ptr<const runtime::TileKernelCode>> kernels_of(const std::string& kit) {
  runtime::TileKernelCode code;
  std::vector<std::byte>* const cubins[] = {&code.summaries, &code.verdicts, &code.pairs};
  for (std::size_t i = 0; i < runtime::kTileKernels.size(); ++i) {
    const auto text = read(kit + "/cubins/" + runtime::kTileKernels[i].name + ".cubin");
    if (!text) return std::unexpected(text.error());
    const auto bytes = std::as_bytes(std::span(*text));
    cubins[i]->assign(bytes.begin(), bytes.end());
  }
  return std::make_shared<const runtime::TileKernelCode>(std::move(code));
}

struct Timed {
  Result<BlockMask> mask;
  double milliseconds = 0;
};
template <class Build>
Timed timed(Build build) {
  const auto start = std::chrono::steady_clock::now();
  Timed result{build(), 0};
  result.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

Result<bool> run_mask(const runtime::CudaDriver& driver, const std::string& kit, const std::string& name) {
  const auto text = read(kit + "/masks/" + name + ".json");
  if (!text) return std::unexpected(text.error());
  const auto mask = mask_case_from_json(nlohmann::ordered_json::parse(*text, nullptr, false));
  if (!mask) return std::unexpected(mask.error());
  tile::Launch here = mask->launch, there = mask->launch;
  std::vector<std::string> on_host;
  std::vector<runtime::CudaAllocation> on_gpu;
  on_host.reserve(mask->captures.size());
  for (const CaseCapture& capture : mask->captures) {
    if (capture.file.empty()) {
      here.captures.emplace_back(), there.captures.emplace_back();
      continue;
    }
    auto raw = read(kit + "/" + capture.file);
    if (!raw) return std::unexpected(raw.error());
    on_host.push_back(std::move(*raw));
    auto copy = driver.allocate(on_host.back().size());
    if (!copy) return std::unexpected(copy.error());
    if (auto status = driver.copy_in(copy->address(), on_host.back().data(), on_host.back().size()); !status) return std::unexpected(status.error());
    here.captures.emplace_back(on_host.back().data(), capture.dtype, capture.shape);
    there.captures.emplace_back(reinterpret_cast<void*>(copy->address()), capture.dtype, capture.shape, std::vector<std::int64_t>{}, MemoryKind::Cuda);
    on_gpu.push_back(std::move(*copy));
  }
  const runtime::TileKernels kernels(driver, [&kit] { return kernels_of(kit); });
  bool all = true;
  for (const auto& [refine, word] : {std::pair(tile::Refine::None, "none"), std::pair(tile::Refine::Default, "default")}) {
    const tile::ClassifyOptions options{.refine = refine, .threads = 1};
    const Timed expected = timed([&] { return tile::classify(mask->program, here, mask->frame, options); });
    if (!expected.mask) return std::unexpected(expected.mask.error());
    // The first build on the GPU loads the kernels; the second is timed.
    Timed found{std::unexpected(Error{}), 0};
    for (int turn = 0; turn < 2; ++turn) {
      const auto device = kernels.device(nullptr);
      if (!device) return std::unexpected(device.error());
      tile::Remote remote(**device);
      there.remote = &remote;
      if (auto status = tile::check_launch(mask->program, there); !status) return std::unexpected(status.error());
      found = timed([&] { return tile::classify(mask->program, there, mask->frame, options); });
      if (!found.mask) return std::unexpected(found.mask.error());
    }
    const bool equal = found.mask->runs == expected.mask->runs && found.mask->row_begin == expected.mask->row_begin;
    const BlockMask::Counts counts = found.mask->counts();
    const nlohmann::ordered_json line = {{"mask", name},           {"ok", equal},         {"refine", word},
                                         {"empty", counts.empty},  {"partial", counts.partial}, {"full", counts.full},
                                         {"gpu_ms", found.milliseconds}, {"host_ms", expected.milliseconds}};
    std::cout << line.dump() << std::endl;
    all = all && equal;
  }
  return all;
}

}  // namespace flexc::kit
