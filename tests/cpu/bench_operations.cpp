// Times what a score costs besides the two products, each operation by itself on rows that stay in L1:  bench_operations [ROUNDS]
// The kernel's own loops (maximum, exponential and sum; the affine class) and the row functions of compiled mods. Printed for each instruction set
// in the time of a multiply-add of as many lanes, from the peak measured beside each round: the unit of tools/bench_suite.py, where a score takes
// head_dim of them for each product. Median of the rounds, and quartiles.
#include "templates/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/cpu/bench_operations.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "templates/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// A row of S through the loops of a full tile.
inline void plain_row(float* s, float* sums, bool affine) {
  static const RowPanels panels = [] {
    RowPanels all;
    all.full_runs[0] = {0, kMaxPanels};
    all.full_run_count = 1;
    return all;
  }();
  static const KeepWords keep{};
  const float top = affine ? finish_scores<true>(s, panels, keep, {1.0f, 0.001f, 0.0f}) : finish_scores<false>(s, panels, keep, {});
  sums[kPanel] = top;
}
inline void maximum(float* s, float* sums) { plain_row(s, sums, false); }
inline void affine(float* s, float* sums) { plain_row(s, sums, true); }
/// Weights again and again: 2^(s - 0.5) of what lies between 0.7 and 1 stays there.
inline void weigh(float* s, float* sums) {
  const Run run{0, kMaxPanels};
  constexpr float kFactor = 1, kShift = 0.5f, kAlpha = 0.5f;
  exponentials(s, 0, 1, &run, 1, &kFactor, &kShift, &kAlpha, sums);
}

struct Loops {
  const char* name;
  void (*maximum)(float* s, float* sums);
  void (*affine)(float* s, float* sums);
  void (*weigh)(float* s, float* sums);
};
inline Loops loops() { return {hwy::TargetName(HWY_TARGET), maximum, affine, weigh}; }

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "compiler/stages.h"
#include "runtime/loader/row_object.h"
#include "tests/ir/normal_form_of.h"
#include "tools/machine/peak.h"

using namespace flexc;

namespace {

constexpr int kRepeats = 4000;

struct Operation {
  std::string name;
  std::function<void()> run;
  std::vector<double> costs;
};

struct Memory {
  alignas(64) float s[cpu::kMaxTile];
  alignas(64) float sums[2 * cpu::kPanel];
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_operations: %s\n", what.c_str());
  std::exit(2);
}

runtime::RowObject compiled(const char* text, runtime::CpuLevel level) {
  std::string error;
  const auto form = normal_form_of_text("operation.flex", text, error);
  if (!form) fail(error);
  const auto code = compiler::compile_row_member(*form, compiler::Member::Narrow, level);
  if (!code) fail(code.error().message);
  auto object = runtime::RowObject::load(code->object);
  if (!object) fail(object.error().message);
  return std::move(*object);
}

double quantile(const std::vector<double>& sorted, double share) { return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)]; }

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 31;
  Memory memory;
  const auto fill = [&] { std::fill(std::begin(memory.s), std::end(memory.s), 0.8f); };
  std::vector<Operation> operations;
  const auto supported = hwy::SupportedTargets();
  const auto add_loops = [&](const cpu::N_AVX2::Loops& loops) {
    const std::string name = loops.name;
    operations.push_back({name + " maximum", [&memory, loops] { loops.maximum(memory.s, memory.sums); }, {}});
    operations.push_back({name + " maximum of affine scores", [&memory, loops] { loops.affine(memory.s, memory.sums); }, {}});
    operations.push_back({name + " exponential and sum", [&memory, loops] { loops.weigh(memory.s, memory.sums); }, {}});
  };
  if (supported & HWY_AVX3) {
    const auto wide = cpu::N_AVX3::loops();
    add_loops({wide.name, wide.maximum, wide.affine, wide.weigh});
  }
  if (supported & HWY_AVX2) add_loops(cpu::N_AVX2::loops());

  const char* const texts[][2] = {{"a copy of the score", "def score_mod(score, b, h, q_idx, kv_idx):\n    return where(kv_idx < 0, 0.0, score)\n"},
                                  {"20 tanh(score / 20)", "def score_mod(score, b, h, q_idx, kv_idx):\n    return 20.0 * tanh(score / 20.0)\n"}};
  std::vector<runtime::RowObject> objects;
  objects.reserve(4);
  flexc_row_launch launch{};
  launch.problem = {1, 1, 1, cpu::kMaxTile, cpu::kMaxTile};
  launch.scale = 1;
  const flexc_row_levels levels{};  // these mods have none
  const flexc_row_segment segment{0, 0, 0, 0, 1, cpu::kMaxTile};
  for (const auto& [name, text] : texts)
    for (const auto& [level, level_name] : {std::pair(runtime::CpuLevel::X86_64_v4, "AVX3"), std::pair(runtime::CpuLevel::X86_64_v3, "AVX2")}) {
      if (level == runtime::CpuLevel::X86_64_v4 && !(supported & HWY_AVX3)) continue;
      objects.push_back(compiled(text, level));
      const flexc_row_module& module = objects.back().module();
      if (!module.score_row) fail("a mod that has no row function");
      operations.push_back({std::string(level_name) + " " + name, [&memory, &module, &launch, &levels, &segment] { module.score_row(&launch, &levels, &segment, memory.s); }, {}});
    }

  for (int round = 0; round < rounds; ++round)
    for (Operation& operation : operations) {
      fill();
      const double before = machine::measure_peak(0.002);
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kRepeats; ++i) operation.run();
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const double peak = std::max(before, machine::measure_peak(0.002));
      operation.costs.push_back(seconds / kRepeats / cpu::kMaxTile * peak * 1e9 / 2);
    }
  for (Operation& operation : operations) {
    std::sort(operation.costs.begin(), operation.costs.end());
    std::printf("%-36s %6.2f multiply-adds a score (quartiles %.2f, %.2f)\n", operation.name.c_str(), quantile(operation.costs, 0.5), quantile(operation.costs, 0.25),
                quantile(operation.costs, 0.75));
  }
}
#endif
