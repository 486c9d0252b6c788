// Random mods: the emitted CUDA, compiled for the host, against the oracle and against what the documented errors allow. The programs,
// data and scores of a seed are those of random_mods, which judges the CPU's code: together they say oracle = CPU = emitted CUDA.
// Usage: random_emitted LANGUAGE_MD [--count N] [--seed S] [--unit N] [--failures N] [--plant]
//   --count     mods; a program has two (default 2000)
//   --seed      of the first program (default FLEXC_SEED, or 1); program i takes seed + i; odd ones are narrow members
//   --unit      mods a translation unit (default 500)
//   --failures  stops after so many (default 5)
//   --plant     plants faults in the emitted code instead, one after another, and passes if each is noticed
// Exit 1 if something differs or is refused.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/ir/normal_form_of.h"
#include "tests/random_mods/emitted.h"
#include "tests/random_mods/faults.h"
#include "tests/random_mods/generator.h"

namespace {

using namespace random_mods;
using namespace flexc;
using compiler::Member;

constexpr int kShrinkTries = 150;  // each is a run of the C++ compiler
/// Of the floats that were judged by ranges, so many must have a range that says something: a tanh of the unit is less than that.
constexpr double kNarrowShare = 0.7;
constexpr std::size_t kMaxPlantedPrograms = 1000;

struct Options {
  std::string table;
  std::size_t count = 2000, unit = 500, failures = 5;
  std::uint64_t seed = 1;
  bool plant = false;
};

struct Batch {
  std::vector<std::uint64_t> seeds;
  std::vector<Program> programs;
  std::vector<dsl::NormalForm> forms;
};

Member member_of(std::uint64_t seed) { return seed % 2 ? Member::Narrow : Member::Wide; }

/// Empty, or how a program alone differs.
std::string difference_of(const std::string& text, Member member, std::uint64_t seed) {
  std::string error;
  const auto form = normal_form_of_text("random.flex", text, error);
  if (!form) return {};
  const std::vector<dsl::NormalForm> forms{*form};
  const auto mods = HostMods::compile(forms, nullptr, member, kQuickFlags);
  return mods ? judge_emitted(*form, mods->mods()[0], member, seed).difference : std::string();
}

std::string report(const Program& program, std::uint64_t seed, const std::string& what) {
  const Member member = member_of(seed);
  const Program small = shrink(program, [&](const Program& candidate) { return !difference_of(candidate.print(), member, seed).empty(); }, kShrinkTries);
  return fmt::format("seed {} ({} member): {}\nshrunk from {} to {} parts:\n{}{}\n", seed, member == Member::Narrow ? "narrow" : "wide", what, program.size(), small.size(),
                     small.print(), difference_of(small.print(), member, seed));
}

/// Programs of one member from `seed` on, until there are `count`; false where the front end refuses one.
bool fill(const Table& table, Member member, std::uint64_t first, std::uint64_t end, Batch& batch) {
  for (std::uint64_t seed = first; seed < end; ++seed) {
    if (member_of(seed) != member) continue;
    Program program = Generator(table, seed).program();
    std::string error;
    auto form = normal_form_of_text("random.flex", program.print(), error);
    if (!form) {
      fmt::print("seed {}: refused: {}\n{}\n", seed, error, program.print());
      return false;
    }
    batch.seeds.push_back(seed);
    batch.programs.push_back(std::move(program));
    batch.forms.push_back(std::move(*form));
  }
  return true;
}

int judge_all(const Options& options, const Table& table) {
  Comparison total;
  std::size_t failures = 0, units = 0;
  const std::uint64_t programs = (options.count + 1) / 2, end = options.seed + programs, step = std::max<std::uint64_t>(options.unit, 2);
  // A unit holds one member, so two units of step / 2 programs take turns over a stretch of `step` seeds.
  for (std::uint64_t first = options.seed; first < end && failures < options.failures; first += step) {
    for (const Member member : {Member::Wide, Member::Narrow}) {
      Batch batch;
      if (!fill(table, member, first, std::min(first + step, end), batch)) return 1;
      if (batch.forms.empty()) continue;
      const auto mods = HostMods::compile(batch.forms, nullptr, member, kQuickFlags);
      if (!mods) {
        fmt::print("seeds from {}: {}\n", first, mods.error().message);
        return 1;
      }
      ++units;
      for (std::size_t i = 0; i < batch.forms.size() && failures < options.failures; ++i) {
        const Comparison result = judge_emitted(batch.forms[i], mods->mods()[i], member, batch.seeds[i]);
        total.pairs += result.pairs, total.narrow_pairs += result.narrow_pairs, total.floats += result.floats, total.narrow += result.narrow;
        total.differences += result.differences;
        total.factored += result.factored;
        if (result.difference.empty()) continue;
        ++failures;
        fmt::print("{}\n", report(batch.programs[i], batch.seeds[i], result.difference));
        std::fflush(stdout);
      }
    }
  }
  const double share = total.floats ? static_cast<double>(total.narrow) / static_cast<double>(total.floats) : 1;
  fmt::print("emitted CUDA: {} mods from seed {} in {} translation units: {} pairs judged, {} of them on narrow members, {} differ; of {} floats outside of the strict cone "
             "{:.1f} % have narrow ranges; {} pairs read a table of differences, {} have a factor\n",
             2 * programs, options.seed, units, total.pairs, total.narrow_pairs, failures, total.floats, 100 * share, total.differences, total.factored);
  if (total.differences == 0) fmt::print("no table of differences was tested\n");
  if (total.factored == 0) fmt::print("no factor was tested\n");
  if (share < kNarrowShare) fmt::print("too many ranges say nothing\n");
  return failures == 0 && share >= kNarrowShare && total.differences > 0 && total.factored > 0 ? 0 : 1;
}

int judge_planted(const Options& options, const Table& table) {
  std::vector<int> unnoticed;
  for (int fault = 1; fault < kFaultCount; ++fault) unnoticed.push_back(fault);
  std::size_t programs = 0;
  for (std::uint64_t first = options.seed; programs < kMaxPlantedPrograms && !unnoticed.empty(); first += options.unit) {
    Batch batch;
    if (!fill(table, Member::Wide, first, first + options.unit, batch)) return 1;
    const auto mods = HostMods::compile(batch.forms, &plant_faults, Member::Wide, kQuickFlags);
    if (!mods) {
      fmt::print("{}\n", mods.error().message);
      return 1;
    }
    programs += batch.forms.size();
    auto* planted = static_cast<int*>(mods->symbol("flexc_planted_fault"));
    for (std::size_t i = 0; i < batch.forms.size(); ++i) {
      *planted = 0;
      if (const std::string wrong = judge_emitted(batch.forms[i], mods->mods()[i], Member::Wide, batch.seeds[i]).difference; !wrong.empty()) {
        fmt::print("seed {}: without a fault: {}\n", batch.seeds[i], wrong);
        return 1;
      }
      std::erase_if(unnoticed, [&](int fault) {
        if (mods->mods()[i].hooks.text.find(fault_call(fault)) == std::string::npos) return false;
        *planted = fault;
        const std::string difference = judge_emitted(batch.forms[i], mods->mods()[i], Member::Wide, batch.seeds[i]).difference;
        if (!difference.empty()) fmt::print("{}: seed {}: {}\n", fault_name(fault), batch.seeds[i], difference), std::fflush(stdout);
        return !difference.empty();
      });
    }
  }
  for (int fault : unnoticed) fmt::print("not noticed: {}\n", fault_name(fault));
  fmt::print("emitted CUDA: {} of {} planted faults noticed within {} programs\n", kFaultCount - 1 - unnoticed.size(), kFaultCount - 1, programs);
  return unnoticed.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const char* seed = std::getenv("FLEXC_SEED")) options.seed = std::strtoull(seed, nullptr, 10);
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto number = [&] { return std::strtoull(argv[++i], nullptr, 10); };
    if (option == "--plant") options.plant = true;
    else if (i + 1 < argc && option == "--count") options.count = number();
    else if (i + 1 < argc && option == "--seed") options.seed = number();
    else if (i + 1 < argc && option == "--unit") options.unit = number();
    else if (i + 1 < argc && option == "--failures") options.failures = number();
    else options.table = option;
  }
  std::string error;
  const auto table = read_table(options.table, error);
  if (!table) {
    fmt::print("{}\n", error);
    return 1;
  }
  return options.plant ? judge_planted(options, *table) : judge_all(options, *table);
}
