// The hooks of a member for positions in steps: rows and keys at offset + step * i, as a shard of a striped sequence has them.
//
// The kernel counts rows and keys one by one. Stepped<Hooks> stands between it and a variant's mods: at position x = offset + i of the kernel the mods see
// offset + step * i, and the bands that they answer become runs of the kernel's own positions again. So the loop, its tiles and its masks are those of any
// member; only what a mod computes from positions costs a multiplication.
#pragma once
#include "templates/hooks.cuh"
#include "templates/hopper/rows.cuh"

namespace flexc::device {

/// Tables of a tile without that of the differences q - kv, which are no entries one after the other where rows and keys have steps of their own.
template <class Table>
struct ColumnsAlone {
  const Table& table;
  FLEXC_DEVICE u32 word(int word, int column) const { return table.word(word, column); }
};

/// `kSmall`: all positions of a call are in [0, 2^30), so that a product of 32 bits each serves.
template <class Hooks, bool kSmall>
struct Stepped : Hooks {
  using Position = i64;
  using Head = typename Hooks::Head;
  using Row = typename Hooks::Row;
  static constexpr int kRelativeWords = 0;
  // Where there was a table of differences, each pair computes its words in place.
  static constexpr bool kScoreIsLong = device::kScoreIsLong<Hooks> || mods::kRelativeWords<Hooks> > 0;

  struct Params {
    typename Hooks::Params mods;
    // Of the call: what the mods see at the kernel's position x is origin + step * x, modulo 2^64.
    i64 q_origin, q_step, kv_origin, kv_offset;
    mods::Divisor kv_step;
  };

  FLEXC_DEVICE static Position position(i64 origin, i64 step, i64 x) {
    if constexpr (kSmall) return origin + static_cast<i64>(static_cast<i32>(step)) * static_cast<i32>(x);
    return static_cast<Position>(static_cast<u64>(origin) + static_cast<u64>(step) * static_cast<u64>(x));
  }
  /// What the mods see at a key of the kernel's.
  FLEXC_DEVICE static Position key(const Params& params, Position x) { return position(params.kv_origin, params.kv_step.divisor, x); }

  /// The kernel's position of the first key that is not before `limit`: a band's bound. Bounds may lie anywhere.
  FLEXC_DEVICE static Position bound(const Params& params, Position limit) {
    if (limit <= params.kv_offset) return params.kv_offset;
    // Without signs: the two may lie further apart than the largest integer.
    const u64 before = mods::quotient(static_cast<u64>(limit) - static_cast<u64>(params.kv_offset) - 1, params.kv_step);
    const Position x = static_cast<Position>(static_cast<u64>(params.kv_offset) + before + 1);
    constexpr Position kLast = 0x7fffffffffffffffll;
    return before >= static_cast<u64>(kLast) || x <= params.kv_offset ? kLast : x;
  }

  FLEXC_DEVICE static Head head(const Params& params, int batch, int query_head) { return Hooks::head(params.mods, batch, query_head); }
  FLEXC_DEVICE static Row q_side(const Params& params, const Head& head, Position x) {
    Position q = position(params.q_origin, params.q_step, x);
    // What affine scores read of it in each tile: multiplied out anew, it would be 14 instructions a tile.
    if constexpr (Hooks::kScoreClass == ScoreClass::kAffine) q = opaque_position(q);
    return Hooks::q_side(params.mods, head, q);
  }
  template <class Table>
  FLEXC_DEVICE static void kv_side(const Params& params, const Head& head, Position x, Table& table, int column) {
    Hooks::kv_side(params.mods, head, key(params, x), table, column);
  }

  FLEXC_DEVICE static Affine affine(const Params& params, const Row& row, Position x, Position step) {
    return Hooks::affine(params.mods, row, key(params, x), static_cast<Position>(static_cast<u64>(params.kv_step.divisor) * static_cast<u64>(step)));
  }
  template <class Table>
  FLEXC_DEVICE static float logit2(const Params& params, const Row& row, Position x, const Table& table, int column, float acc) {
    return Hooks::logit2(params.mods, row, key(params, x), ColumnsAlone<Table>{table}, column, acc);
  }
  template <class Table>
  FLEXC_DEVICE static float logit2_element(const Params& params, const Row& row, Position x, const Table& table, int column, float acc) {
    return Hooks::logit2_element(params.mods, row, key(params, x), ColumnsAlone<Table>{table}, column, acc);
  }
  FLEXC_DEVICE static float logit2_factor(const Params& params) { return Hooks::logit2_factor(params.mods); }

  FLEXC_DEVICE static mods::Band<Position> band(const Params& params, const Row& row) {
    const auto of_mods = Hooks::band(params.mods, row);
    return {bound(params, of_mods.lo0), bound(params, of_mods.hi0), bound(params, of_mods.lo1), bound(params, of_mods.hi1)};
  }
  template <class Table>
  FLEXC_DEVICE static bool keep(const Params& params, const Row& row, Position x, const Table& table, int column) {
    return Hooks::keep(params.mods, row, key(params, x), table, column);
  }
};

}  // namespace flexc::device
