// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  video_temporal (gallery)
//   form     b1c903b2abf68152d39578fc5d718339
//   options  wide member, hooks interface 1
//   score    identity
//   mask     pair by pair
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = true, kHasBand = false, kHasGradient = false;
  static constexpr int kBandIntervals = 1;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Word<i64> p0;  // i32
    Word<i64> p1;  // i32
    Word<i64> p2;  // i32
    Divisor d0;  // launch level
  };
  static_assert(sizeof(Params) == 12 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    params.d0 = make_divisor(params.p1.value);
  }
#endif

  struct Head {
    i64 b, h;
  };
  FLEXC_HOOK static Head head(const Params&, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    return head;
  }

  struct Row {
    Head head;
    Position q;
    bool v0;
    i64 v2;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v0 = row.q < params.p0.value;
    const i64 v1 = wrap_sub(row.q, params.p0.value);
    const i64 v2 = floor_mod(v1, params.d0);
    row.v0 = v0;
    row.v2 = v2;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params& params, const Row& row, Position kv, const Table&, int) {
    const bool v3 = kv < params.p0.value;
    const bool v4 = row.v0 | v3;
    const i64 v5 = wrap_sub(kv, params.p0.value);
    const i64 v6 = floor_mod(v5, params.d0);
    const i64 v7 = wrap_sub(row.v2, v6);
    const i64 v8 = wrap_abs(v7);
    const bool v9 = v8 < params.p2.value;
    const bool v10 = v4 | v9;
    return v10;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
