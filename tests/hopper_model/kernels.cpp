// The forward kernel's text, compiled for the model with mods written by hand.
#include <cmath>

#include "forward_problem.h"
#include "templates/hooks.cuh"
#include "templates/hopper/forward.cuh"

namespace hopper_model {
namespace {

using flexc::device::Element;
using flexc::mods::ScoreClass;

struct Noop {
  static constexpr int kInterface = flexc::mods::kHooksInterface;
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = false, kHasBand = false, kHasGradient = false, kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = int;
  struct Params {};
  struct Head {
    int b, h;
  };
  struct Row {
    int b, h, q;
  };
  static Head head(const Params&, int b, int h) { return {b, h}; }
  static Row q_side(const Params&, const Head& head, Position q) { return {head.b, head.h, q}; }
  template <class Table>
  static void kv_side(const Params&, const Head&, Position, Table&, int) {}

  static double score(double score, int, int, int, int) { return score; }
  static bool kept(int, int, int, int) { return true; }
};

struct Causal : Noop {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 1;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {-0x7fffffff - 1, row.q + 1, 0, 0}; }
  static bool kept(int, int, int q, int kv) { return q >= kv; }
};

// What each kernel is: a Config with the kernel's options, and the entry.
template <Element kElement, unsigned kM, unsigned kN, unsigned kD, class Hooks>
struct Member {
  struct Config : flexc::device::Tile<kElement, kM, kN, kD, kD, static_cast<unsigned>(Hooks::kColumnWords)> {
    static constexpr flexc::device::ForwardOptions kOptions{};
  };
  static void enter(flexc::model::Machine* machine, void* arguments) {
    flexc::model::machine = machine;
    const flexc_hopper_arguments copy = static_cast<const KernelArguments*>(arguments)->arguments;  // as a kernel gets them: by value
    flexc::device::forward<Config, Hooks>(copy, typename Hooks::Params{});
  }
  static ForwardKernel kernel(const char* name) {
    return {name, kElement, kM, kN, kD, kD, Config::kThreads, Config::kSharedBytes, &enter, Hooks::kHasBand, &Hooks::score, &Hooks::kept};
  }
};

}  // namespace

const std::vector<ForwardKernel>& forward_kernels() {
  static const std::vector<ForwardKernel> all = {
      Member<Element::kBf16, 192, 128, 64, Noop>::kernel("noop D64"),       Member<Element::kBf16, 192, 128, 64, Causal>::kernel("causal D64"),
      Member<Element::kBf16, 128, 128, 128, Causal>::kernel("causal D128"), Member<Element::kF16, 128, 128, 128, Causal>::kernel("causal D128 f16"),
      Member<Element::kBf16, 128, 176, 128, Noop>::kernel("noop D128"),     Member<Element::kBf16, 128, 64, 256, Causal>::kernel("causal D256"),
  };
  return all;
}

}  // namespace hopper_model
