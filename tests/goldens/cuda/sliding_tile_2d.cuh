// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  sliding_tile_2d (gallery)
//   form     9f8585ca1122f85dffd9b622173b435d
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
    i64 v9;
    i64 v10;
    bool v11;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = shift_right(row.q, 4ll);
    const i64 v1 = shift_right(v0, 3ll);
    const i64 v2 = max_i(v1, 1ll);
    const i64 v3 = min_i(v2, 6ll);
    const i64 v4 = wrap_sub(v3, 1ll);
    const i64 v5 = wrap_add(v3, 1ll);
    const i64 v6 = v0 & 7ll;
    const i64 v7 = max_i(v6, 1ll);
    const i64 v8 = min_i(v7, 6ll);
    const i64 v9 = wrap_sub(v8, 1ll);
    const i64 v10 = wrap_add(v8, 1ll);
    const bool v11 = row.q < 1024ll;
    row.v4 = v4;
    row.v5 = v5;
    row.v9 = v9;
    row.v10 = v10;
    row.v11 = v11;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) {
    return one_interval<Position>((-9223372036854775807ll - 1), 1024ll);
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v12 = shift_right(kv, 4ll);
    const i64 v13 = shift_right(v12, 3ll);
    const bool v14 = v13 >= row.v4;
    const bool v15 = v13 <= row.v5;
    const bool v16 = v14 & v15;
    const i64 v17 = v12 & 7ll;
    const bool v18 = v17 >= row.v9;
    const bool v19 = v17 <= row.v10;
    const bool v20 = v18 & v19;
    const bool v21 = v16 & v20;
    const bool v22 = kv < 1024ll;
    const bool v23 = row.v11 & v22;
    const bool v24 = !v23;
    const bool v25 = v21 | v24;
    return v25;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
