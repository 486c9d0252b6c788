// Mods written by hand, one for each path through the kernel that noop and causal do not take, with their meaning in f64 beside them.
#include <cmath>

#include "templates/hooks.cuh"
#include "templates/hopper/forward.cuh"
#include "tests/hopper_model/forward_problem.h"

namespace hopper_model {
namespace {

using flexc::device::Element;
using flexc::mods::ScoreClass;

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kScale = 0.125f;  // all kernels here have a head dimension of 64

struct Plain {
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

  static double score(double score, int, int, int, int) { return score; }
  static bool kept(int, int, int, int) { return true; }
};

// Affine: s + slope[h] (kv - q).
struct Alibi : Plain {
  static constexpr ScoreClass kScoreClass = ScoreClass::kAffine;
  static float slope(int h) { return std::ldexp(1.0f, -(h + 1)); }
  static flexc::mods::Affine affine(const Params&, const Row& row, Position base, Position step) {
    const float unit = slope(row.h) * kLog2E;
    return {kScale * kLog2E, unit * static_cast<float>(base - row.q), unit * static_cast<float>(step)};
  }
  template <class Table>
  static float logit2(const Params&, const Row& row, Position kv, const Table&, int, float acc) {
    return (acc * kScale + slope(row.h) * static_cast<float>(kv - row.q)) * kLog2E;
  }
  static double score(double score, int, int h, int q, int kv) { return score + slope(h) * static_cast<double>(kv - q); }
};

// Affine with a negative factor, which cannot be taken out: the general form has to serve.
struct Negated : Plain {
  static constexpr ScoreClass kScoreClass = ScoreClass::kAffine;
  static flexc::mods::Affine affine(const Params&, const Row&, Position, Position) { return {-kScale * kLog2E, 0.0f, 0.0f}; }
  template <class Table>
  static float logit2(const Params&, const Row&, Position, const Table&, int, float acc) {
    return -acc * kScale * kLog2E;
  }
  static double score(double score, int, int, int, int) { return -score; }
};

// General: softcap with a distance term.
struct Softcap : Plain {
  static constexpr ScoreClass kScoreClass = ScoreClass::kGeneral;
  template <class Table>
  static float logit2(const Params&, const Row& row, Position kv, const Table&, int, float acc) {
    return (2.0f * std::tanh(acc * kScale / 2.0f) + 0.01f * static_cast<float>(kv - row.q)) * kLog2E;
  }
  static double score(double score, int, int, int q, int kv) { return 2.0 * std::tanh(score / 2.0) + 0.01 * (kv - q); }
};

// A mask of pairs that reads a table of columns, which the idle warps fill: documents of 37 positions.
struct Document : Plain {
  static constexpr bool kHasMask = true, kMaskReadsColumns = true;
  static constexpr int kColumnWords = 2;
  template <class Table>
  static void kv_side(const Params&, const Head&, Position kv, Table& table, int column) {
    table.set(0, column, static_cast<unsigned>(kv / 37));
    table.set(1, column, static_cast<unsigned>(kv));
  }
  template <class Table>
  static bool keep(const Params&, const Row& row, Position kv, const Table& table, int column) {
    return table.word(0, column) == static_cast<unsigned>(row.q / 37) && table.word(1, column) == static_cast<unsigned>(kv);
  }
  static bool kept(int, int, int q, int kv) { return q / 37 == kv / 37; }
};

// Two intervals with a gap between: a prefix of 50 and a window of 30.
struct TwoIntervals : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 2;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {-100, 50, row.q - 30 > 50 ? row.q - 30 : 50, row.q + 1}; }
  static bool kept(int, int, int q, int kv) { return kv < 50 || (kv >= q - 30 && kv <= q); }
};

// Rows 64 to 191 keep nothing, the others a window far ahead, which may lie beyond the keys.
struct Hollow : Plain {
  static constexpr bool kHasBand = true;
  static bool empty(int q) { return q >= 64 && q < 192; }
  static flexc::mods::Band<Position> band(const Params&, const Row& row) {
    return empty(row.q) ? flexc::mods::Band<Position>{5, 5, 0, 0} : flexc::mods::Band<Position>{row.q + 100, row.q + 140, 0, 0};
  }
  static bool kept(int, int, int q, int kv) { return !empty(q) && kv >= q + 100 && kv < q + 140; }
};

// A band, and a mask of pairs for what it does not say.
struct BandAndMask : TwoIntervals {
  static constexpr bool kHasMask = true;
  template <class Table>
  static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    return (row.q + kv) % 3 != 0;
  }
  static bool kept(int b, int h, int q, int kv) { return TwoIntervals::kept(b, h, q, kv) && (q + kv) % 3 != 0; }
};

// A pattern without bands, of its own in each batch and head: tiles of all kinds, and 70 rows that keep nothing.
struct Scattered : Plain {
  static constexpr bool kHasMask = true;
  template <class Table>
  static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    return kept(row.b, row.h, row.q, kv);
  }
  static bool kept(int b, int h, int q, int kv) { return (q / 150 + kv / 70 + h + 2 * b) % 3 == 0 && !(q >= 140 && q < 210 + 90 * h); }
};

template <Element kElement, unsigned kM, unsigned kN, class Hooks>
struct Member {
  struct Config : flexc::device::Tile<kElement, kM, kN, 64, 64, static_cast<unsigned>(Hooks::kColumnWords)> {
    static constexpr flexc::device::ForwardOptions kOptions{};
  };
  static void enter(flexc::model::Machine* machine, void* arguments) {
    flexc::model::machine = machine;
    const flexc_hopper_arguments copy = static_cast<const KernelArguments*>(arguments)->arguments;
    flexc::device::forward<Config, Hooks>(copy, typename Hooks::Params{});
  }
  static ForwardKernel kernel(const char* name) {
    return {name, kElement, kM, kN, 64, 64, Config::kThreads, Config::kSharedBytes, &enter, Hooks::kHasBand, &Hooks::score, &Hooks::kept};
  }
};

}  // namespace

const std::vector<ForwardKernel>& forward_kernels() {
  static const std::vector<ForwardKernel> all = {
      Member<Element::kBf16, 128, 64, Alibi>::kernel("affine"),
      Member<Element::kBf16, 128, 64, Negated>::kernel("affine, negative factor"),
      Member<Element::kF16, 128, 80, Softcap>::kernel("general, f16"),
      Member<Element::kBf16, 192, 128, Document>::kernel("mask with a table"),
      Member<Element::kBf16, 128, 64, TwoIntervals>::kernel("two intervals"),
      Member<Element::kBf16, 128, 176, TwoIntervals>::kernel("two intervals, two words a row"),
      Member<Element::kBf16, 128, 64, Hollow>::kernel("empty rows"),
      Member<Element::kBf16, 128, 128, BandAndMask>::kernel("band and mask"),
      Member<Element::kBf16, 128, 64, Scattered>::kernel("scattered"),
  };
  return all;
}

}  // namespace hopper_model
