// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  natten_tiled (gallery)
//   form     c559a251d718b1c4cbc71e666b5fb530
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
  };
  static_assert(sizeof(Params) == 6 * sizeof(u64), "words without gaps");

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
    i64 v7;
    i64 v13;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = shift_right(row.q, 6ll);
    const i64 v1 = v0 & 3ll;
    const i64 v2 = wrap_mul(v1, 8ll);
    const i64 v3 = row.q & 63ll;
    const i64 v4 = v3 & 7ll;
    const i64 v5 = wrap_add(v2, v4);
    const i64 v6 = max_i(v5, 3ll);
    const i64 v7 = min_i(v6, 28ll);
    const i64 v8 = shift_right(v0, 2ll);
    const i64 v9 = wrap_mul(v8, 8ll);
    const i64 v10 = shift_right(v3, 3ll);
    const i64 v11 = wrap_add(v9, v10);
    const i64 v12 = max_i(v11, 3ll);
    const i64 v13 = min_i(v12, 28ll);
    row.v7 = v7;
    row.v13 = v13;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v14 = shift_right(kv, 6ll);
    const i64 v15 = v14 & 3ll;
    const i64 v16 = wrap_mul(v15, 8ll);
    const i64 v17 = kv & 63ll;
    const i64 v18 = v17 & 7ll;
    const i64 v19 = wrap_add(v16, v18);
    const i64 v20 = wrap_sub(row.v7, v19);
    const i64 v21 = wrap_abs(v20);
    const bool v22 = v21 <= 3ll;
    const i64 v23 = shift_right(v14, 2ll);
    const i64 v24 = wrap_mul(v23, 8ll);
    const i64 v25 = shift_right(v17, 3ll);
    const i64 v26 = wrap_add(v24, v25);
    const i64 v27 = wrap_sub(row.v13, v26);
    const i64 v28 = wrap_abs(v27);
    const bool v29 = v28 <= 3ll;
    const bool v30 = v22 & v29;
    return v30;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
