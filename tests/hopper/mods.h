// Mods written by hand, one for each path through the kernel, with their meaning in f64 beside them; and kernels made of them.
#pragma once
#include <cmath>

#include "templates/hooks.cuh"
#include "templates/hopper/forward.cuh"
#include "tests/hopper_model/forward_problem.h"

namespace hopper_model {

using flexc::device::Element;
using flexc::mods::ScoreClass;

inline constexpr float kLog2E = 1.4426950408889634f;
inline constexpr float kScale = 0.125f;  // all kernels with a score_mod have a head dimension of 64

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

struct Causal : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 1;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {-0x7fffffff - 1, row.q + 1, 0, 0}; }
  static bool kept(int, int, int q, int kv) { return q >= kv; }
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

// General: what depends on the difference of the positions comes from a table of differences, which the idle warps fill; beside it stands one of columns.
// Word 0 of an entry is a bias, word 1 the difference itself, which each pair compares with its own; the score stage unrolled, or in turn.
template <bool kIsLong>
struct Relative : Softcap {
  static constexpr int kColumnWords = 1, kRelativeWords = 2;
  static constexpr bool kScoreReadsColumns = true, kScoreIsLong = kIsLong;
  static float bias(int difference) { return 0.25f * static_cast<float>((difference % 7 + 7) % 7) - 0.01f * static_cast<float>(difference < 0 ? -difference : difference); }
  template <class Table>
  static void kv_side(const Params&, const Head&, Position kv, Table& table, int column) {
    table.set(0, column, static_cast<unsigned>(kv));
  }
  template <class Table>
  static void relative(const Params&, const Head& head, Position difference, Table& table, int entry) {
    table.set(0, entry, flexc::mods::bits_of(bias(difference) * static_cast<float>(head.h + 1)));
    table.set(1, entry, static_cast<unsigned>(difference));
  }
  template <class Table>
  static float logit2(const Params&, const Row& row, Position kv, const Table& table, int column, float acc) {
    // Rows and columns beyond the end repeat others or are removed: their score may be anything.
    const bool is_right = static_cast<int>(table.relative(1, column)) == row.q - kv && table.word(0, column) == static_cast<unsigned>(kv);
    return (acc * kScale + (is_right ? flexc::mods::float_of(table.relative(0, column)) : 1000.0f)) * kLog2E;
  }
  static double score(double score, int, int h, int q, int kv) { return score + static_cast<double>(bias(q - kv)) * (h + 1); }
};

// Two intervals with a gap between: a prefix of 50 and a window of 30.
struct TwoIntervals : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 2;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {-100, 50, row.q - 30 > 50 ? row.q - 30 : 50, row.q + 1}; }
  static bool kept(int, int, int q, int kv) { return kv < 50 || (kv >= q - 30 && kv <= q); }
};

// Of even rows the second interval alone has keys, before all that the others keep: their first one is empty, or lies before the first key.
struct SecondAlone : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 2;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) {
    if (row.q % 2 == 1) return {130, 140, 150, 160};
    return row.q % 4 == 0 ? flexc::mods::Band<Position>{0, 0, 0, 10} : flexc::mods::Band<Position>{-40, -20, 3, 9};
  }
  static bool kept(int, int, int q, int kv) { return q % 2 == 1 ? (kv >= 130 && kv < 140) || (kv >= 150 && kv < 160) : q % 4 == 0 ? kv < 10 : kv >= 3 && kv < 9; }
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

// A window that begins, for most rows of a tile, behind the item's first tile of keys: as a band, and as a mask of pairs, for which all tiles are visited.
struct Window : Plain {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 1;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {2 * row.q - 40, 2 * row.q + 200, 0, 0}; }
  static bool kept(int, int, int q, int kv) { return kv >= 2 * q - 40 && kv < 2 * q + 200; }
};
struct WindowAsMask : Plain {
  static constexpr bool kHasMask = true;
  template <class Table>
  static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    return Window::kept(0, 0, row.q, kv);
  }
  static bool kept(int b, int h, int q, int kv) { return Window::kept(b, h, q, kv); }
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

// A kernel: a tile, options, mods.
struct Exact {
  static constexpr flexc::device::ForwardOptions kOptions{};
};
struct Lazy {
  static constexpr flexc::device::ForwardOptions kOptions{flexc::device::Pin::kStore, true, true};
};
template <Element kElement, unsigned kM, unsigned kN, class Hooks, unsigned kD = 64, class Options = Exact>
struct Member {
  struct Config : flexc::device::Tile<kElement, kM, kN, kD, kD, static_cast<unsigned>(Hooks::kColumnWords), static_cast<unsigned>(flexc::mods::kRelativeWords<Hooks>)>, Options {};
  static void enter(flexc::model::Machine* machine, void* arguments) {
    flexc::model::machine = machine;
    const flexc_hopper_arguments copy = static_cast<const KernelArguments*>(arguments)->arguments;  // as a kernel gets them: by value
    flexc::device::forward<Config, Hooks>(copy, typename Hooks::Params{});
  }
  static ForwardKernel kernel(const char* name) {
    return {name, kElement, kM, kN, kD, kD, Config::kThreads, Config::kSharedBytes, &enter, Hooks::kHasBand, &Hooks::score, &Hooks::kept};
  }
};

}  // namespace hopper_model
