// Block masks of captures in a GPU's memory, through the stand-in driver with the kernels' text on the host model: the host's masks, the captures stay where they
// are, a launch takes such a mask, and a driver that fails leaves an error and nothing else. No GPU is involved.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "flexc/cuda_memory.h"
#include "flexc/flexc.h"
#include "flexc/io.h"
#include "flexc/random.h"
#include "tests/cuda/fake/loaded_fake.h"
#include "tests/cuda/launched_variant.h"
#include "tests/tile/model_device.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t kLength = 1500, kDocuments = 40;

/// A score that reads captures too, and a mask that reads them at positions, at a batch, and not at all.
constexpr const char* kDocument = R"(
tensor slopes: f32[H]
tensor doc: i32[B, Q]
tensor length: i64[B]
tensor table: f32[n, m]
param period: i64 = 5
def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)
def mask_mod(b, h, q_idx, kv_idx):
    same = (doc[b, q_idx] == doc[b, kv_idx]) and (kv_idx < length[b])
    return same or (table[q_idx // 100, kv_idx // 70] > 0.5)
)";

EngineOptions uncached() {
  EngineOptions options;
  options.disk_cache = false;
  return options;
}

/// The captures of the variant on the host and on "the GPU".
struct Documents {
  Tensor slopes{f32, {2}}, doc{i32, {2, kLength}}, length{i64, {2}}, table{f32, {16, 24}};
  CudaTensor there[4];
  Captures host, gpu;

  static constexpr const char* kNames[] = {"slopes", "doc", "length", "table"};

  explicit Documents(bool sorted) {
    fill_normal(slopes.view(), 1, "slopes");
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t i = 0; i < kLength; ++i) {
        const std::int64_t id = i * kDocuments / kLength;
        static_cast<std::int32_t*>(doc.view().data)[b * kLength + i] = static_cast<std::int32_t>(sorted ? id : id * 17 % kDocuments);
      }
    static_cast<std::int64_t*>(length.view().data)[0] = kLength, static_cast<std::int64_t*>(length.view().data)[1] = 700;
    for (int i = 0; i < 16 * 24; ++i) static_cast<float*>(table.view().data)[i] = i % 24 > 20 && i / 24 < 3 ? 1.0f : 0.0f;
  }
  Result<void> copy(const CudaMemory& memory) {
    const Tensor* const all[] = {&slopes, &doc, &length, &table};
    for (int i = 0; i < 4; ++i) {
      auto copied = memory.copy_of(all[i]->view());
      if (!copied) return std::unexpected(copied.error());
      there[i] = std::move(*copied);
      host.set(kNames[i], all[i]->view()), gpu.set(kNames[i], there[i].view());
    }
    return {};
  }
};

MaskShape shape_of(MaskShape::Refine refine) {
  return {.batch = 2, .heads = 2, .q_len = kLength, .kv_len = kLength, .block_q = 128, .block_kv = 64, .refine = refine};
}

void run_on_the_model() {
  fake().entry("flexc_tile_summaries", reinterpret_cast<void*>(&tile::enter_summaries));
  fake().entry("flexc_tile_verdicts", reinterpret_cast<void*>(&tile::enter_verdicts));
  fake().entry("flexc_tile_pairs", reinterpret_cast<void*>(&tile::enter_pairs));
}

/// The kernels of block masks are compiled once for all tests. Nobody ends it: the stand-in driver would be gone before.
Engine& engine() {
  static Engine* const one = new Engine(uncached());
  return *one;
}

Result<std::shared_ptr<const Kernel>> kernel_of(const char* text) {
  auto kernel = engine().compile(*Variant::parse(text), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  if (!kernel) return std::unexpected(kernel.error().error);
  return *kernel;
}

/// A kernel, the GPU's memory, and a document mask's captures in it.
struct Setting {
  Result<std::shared_ptr<const Kernel>> kernel = kernel_of(kDocument);
  Result<CudaMemory> memory = CudaMemory::open();
  Documents documents;

  explicit Setting(bool sorted) : documents(sorted) {
    REQUIRE(kernel.has_value());
    REQUIRE(memory.has_value());
    REQUIRE(documents.copy(*memory).has_value());
  }
};

}  // namespace

TEST_CASE("a mask of captures on the GPU is the host's, and the captures stay there") {
  if (!has_nvrtc()) return;
  fake().reset();
  const auto kernel = kernel_of(kDocument);
  INFO((kernel ? "" : kernel.error().message));
  REQUIRE(kernel.has_value());
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  int masks = 0;
  std::size_t copied = 0, captured = 0;
  for (const bool sorted : {true, false})
    for (const auto refine : {MaskShape::Refine::None, MaskShape::Refine::Default, MaskShape::Refine::Exact}) {
      Documents documents(sorted);
      REQUIRE(documents.copy(*memory).has_value());
      MaskReport expected_report, report;
      const auto expected = (*kernel)->block_mask(shape_of(refine), documents.host, &expected_report);
      REQUIRE(expected.has_value());
      fake().reset();
      run_on_the_model();
      const auto found = (*kernel)->block_mask(shape_of(refine), documents.gpu, &report);
      INFO((found ? "" : found.error().message) << fake().violations());
      REQUIRE(found.has_value());
      CHECK(fake().violations() == "");
      CHECK(found->runs == expected->runs);
      CHECK(found->row_begin == expected->row_begin);
      CHECK(found->counts() == expected->counts());
      CHECK(expected->counts().partial > 0);
      CHECK(expected->counts().full > 0);
      CHECK(report.method == expected_report.method);
      CHECK(report.kept_pairs == expected_report.kept_pairs);
      CHECK(report.source == "built");
      CHECK(found->origin == std::array<std::uint64_t, 2>{});
      // Of all captures at most the page around an element that no position changes.
      for (const CudaTensor& tensor : documents.there) {
        const auto bytes = static_cast<std::size_t>(tensor.view().element_count()) * size_of(tensor.view().dtype);
        copied += fake().copied_out(tensor.view().data, bytes), captured += bytes;
      }
      CHECK(fake().copied_out(documents.there[1].view().data, static_cast<std::size_t>(2 * kLength) * 4) == 0);
      CHECK(fake().copied_out(documents.there[3].view().data, 16 * 24 * 4) == 0);
      CHECK(count_of(fake().calls(), "cuLaunchKernel") > 4);
      ++masks;
    }
  WARN("masks through the stand-in driver: " << masks << ", 0 differ; " << copied << " of " << captured << " bytes copied back");
  CHECK(copied < 200);
  fake().reset();
}

TEST_CASE("a launch takes a mask of captures on the GPU") {
  if (!has_nvrtc()) return;
  fake().reset();
  Setting setting(true);
  auto& [kernel, memory, documents] = setting;
  run_on_the_model();
  const auto mask = (*kernel)->block_mask(shape_of(MaskShape::Refine::None), documents.gpu);
  REQUIRE(mask.has_value());
  const auto q = memory->allocate(bf16, {2, 2, kLength, 64}), k = memory->allocate(bf16, {2, 2, kLength, 64}), out = memory->allocate(bf16, {2, 2, kLength, 64});
  REQUIRE((q.has_value() && k.has_value() && out.has_value()));
  RunArguments call{.q = q->view(), .k = k->view(), .v = k->view(), .out = out->view()};
  call.captures = documents.gpu;
  call.mask = &*mask;
  fake().reset();
  const auto status = (*kernel)->run(call, fake().stream());
  INFO((status ? "" : status.error().message));
  CHECK(status.has_value());
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 2);  // the second is the careful path's
  CHECK(fake().violations() == "");
  fake().reset();
}

TEST_CASE("what a mask of captures on the GPU takes, and what it does not") {
  if (!has_nvrtc()) return;
  fake().reset();
  Setting setting(true);
  auto& [kernel, memory, documents] = setting;
  const auto refusal = [&](const MaskShape& shape, const Captures& captures) {
    const auto found = (*kernel)->block_mask(shape, captures);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().kind == ErrorKind::Input);
    return found.error().message;
  };
  Captures mixed = documents.gpu;
  mixed.set("doc", documents.doc.view());
  CHECK_THAT(refusal(shape_of(MaskShape::Refine::None), mixed), Contains("`doc` is in host memory"));
  MaskShape explained = shape_of(MaskShape::Refine::None);
  explained.explain = true;
  CHECK_THAT(refusal(explained, documents.gpu), Contains("host memory"));
  Captures shifted = documents.gpu;
  TensorView view = documents.there[3].view();
  view.data = static_cast<char*>(view.data) + 2;
  shifted.set("table", view);
  CHECK_THAT(refusal(shape_of(MaskShape::Refine::None), shifted), Contains("multiple"));

  // A mask that reads none of the captures that are there is the host's work.
  const auto plain = kernel_of(kWindow);
  REQUIRE(plain.has_value());
  Captures slopes;
  slopes.set("slopes", documents.there[0].view());
  fake().reset();
  const auto found = (*plain)->block_mask({.batch = 1, .heads = 2, .q_len = 300, .kv_len = 300}, slopes);
  REQUIRE(found.has_value());
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 0);
  CHECK(found->counts().empty > 0);

  // No queries, no keys: nothing to ask the device.
  MaskShape none = shape_of(MaskShape::Refine::Default);
  none.kv_len = 0, none.kv_total = kLength;
  const auto nothing = (*kernel)->block_mask(none, documents.gpu);
  INFO((nothing ? "" : nothing.error().message));
  REQUIRE(nothing.has_value());
  CHECK(nothing->runs.empty());
  fake().reset();
}

TEST_CASE("the kernels of block masks are kept on disk, and made again where an entry is none of theirs") {
  if (!has_nvrtc()) return;
  fake().reset();
  std::string folder = "/tmp/flexc-device-masks-XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  Documents documents(true);
  REQUIRE(documents.copy(*memory).has_value());
  const auto counted = [&] {
    EngineOptions options;
    options.cache_dir = folder;
    Engine one(options);
    const auto kernel = one.compile(*Variant::parse(kDocument), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
    REQUIRE(kernel.has_value());
    run_on_the_model();
    for (int i = 0; i < 2; ++i) REQUIRE((*kernel)->block_mask(shape_of(MaskShape::Refine::None), documents.gpu).has_value());
    return one.statistics();
  };
  const EngineStatistics first = counted(), second = counted();
  CHECK(first.compilations == 3);  // the attention kernel, its careful path, and those of masks
  CHECK(first.disk_hits == 0);
  CHECK(second.compilations == 0);
  CHECK(second.disk_hits == 3);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
  CHECK(counted().compilations == 3);
  CHECK(fake().violations() == "");
  std::filesystem::remove_all(folder);
  fake().reset();
}

TEST_CASE("a driver that fails while a mask is built gives an error, and leaks nothing") {
  if (!has_nvrtc()) return;
  fake().reset();
  Setting setting(false);
  auto& [kernel, memory, documents] = setting;
  const MaskShape shape = shape_of(MaskShape::Refine::Default);
  fake().reset();
  run_on_the_model();
  REQUIRE((*kernel)->block_mask(shape, documents.gpu).has_value());
  const std::string held = fake().held(), calls = fake().calls();
  int tried = 0;
  for (const char* function : {"cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuStreamSynchronize", "cuMemcpyDtoH_v2"}) {
    const int made = count_of(calls, function);
    INFO(function << ", called " << made << " times");
    CHECK(made > 2);
    // The first ones, some in between, and the last.
    for (int number = 1; number <= made; number += number < 6 ? 1 : std::max(1, (made - number) / 3)) {
      fake().reset();
      run_on_the_model();
      fake().fail(function, number, number % 2 == 0 ? 719 : 2);
      const auto found = (*kernel)->block_mask(shape, documents.gpu);
      ++tried;
      REQUIRE_FALSE(found.has_value());
      CHECK(found.error().kind == (number % 2 == 0 ? ErrorKind::Internal : ErrorKind::Environment));
      const std::string name(function);
      CHECK_THAT(found.error().message, Contains(name.substr(0, name.find("_v2"))));
      CHECK(fake().violations() == "");
      CHECK(fake().held() == held);
    }
  }
  fake().reset();
  run_on_the_model();
  REQUIRE((*kernel)->block_mask(shape, documents.gpu).has_value());
  WARN("mask building, driver failures: " << tried << " calls, each gives an error and leaks nothing");
  fake().reset();
}
