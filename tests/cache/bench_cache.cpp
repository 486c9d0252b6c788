// How long a hit takes, in memory and on disk: bench_cache [Google Benchmark's options]. Not part of the tests.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "flexc/flexc.h"
#include "flexc/gallery.h"

namespace {

using namespace flexc;

Variant alibi() {
  const GalleryEntry* const entry = find_gallery_entry("alibi");
  return *Variant::parse(entry->text, {.name = "alibi"});
}

/// A directory that goes with the process.
const std::string& directory() {
  static const struct Directory {
    std::string path = (std::filesystem::temp_directory_path() / "flexc-bench-XXXXXX").string();
    Directory() {
      if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Directory() { std::filesystem::remove_all(path); }
  } kept;
  return kept.path;
}

const CompileOptions kOptions{.head_dim = 64, .device = Device::cpu()};

void memory_hit(benchmark::State& state) {
  const Variant variant = alibi();
  Engine engine({.cache_dir = directory()});
  if (!engine.compile(variant, kOptions)) state.SkipWithError("no CPU kernel");
  for (auto _ : state) benchmark::DoNotOptimize(engine.compile(variant, kOptions));
}
BENCHMARK(memory_hit)->Repetitions(15)->ReportAggregatesOnly();

/// A fresh engine each time: the directory is opened, the compiler's files are identified, the entry is read, verified and mapped.
void disk_hit(benchmark::State& state) {
  const Variant variant = alibi();
  if (Engine engine({.cache_dir = directory()}); !engine.compile(variant, kOptions)) state.SkipWithError("no CPU kernel");
  for (auto _ : state) {
    Engine engine({.cache_dir = directory()});
    benchmark::DoNotOptimize(engine.compile(variant, kOptions));
  }
}
BENCHMARK(disk_hit)->Repetitions(15)->ReportAggregatesOnly();

}  // namespace

BENCHMARK_MAIN();
