// RELIABILITY 17: falsifies a kernel call by call, and counts how many of the mutants the model notices. A mutant is noticed if some run of it ends
// with a report or gives other bits than the right kernel. Every survivor has to have an explanation below; the exit status is 1 where one has none,
// or where fewer than nine in ten are noticed.
//   hopper_mutants NAME [-v]     a kernel of mutant_kernels.cpp and a call of it, see below; -v prints each mutant
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "forward_problem.h"

using namespace hopper_model;
using model::Change;

namespace {

struct Subject {
  const char* name;
  const char* kernel;
  int q_len, kv_len;  // so that one CTA does several items of several tiles: every ring goes round, every buffer is used again, and items begin at any place of a ring
  bool block_mask;
  int split = 1;
};
constexpr Subject kSubjects[] = {
    {"causal D128", "causal D128", 400, 300, false},
    {"block mask D64", "block mask D64", 300, 340, true},
    {"alibi D64", "alibi D64", 590, 300, false},
    {"causal D256", "causal D256", 300, 190, false},
    {"lazy D128", "lazy D128", 400, 300, false},
    // Parts of the keys: with a block mask, and where Q is let go of by one thread a warpgroup.
    {"split D64", "block mask D64", 300, 800, true, 2},
    {"split D256", "causal D256", 200, 400, false, 2},
    {"plain D64", "plain D64", 100, 150, false},
};

struct Explanation {
  const char* kernel;  // "": any
  const char* site;
  Change change;
  const char* why;
};
constexpr const char* kOnePanel = "with 64 columns V has one panel, and the leading offset, from panel to panel, is not used";
constexpr const char* kNoStores = "parts are not stored by TMA, so there is nothing to wait for";
constexpr Explanation kExplanations[] = {
    {"", "q_descriptor", Change::LeadingPlus, "PTX does not use the leading offset of a K-major operand with a swizzle"},
    {"", "q_descriptor", Change::LeadingMinus, "PTX does not use the leading offset of a K-major operand with a swizzle"},
    {"", "k_descriptor", Change::LeadingPlus, "PTX does not use the leading offset of a K-major operand with a swizzle"},
    {"", "k_descriptor", Change::LeadingMinus, "PTX does not use the leading offset of a K-major operand with a swizzle"},
    {"", "raise_registers", Change::Drop, "how many registers the code needs is ptxas's knowledge: the static gates compare it with the share"},
    {"", "raise_registers", Change::RegistersMinus8,
     "how many registers the code needs is ptxas's knowledge: the static gates compare it with the share"},
    {"", "lower_registers", Change::RegistersMinus8,
     "how many registers the code needs is ptxas's knowledge: the static gates compare it with the share"},
    {"", "pv_fence", Change::Drop, "qk_fence, which follows the last writes of P and of the output, covers them too"},
    {"", "take_turn", Change::Drop, "the turns are for speed: who is not made to wait computes the same"},
    {"", "limit_lo0", Change::LimitMinus, "causal rows begin at key 0, and no limit is below that"},
    {"block mask D64", "v_descriptor", Change::LeadingPlus, kOnePanel},
    {"block mask D64", "v_descriptor", Change::LeadingMinus, kOnePanel},
    {"split D64", "v_descriptor", Change::LeadingPlus, kOnePanel},
    {"split D64", "v_descriptor", Change::LeadingMinus, kOnePanel},
    {"alibi D64", "v_descriptor", Change::LeadingPlus, kOnePanel},
    {"alibi D64", "v_descriptor", Change::LeadingMinus, kOnePanel},
    {"block mask D64", "item_read", Change::Drop, "tile_read, which follows before Q is let go of, orders a warp's reads of the item too"},
    {"split D64", "item_read", Change::Drop, "tile_read, which follows before Q is let go of, orders a warp's reads of the item too"},
    {"split D64", "store_done", Change::Drop, kNoStores},
    {"split D256", "store_done", Change::Drop, kNoStores},
    {"split D256", "item_read", Change::Drop, "here Q is let go of after the warpgroup's barrier, which orders a warp's reads of the item too"},
    {"causal D256", "item_read", Change::Drop, "here Q is let go of after the output's barriers, which order a warp's reads of the item too"},
    {"causal D256", "store_free", Change::Drop,
     "here the output takes Q's place, and each warp has itself waited for its warpgroup's last product with Q, which in the model ends for all four "
     "at once"},
};

const char* explanation(const std::string& kernel, const std::string& site, Change change) {
  for (const Explanation& each : kExplanations) {
    if (each.change == change && site == each.site && (*each.kernel == '\0' || kernel == each.kernel)) return each.why;
  }
  return nullptr;
}

constexpr model::Policy kPolicies[] = {model::Policy::Latest, model::Policy::Earliest, model::Policy::Random};
constexpr uint64_t kSeeds = 3;

}  // namespace

int main(int argc, char** argv) {
  const bool verbose = argc > 2 && std::strcmp(argv[2], "-v") == 0;
  const Subject* const subject =
      argc > 1 ? std::ranges::find_if(kSubjects, [&](const Subject& each) { return std::strcmp(each.name, argv[1]) == 0; }) : std::end(kSubjects);
  if (subject == std::end(kSubjects)) {
    std::printf("which kernel?\n");
    for (const Subject& each : kSubjects) std::printf("  %s\n", each.name);
    return 2;
  }
  ForwardProblem problem(forward_kernel(subject->kernel), 1, 1, 1, subject->q_len, subject->kv_len);
  const flexc::BlockMask mask = subject->block_mask ? problem.exact_mask(128, 128) : flexc::BlockMask{};
  problem.set_split(subject->split);
  if (subject->block_mask) problem.set_mask(&mask);
  model::LaunchOptions options;
  options.record_sites = true;
  const auto right = problem.run(options);
  if (!right.reports.empty() || !problem.judge().empty()) {
    std::printf("the kernel itself fails: %s\n", right.reports.empty() ? problem.judge().c_str() : right.reports[0].text.c_str());
    return 1;
  }
  const auto out = problem.out();
  const auto lse = problem.lse();
  // A mutant that goes round in circles is noticed by the steps it takes.
  options.record_sites = false;
  options.most_steps = 20 * right.steps;

  unsigned total = 0, detected = 0, explained = 0, unexplained = 0;
  for (const auto& site : right.sites) {
    for (Change change : model::changes_of(site.kind)) {
      ++total;
      std::string how;
      options.mutation = {site.name, change};
      for (uint64_t seed = 0; seed < kSeeds && how.empty(); ++seed) {
        for (model::Policy policy : kPolicies) {
          options.seed = seed;
          options.policy = policy;
          const auto result = problem.run(options);
          if (!result.reports.empty()) {
            how = std::string(model::fault_name(result.reports[0].fault)) + ": " + result.reports[0].text;
          } else if (std::memcmp(problem.out().data(), out.data(), out.size() * sizeof(out[0])) != 0 ||
                     std::memcmp(problem.lse().data(), lse.data(), lse.size() * sizeof(lse[0])) != 0) {
            how = "another result";
          }
          if (!how.empty()) break;
        }
      }
      const char* why = how.empty() ? explanation(subject->name, site.name, change) : nullptr;
      how.empty() ? ++(why != nullptr ? explained : unexplained) : ++detected;
      if (verbose || (how.empty() && why == nullptr)) {
        std::printf("%-11s %s, %s: %s\n",
                    !how.empty()     ? "detected"
                    : why != nullptr ? "explained"
                                     : "UNEXPLAINED",
                    site.name.c_str(), model::change_name(change),
                    !how.empty()     ? how.substr(0, 160).c_str()
                    : why != nullptr ? why
                                     : "no run noticed");
      }
    }
  }
  std::printf("mutants of %s: total %u, detected %u (%.1f %%), explained %u, unexplained %u\n", subject->name, total, detected,
              100.0 * detected / total, explained, unexplained);
  return unexplained == 0 && detected * 10 >= total * 9 ? 0 : 1;
}
