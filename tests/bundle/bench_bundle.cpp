// How long a host takes until a bundle's kernel has run: FLEXC_BENCH_BUNDLE=F.flexb bench_bundle [Google Benchmark's options]. The bundle has
// `causal` for f32 with head dim 64. Not part of the tests.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include <spawn.h>
#include <sys/wait.h>

#include "flexc/engine.h"
#include "flexc/io.h"

extern char** environ;

namespace {

using namespace flexc;

std::string bundle_path() {
  const char* const path = std::getenv("FLEXC_BENCH_BUNDLE");
  return path ? path : "";
}

/// A process that links flexc::runtime alone, from its start to its end: the loader, the bundle read and verified, the kernel, one small call.
void process(benchmark::State& state) {
  std::string program = FLEXC_BUNDLE_HOST, path = bundle_path(), variant = "causal";
  char* const arguments[] = {program.data(), path.data(), variant.data(), nullptr};
  for (auto _ : state) {
    pid_t child = 0;
    int status = 0;
    if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0 || ::waitpid(child, &status, 0) != child || status != 0) {
      state.SkipWithError("the host failed");
      return;
    }
  }
}
BENCHMARK(process)->UseRealTime()->Unit(benchmark::kMicrosecond)->Repetitions(15)->ReportAggregatesOnly();

/// The same without the process: an engine, the bundle read and verified, the kernel, one small call.
void load_and_run(benchmark::State& state) {
  Tensor x(f32, {1, 2, 16, 64}), out(f32, {1, 2, 16, 64});
  for (auto _ : state) {
    const auto bundle = Engine().load_bundle(bundle_path());
    const auto kernel = bundle ? bundle->kernel("causal", {.head_dim = 64}) : std::unexpected(bundle.error());
    if (!kernel || !(*kernel)->run({.q = x.view(), .k = x.view(), .v = x.view(), .out = out.view(), .threads = 1})) {
      state.SkipWithError("no kernel");
      return;
    }
  }
}
BENCHMARK(load_and_run)->UseRealTime()->Unit(benchmark::kMicrosecond)->Repetitions(15)->ReportAggregatesOnly();

}  // namespace

BENCHMARK_MAIN();
