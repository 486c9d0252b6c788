// The engine's caches: what is compiled once, what another engine finds on disk, and what a broken disk costs.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "flexc/flexc.h"
#include "runtime/cache/disk_cache.h"

using namespace flexc;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  fs::path path;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "flexc-engine-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path); }
  std::size_t entries() const {
    std::size_t count = 0;
    for (const auto& file : fs::directory_iterator(path)) count += file.is_regular_file() ? 1 : 0;
    return count;
  }
};

Variant variant_of(std::string_view score, std::string_view mask) {
  auto variant = Variant::from_expressions(score, mask);
  REQUIRE(variant);
  return *variant;
}

std::shared_ptr<const Kernel> compile(Engine& engine, const Variant& variant, CompileOptions options = {}) {
  options.device = Device::cpu();
  auto kernel = engine.compile(variant, options);
  REQUIRE(kernel);
  return *kernel;
}

}  // namespace

TEST_CASE("a second engine finds on disk what the first one compiled", "[kernel_cache]") {
  const Scratch scratch;
  const Variant variant = variant_of("score * 2 + h", "q_idx >= kv_idx");
  Engine first({.cache_dir = scratch.path.string()});
  compile(first, variant);
  REQUIRE(scratch.entries() == 1);
  const auto written = fs::last_write_time(fs::directory_iterator(scratch.path)->path());
  Engine second({.cache_dir = scratch.path.string()});
  const auto kernel = compile(second, variant);
  CHECK((first.statistics().compilations == 1 && first.statistics().disk_hits == 0));
  CHECK((second.statistics().compilations == 0 && second.statistics().disk_hits == 1 && second.statistics().kernels_made == 1));
  CHECK(scratch.entries() == 1);
  CHECK(fs::last_write_time(fs::directory_iterator(scratch.path)->path()) >= written);  // a hit marks the entry as used
  CHECK(kernel->device().kind == Device::Kind::Cpu);
}

TEST_CASE("in memory one compilation gives one kernel, whoever asks", "[kernel_cache]") {
  const Scratch scratch;
  Engine engine({.cache_dir = scratch.path.string()});
  const Variant variant = variant_of("score + 3 * h", "");
  std::vector<std::shared_ptr<const Kernel>> kernels(16);
  std::vector<std::thread> threads;
  for (auto& kernel : kernels)
    threads.emplace_back([&engine, &variant, &kernel] {
      auto made = engine.compile(variant, {.device = Device::cpu()});
      if (made) kernel = *made;
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& kernel : kernels) CHECK(kernel == kernels.front());
  CHECK((engine.statistics().kernels_made == 1 && engine.statistics().compilations == 1));
  CHECK(kernels.front() != nullptr);
  CHECK(scratch.entries() == 1);
}

TEST_CASE("each part of a key alone makes another kernel", "[kernel_cache]") {
  const Scratch scratch;
  Engine engine({.cache_dir = scratch.path.string()});
  const Variant variant = variant_of("score + 1", "");
  const auto base = compile(engine, variant);
  CHECK(compile(engine, variant) == base);
  CHECK(compile(engine, variant, {.dtype = bf16}) != base);
  CHECK(compile(engine, variant, {.head_dim = 128}) != base);
  CHECK(compile(engine, variant, {.value_dim = 32}) != base);
  CHECK(scratch.entries() == 1);  // the machine code is the same for all of these
  CHECK(compile(engine, variant_of("score + 2", "")) != base);
  CHECK(scratch.entries() == 2);
  // Spelling is no part of it, but the names by which captures are bound are.
  CHECK(compile(engine, variant_of("score  +  1.0", "")) == base);
  const auto first = Variant::parse("tensor a: f32[H]\ndef score_mod(s, b, h, q, k):\n    return s + a[h]\n");
  const auto second = Variant::parse("tensor c: f32[H]\ndef score_mod(s, b, h, q, k):\n    return s + c[h]\n");
  REQUIRE((first && second));
  CHECK(compile(engine, *first) != compile(engine, *second));
  CHECK(scratch.entries() == 3);
}

TEST_CASE("lengths, batch, heads, params and captures cost no compilation", "[kernel_cache]") {
  const Scratch scratch;
  Engine engine({.cache_dir = scratch.path.string()});
  const auto variant = Variant::parse(
      "tensor slopes: f32[H]\nparam window: i32 = 4\n"
      "def score_mod(s, b, h, q, k):\n    return s + slopes[h] * (k - q)\n"
      "def mask_mod(b, h, q, k):\n    return (q >= k) & (q - k <= window)\n");
  REQUIRE(variant);
  const auto kernel = compile(engine, *variant, {.head_dim = 4});
  for (std::int64_t i = 0; i < 1000; ++i) {
    const std::int64_t batch = 1 + i % 3, heads = 1 + i % 4, q_len = i % 7, kv_len = i % 11;
    std::vector<float> q(static_cast<std::size_t>(batch * heads * q_len * 4)), k(static_cast<std::size_t>(batch * heads * kv_len * 4)), out(q.size()),
        slopes(static_cast<std::size_t>(heads), 0.25f * static_cast<float>(i));
    RunArguments arguments;
    arguments.q = TensorView(q.data(), f32, {batch, heads, q_len, 4});
    arguments.k = arguments.v = TensorView(k.data(), f32, {batch, heads, kv_len, 4});
    arguments.out = TensorView(out.data(), f32, {batch, heads, q_len, 4});
    arguments.captures.set("slopes", TensorView(slopes.data(), f32, {heads}));
    arguments.captures.set_param("window", static_cast<int>(i));
    arguments.threads = 1;
    REQUIRE(kernel->run(arguments));
    REQUIRE(compile(engine, *variant, {.head_dim = 4}) == kernel);
  }
  CHECK(scratch.entries() == 1);
  CHECK((engine.statistics().kernels_made == 1 && engine.statistics().compilations == 1));
}

TEST_CASE("without a usable directory kernels are made all the same, with one warning", "[kernel_cache]") {
  const Scratch scratch;
  fs::create_directory(scratch.path / "open");
  fs::permissions(scratch.path / "open", fs::perms::all);
  std::vector<std::string> warnings;
  Engine engine({.cache_dir = (scratch.path / "open").string(), .on_warning = [&](std::string_view text) { warnings.emplace_back(text); }});
  compile(engine, variant_of("score + 5", ""));
  compile(engine, variant_of("score + 6", ""));
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Catch::Contains("other users may write to it"));
  CHECK(fs::is_empty(scratch.path / "open"));
}

TEST_CASE("disk_cache = false touches no directory", "[kernel_cache]") {
  const Scratch scratch;
  Engine engine({.cache_dir = (scratch.path / "never").string(), .disk_cache = false});
  compile(engine, variant_of("score + 7", ""));
  CHECK_FALSE(fs::exists(scratch.path / "never"));
}

TEST_CASE("an object that was spoiled, with a digest that fits, is compiled anew", "[kernel_cache]") {
  const Scratch scratch;
  const Variant variant = variant_of("score + 8", "");
  {
    Engine engine({.cache_dir = scratch.path.string()});
    compile(engine, variant);
  }
  runtime::DiskCache disk({.directory = scratch.path.string()});
  const auto listed = disk.list(true);
  REQUIRE((listed && listed->size() == 1 && listed->front().entry));
  const std::string key = listed->front().entry->key;
  REQUIRE(disk.put(runtime::EntryKind::CpuObject, key, std::vector<std::byte>(100, std::byte{0x90})));
  Engine engine({.cache_dir = scratch.path.string()});
  compile(engine, variant);
  CHECK(disk.get(runtime::EntryKind::CpuObject, key)->size() > 100);
}
