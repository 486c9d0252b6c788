#include <chrono>

#include "runtime/cuda/tile_kernels.h"
#include "runtime/tile/classify.h"
#include "runtime/tile/remote.h"
#include "runtime/cuda/forward_plan.h"
#include "runtime/cuda/mask_metadata.h"
#include "tools/gpu_kit/mask_case.h"
#include "tools/gpu_kit/verbs.h"

namespace flexc::kit {
namespace {

constexpr std::uint32_t kTile = 128;

Result<std::shared_ptr<const runtime::TileKernelCode>> kernels_of(const std::string& kit) {
  runtime::TileKernelCode code;
  std::vector<std::byte>* const cubins[] = {&code.summaries, &code.verdicts, &code.pairs};
  for (std::size_t i = 0; i < runtime::kTileKernels.size(); ++i) {
    const auto text = read_file(kit + "/cubins/" + runtime::kTileKernels[i].name + ".cubin");
    if (!text) return std::unexpected(text.error());
    const auto bytes = std::as_bytes(std::span(*text));
    cubins[i]->assign(bytes.begin(), bytes.end());
  }
  return std::make_shared<const runtime::TileKernelCode>(std::move(code));
}

/// Rows, runs of tiles and the order of the items, as a launch of the tile that reads block masks gets them.
Result<std::vector<std::uint32_t>> launch_words(const BlockMask& mask) {
  flexc_hopper_arguments arguments{};
  arguments.batch = static_cast<int>(mask.batches), arguments.heads = static_cast<int>(mask.heads);
  arguments.q_len = static_cast<int>(mask.q_len), arguments.kv_len = static_cast<int>(mask.kv_len);
  arguments.q_blocks = static_cast<unsigned>((mask.q_len + kTile - 1) / kTile);
  arguments.items = static_cast<unsigned>(mask.batches * mask.heads) * arguments.q_blocks;
  arguments.group_heads = static_cast<unsigned>(mask.heads);
  arguments.splits = 1, arguments.split_tiles = static_cast<unsigned>((mask.kv_len + kTile - 1) / kTile);
  const auto made = runtime::mask_metadata(mask, arguments, kTile, kTile);
  if (!made) return std::unexpected(made.error());
  return made->words;
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

Result<bool> run_mask(const std::string& kit, const std::string& name) {
  const auto opened = runtime::CudaDriver::open();
  if (!opened) return std::unexpected(opened.error());
  const runtime::CudaDriver& driver = *opened;
  const auto text = read_file(kit + "/masks/" + name + ".json");
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
    auto raw = read_file(kit + "/" + capture.file);
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
    // Bitwise: the mask, and what a launch makes of it, the order in which its items are visited included.
    const auto words = launch_words(*expected.mask), words_found = launch_words(*found.mask);
    if (!words || !words_found) return std::unexpected(!words ? words.error() : words_found.error());
    const bool equal = found.mask->runs == expected.mask->runs && found.mask->row_begin == expected.mask->row_begin && *words == *words_found;
    const BlockMask::Counts counts = found.mask->counts();
    const nlohmann::ordered_json line = {{"mask", name},           {"ok", equal},         {"refine", word},
                                         {"empty", counts.empty},  {"partial", counts.partial}, {"full", counts.full},
                                         {"gpu_ms", found.milliseconds}, {"host_ms", expected.milliseconds}};
    say(line);
    all = all && equal;
  }
  return all;
}

}  // namespace flexc::kit
