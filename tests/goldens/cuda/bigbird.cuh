// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  bigbird (gallery)
//   form     c81497f39a21b467b1953240bbc19164
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
    Capture<3> c0;  // i32[H, n0, 3]
  };
  static_assert(sizeof(Params) == 13 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params&) {
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
    i64 v0;
    bool v1;
    i64 v2;
    i64 v3;
    i64 v4;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = shift_right(row.q, 6ll);
    const bool v1 = v0 == 0ll;
    const i64 v2 = gather_i32(params.c0, head.h, v0, 0ll);
    const i64 v3 = gather_i32(params.c0, head.h, v0, 1ll);
    const i64 v4 = gather_i32(params.c0, head.h, v0, 2ll);
    row.v0 = v0;
    row.v1 = v1;
    row.v2 = v2;
    row.v3 = v3;
    row.v4 = v4;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v5 = shift_right(kv, 6ll);
    const i64 v6 = wrap_sub(row.v0, v5);
    const i64 v7 = wrap_abs(v6);
    const bool v8 = v7 <= 1ll;
    const bool v9 = v8 | row.v1;
    const bool v10 = v5 == 0ll;
    const bool v11 = v9 | v10;
    const bool v12 = row.v2 == v5;
    const bool v13 = v11 | v12;
    const bool v14 = row.v3 == v5;
    const bool v15 = v13 | v14;
    const bool v16 = row.v4 == v5;
    const bool v17 = v15 | v16;
    return v17;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
