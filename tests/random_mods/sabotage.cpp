// The proof that random mods notice a wrong back end: the right compiled code, judged by each wrong evaluator of
// dsl/evaluate/sabotage.def that single pairs can show. Each must differ somewhere, and a failure must shrink to a few parts.
// Usage: random_mods_sabotaged LANGUAGE_MD
#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "dsl/evaluate/sabotage.h"
#include "tests/random_mods/generator.h"
#include "tests/random_mods/judge.h"

namespace {
flexc::dsl::Sabotage chosen = flexc::dsl::Sabotage::None;
}

bool flexc::dsl::sabotaged(Sabotage what) { return what == chosen; }

namespace {

using namespace random_mods;
using flexc::dsl::Sabotage;

constexpr std::size_t kMaxPrograms = 2000;
constexpr std::uint64_t kFirstSeed = 70000;
constexpr int kShrinkTries = 600;
constexpr std::size_t kShrunkParts = 40;
/// So many are shrunk, and only from programs that are not so large as to take long.
constexpr std::size_t kShrunk = 6, kMaxParts = 150;

#define FLEXC_SABOTAGE_CASE(name) #name,
constexpr const char* kNames[] = {
    "",
#include "dsl/evaluate/sabotage.def"
};
#undef FLEXC_SABOTAGE_CASE

/// Whether single pairs can show it: the others are wrong in softmax and its outputs, or where `score` is no f32.
bool is_pointwise(Sabotage what) { return what <= Sabotage::DotFused && what != Sabotage::ScoreNotRoundedForBool; }

std::string difference_under(Sabotage what, const Compiled& compiled, std::uint64_t seed) {
  chosen = what;
  std::string difference = judge(compiled, seed).difference;
  chosen = Sabotage::None;
  return difference;
}

}  // namespace

int main(int argc, char** argv) {
  std::string error;
  const auto table = read_table(argc > 1 ? argv[1] : "", error);
  if (!table) {
    fmt::print("{}\n", error);
    return 1;
  }
  std::vector<Sabotage> unnoticed;
  for (int i = 1; i < static_cast<int>(Sabotage::Count); ++i)
    if (is_pointwise(static_cast<Sabotage>(i))) unnoticed.push_back(static_cast<Sabotage>(i));
  const std::size_t all = unnoticed.size();
  bool shrunk_well = true;
  std::size_t programs = 0, shrunk = 0;
  for (; programs < kMaxPrograms && !unnoticed.empty(); ++programs) {
    const std::uint64_t seed = kFirstSeed + programs;
    const Program program = Generator(*table, seed).program();
    Refusal refusal;
    const auto compiled = compile(program.print(), Beside::Nothing, refusal);
    if (!compiled || !difference_under(Sabotage::None, *compiled, seed).empty()) {
      fmt::print("seed {}: the right evaluator differs, or the program is refused: {}\n", seed,
                 refusal.message + (compiled ? judge(*compiled, seed).difference : ""));
      return 1;
    }
    std::erase_if(unnoticed, [&](Sabotage what) {
      if (difference_under(what, *compiled, seed).empty()) return false;
      fmt::print("{}: seed {}\n", kNames[static_cast<int>(what)], seed);
      if (shrunk == kShrunk || program.size() > kMaxParts) return true;
      ++shrunk;
      const auto fails = [&](const Program& candidate) {
        Refusal other;
        const auto again = compile(candidate.print(), Beside::Nothing, other);
        return again && difference_under(Sabotage::None, *again, seed).empty() && !difference_under(what, *again, seed).empty();
      };
      const Program small = shrink(program, fails, kShrinkTries);
      shrunk_well = shrunk_well && small.size() <= kShrunkParts && fails(small);
      fmt::print("{}: seed {}, shrunk from {} to {} parts:\n{}\n", kNames[static_cast<int>(what)], seed, program.size(), small.size(), small.print());
      return true;
    });
  }
  for (Sabotage what : unnoticed) fmt::print("not noticed: {}\n", kNames[static_cast<int>(what)]);
  fmt::print("{} of {} wrong evaluators noticed within {} programs; {} shrunk, each to at most {} parts: {}\n", all - unnoticed.size(), all, programs,
             shrunk, kShrunkParts, shrunk_well ? "yes" : "no");
  return unnoticed.empty() && shrunk_well && shrunk > 0 ? 0 : 1;
}
