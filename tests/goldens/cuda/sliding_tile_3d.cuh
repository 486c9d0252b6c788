// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  sliding_tile_3d (gallery)
//   form     4e98a102e6b533c09bf90a3ad8cdbee3
//   options  wide member, hooks interface 1
//   score    identity
//   mask     inside a band, pair by pair
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = true, kHasBand = true, kHasGradient = false;
  static constexpr int kBandIntervals = 1;
  static constexpr bool kBandBegins = false;
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
    i64 v4;
    i64 v5;
    i64 v10;
    i64 v9;
    i64 v14;
    i64 v13;
    bool v15;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = shift_right(row.q, 5ll);
    const i64 v1 = shift_right(v0, 2ll);
    const i64 v2 = max_i(v1, 1ll);
    const i64 v3 = min_i(v2, 2ll);
    const i64 v4 = wrap_sub(v3, 1ll);
    const i64 v5 = wrap_add(v3, 1ll);
    const i64 v6 = shift_right(v0, 1ll);
    const i64 v7 = v6 & 1ll;
    const i64 v8 = max_i(v7, 1ll);
    const i64 v9 = min_i(v8, 1ll);
    const i64 v10 = wrap_sub(v9, 1ll);
    const i64 v11 = v0 & 1ll;
    const i64 v12 = max_i(v11, 1ll);
    const i64 v13 = min_i(v12, 1ll);
    const i64 v14 = wrap_sub(v13, 1ll);
    const bool v15 = row.q < 512ll;
    row.v4 = v4;
    row.v5 = v5;
    row.v10 = v10;
    row.v9 = v9;
    row.v14 = v14;
    row.v13 = v13;
    row.v15 = v15;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) {
    return one_interval<Position>((-9223372036854775807ll - 1), 512ll);
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v16 = shift_right(kv, 5ll);
    const i64 v17 = shift_right(v16, 2ll);
    const bool v18 = v17 >= row.v4;
    const bool v19 = v17 <= row.v5;
    const bool v20 = v18 & v19;
    const i64 v21 = shift_right(v16, 1ll);
    const i64 v22 = v21 & 1ll;
    const bool v23 = v22 >= row.v10;
    const bool v24 = v22 <= row.v9;
    const bool v25 = v23 & v24;
    const bool v26 = v20 & v25;
    const i64 v27 = v16 & 1ll;
    const bool v28 = v27 >= row.v14;
    const bool v29 = v27 <= row.v13;
    const bool v30 = v28 & v29;
    const bool v31 = v26 & v30;
    const bool v32 = kv < 512ll;
    const bool v33 = row.v15 & v32;
    const bool v34 = !v33;
    const bool v35 = v31 | v34;
    return v35;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
