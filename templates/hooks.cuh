// The mod interface between a kernel template and the code that flexc emits for a variant (docs/contracts.md). CUDA C++17 without
// standard headers; the same text compiles as host C++ for the host model and for the pointwise proofs.
//
// Emission writes one struct, flexc::mods::Hooks, and a kernel is a template over it. Everything in it is static and pure. What a variant
// does not have is a constant `false` or 0, so that `if constexpr` leaves nothing of it.
//
//   struct Hooks {
//     // What exists.
//     static constexpr int kInterface = kHooksInterface;
//     static constexpr ScoreClass kScoreClass = …;
//     static constexpr bool kHasMask = …;       // `keep` must be asked inside the band; false: the band alone decides
//     static constexpr bool kHasBand = …;       // false: `band` gives all positions
//     static constexpr int kBandIntervals = …;  // 1: the second interval is always empty; 2
//     static constexpr bool kBandBegins = false;  // only where the first interval never has a lower bound
//     static constexpr bool kHasGradient = …;   // `dlogit2` is defined
//     static constexpr bool kScoreReadsColumns = …, kMaskReadsColumns = …;  // logit2, keep read the table of columns
//     static constexpr bool kScoreIsLong = true;  // only where logit2 has loops (it reduces rows): a kernel unrolls it little
//     static constexpr LogitFactor kLogitFactor = …;  // only where logit2 is logit2_element · logit2_factor
//     static constexpr int kColumnWords = …;    // 32-bit words a column of that table; 0: there is no table
//     static constexpr int kRelativeWords = …;  // only where logit2 reads a table of differences: 32-bit words an entry
//     using Position = i64;             // of q, kv, and whatever a template computes from them; mods written by hand may have int
//
//     struct Params {…};  // a kernel argument (const __grid_constant__); its words are described below
//     struct Head {…};    // b, h, and what depends on them alone
//     struct Row {…};     // b, h, q, and what depends on them alone
//
//     static Head head(const Params&, int b, int h);                 // h is the query head
//     static Row q_side(const Params&, const Head&, Position q);     // once a row; with packed GQA each row has a Head of its own
//     template <class Table>                                         // once a column of a tile, if kColumnWords > 0
//     static void kv_side(const Params&, const Head&, Position kv, Table& table, int column);
//
//     template <class Table>                                         // once a difference q - kv of a tile, if there is kRelativeWords
//     static void relative(const Params&, const Head&, Position difference, Table& table, int entry);
//
//     static Affine affine(const Params&, const Row&, Position kv_base, Position kv_step);  // kAffine only
//     template <class Table>                                         // kGeneral, and the careful path of kAffine
//     static float logit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
//     template <class Table>                                         // both only if there is kLogitFactor
//     static float logit2_element(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
//     static float logit2_factor(const Params&);
//     template <class Table>
//     static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
//     static Band<Position> band(const Params&, const Row&);
//     template <class Table>
//     static bool keep(const Params&, const Row&, Position kv, const Table& table, int column);
//   };
//
// **Scores.** `acc` is the bare product q·k. Identity: logit2 = acc · params.scale_log2e, and nothing is called. Affine: logit2 of the
// column at kv_base + kv_step·i is acc · factor + row + slope · i; `row` is never dropped, it belongs into the row's maximum; where one
// of the three (or a sum of them) is not finite, the template calls logit2 for that row. General: logit2. Its result is in the log2
// domain; a removed pair's may be anything, NaN too, and must not reach the output. The host folds the scale only where it is positive
// and finite; logit2 applies params.scale itself, in that order, wherever the sign could matter. Where there is kLogitFactor, logit2 is the
// rounded product of logit2_element and logit2_factor, which all pairs of a launch share: a template may keep elements, and leave the factor
// to what reads them. It may be negative, 0, infinite or NaN; only a positive and finite one keeps the order of elements.
//
// **Masks.** A pair is kept if its kv lies in one of the band's two half-open intervals and `keep` holds. The intervals are disjoint and
// in order; an empty one has lo >= hi; their bounds may lie outside of the sequence. Pairs beyond the sequence are the template's.
//
// **The table of columns** holds what depends on (b, h, kv) and took a gather, 32-bit words as [word][column]. A template brings it as
// any type with `u32 word(int word, int column) const`, and for filling `void set(int word, int column, u32 bits)`, so that it decides
// how shared memory is addressed. `column` is the template's own number; emitted code passes it through. ColumnTable is the plain form.
//
// **The table of differences** holds what depends on (b, h, q - kv) and takes more than reading it: a tile of M rows and N columns meets M + N - 1
// differences. `relative` computes the words of one, by the operations of the mod at q = difference, kv = 0: bit for bit what they give at each pair of
// that difference, at any positions, because differences of 64-bit positions wrap. A template brings a table whose type has `u32 relative(int word,
// int column) const`, for the row that it asks about, and for filling `void set(int word, int entry, u32 bits)`. It may also bring none: where the type has
// no `relative`, emitted code computes the words in place (relative_word).
//
// **Params** are 64-bit words in this order: batch, heads, kv_heads, q_total, kv_total · scale_log2e and scale (one word, two f32) · each
// capture: pointer, sizes, strides (elements) · each param (an integer, or an f32 in the low half) · each fresh dim · launch-level
// values, one word each · a Divisor (three words) for each launch-level value that divides. The host fills them all (a compiled variant
// lists them, compiler/emit/cuda); device code computes nothing of the launch level.
#pragma once

#if defined(__CUDACC__)
#define FLEXC_HOOK __device__ __forceinline__
#define FLEXC_UNROLL _Pragma("unroll")
#else
#define FLEXC_HOOK inline
#define FLEXC_UNROLL
#endif

/// Kernels live in flexc::device, and see all of this there; where a name exists in both, their own is meant.
namespace flexc::mods {}
namespace flexc::device {
using namespace mods;
}

namespace flexc::mods {

using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

/// Raised by every change to what is above.
constexpr int kHooksInterface = 1;

enum class ScoreClass { kIdentity = 0, kAffine = 1, kGeneral = 2 };

/// Whether logit2 is a product with a factor that all pairs share: a constant, or what a launch brings.
enum class LogitFactor { kNone = 0, kConstant = 1, kLaunch = 2 };

/// logit2 of column i is acc · factor + row + slope · i.
struct Affine {
  float factor, row, slope;
};

/// The kv positions of a row outside of which nothing is kept: [lo0, hi0) and [lo1, hi1).
template <class Position>
struct Band {
  Position lo0, hi0, lo1, hi1;
};

/// A band without bounds, for variants that have none.
template <class Position>
FLEXC_HOOK Band<Position> whole_band() {
  constexpr Position kLowest = sizeof(Position) == 8 ? Position(-0x7fffffffffffffffll - 1) : Position(-0x7fffffff - 1);
  return {kLowest, Position(~kLowest), 0, 0};
}

template <class Position>
FLEXC_HOOK Band<Position> one_interval(i64 lo, i64 hi) {
  return {static_cast<Position>(lo), static_cast<Position>(hi), 0, 0};
}
/// In any order, and they may overlap.
template <class Position>
FLEXC_HOOK Band<Position> two_intervals(i64 lo0, i64 hi0, i64 lo1, i64 hi1) {
  const bool in_order = lo0 <= lo1;
  const i64 first_lo = in_order ? lo0 : lo1, first_hi = in_order ? hi0 : hi1, second_lo = in_order ? lo1 : lo0, second_hi = in_order ? hi1 : hi0;
  return {static_cast<Position>(first_lo), static_cast<Position>(first_hi), static_cast<Position>(second_lo > first_hi ? second_lo : first_hi), static_cast<Position>(second_hi)};
}

struct Problem {
  i64 batch, heads, kv_heads, q_total, kv_total;
};

template <int kRank>
struct Capture {
  const void* data;
  i64 sizes[kRank], strides[kRank];
};
template <>
struct Capture<0> {
  const void* data;
};

/// A value in a 64-bit word of Params.
template <class T>
struct alignas(8) Word {
  T value;
};

/// A table of columns, or of differences, in plain memory.
struct ColumnTable {
  u32* words;
  int stride;  // columns
  FLEXC_HOOK u32 word(int word, int column) const { return words[word * stride + column]; }
  FLEXC_HOOK void set(int word, int column, u32 bits) { words[word * stride + column] = bits; }
};

/// Words of an entry of the table of differences, 0 where a variant has none.
template <class Hooks, class = void>
struct RelativeWords {
  static constexpr int kCount = 0;
};
template <class Hooks>
struct RelativeWords<Hooks, decltype(void(Hooks::kRelativeWords))> {
  static constexpr int kCount = Hooks::kRelativeWords;
};
template <class Hooks>
constexpr int kRelativeWords = RelativeWords<Hooks>::kCount;

template <class Hooks, class = void>
struct LogitFactorOf {
  static constexpr LogitFactor kKind = LogitFactor::kNone;
};
template <class Hooks>
struct LogitFactorOf<Hooks, decltype(void(Hooks::kLogitFactor))> {
  static constexpr LogitFactor kKind = Hooks::kLogitFactor;
};
template <class Hooks>
constexpr LogitFactor kLogitFactor = LogitFactorOf<Hooks>::kKind;

template <class T>
FLEXC_HOOK const T& any_value();  // for unevaluated operands
template <class Table, class = void>
struct HasDifferences {
  static constexpr bool kValue = false;
};
template <class Table>
struct HasDifferences<Table, decltype(void(any_value<Table>().relative(0, 0)))> {
  static constexpr bool kValue = true;
};

/// The words of one difference.
template <int kWords>
struct DifferenceWords {
  u32 words[kWords];
  FLEXC_HOOK void set(int word, int, u32 bits) { words[word] = bits; }
};

/// What emitted code reads of the table of differences for a pair: from the template's table, or computed here where it has none.
template <class Hooks, class Table>
FLEXC_HOOK u32 relative_word(const typename Hooks::Params& params, const typename Hooks::Row& row, typename Hooks::Position kv, const Table& table, int word, int column) {
  if constexpr (HasDifferences<Table>::kValue) {
    return table.relative(word, column);
  } else {
    using Position = typename Hooks::Position;
    DifferenceWords<kRelativeWords<Hooks>> all{};
    Hooks::relative(params, row.head, static_cast<Position>(static_cast<u64>(row.q) - static_cast<u64>(kv)), all, 0);
    return all.words[word];
  }
}

/// Mask bits of a row's chunk of columns: bit i says whether column `column_of(i)` is kept, for i < kCount <= 32. The band is not asked.
template <class Hooks, int kCount, class Table, class ColumnOf>
FLEXC_HOOK u32 keep_bits(const typename Hooks::Params& params, const typename Hooks::Row& row, typename Hooks::Position kv_base,
                         typename Hooks::Position kv_step, const Table& table, ColumnOf column_of) {
  static_assert(kCount <= 32, "a word has 32 bits");
  u32 bits = 0;
  FLEXC_UNROLL
  for (int i = 0; i < kCount; ++i) {
    const int column = column_of(i);
    const typename Hooks::Position kv = static_cast<typename Hooks::Position>(kv_base + kv_step * column);
    bits |= static_cast<u32>(Hooks::keep(params, row, kv, table, column)) << i;
  }
  return bits;
}

}  // namespace flexc::mods

#include "templates/hooks_math.cuh"
