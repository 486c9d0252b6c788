// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  topk_tiles (gallery)
//   form     20408d9e229a256eb03644b728563bd4
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
    Capture<4> c0;  // i32[B, H, n0, 4]
  };
  static_assert(sizeof(Params) == 15 * sizeof(u64), "words without gaps");

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
    i64 v1;
    i64 v2;
    i64 v3;
    i64 v4;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = shift_right(row.q, 6ll);
    const i64 v1 = gather_i32(params.c0, head.b, head.h, v0, 0ll);
    const i64 v2 = gather_i32(params.c0, head.b, head.h, v0, 1ll);
    const i64 v3 = gather_i32(params.c0, head.b, head.h, v0, 2ll);
    const i64 v4 = gather_i32(params.c0, head.b, head.h, v0, 3ll);
    row.v0 = v0;
    row.v1 = v1;
    row.v2 = v2;
    row.v3 = v3;
    row.v4 = v4;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v5 = min_i(row.q, 9223372036854775806ll);
    const i64 v6 = wrap_add(v5, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v6);
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v7 = shift_right(kv, 6ll);
    const bool v8 = row.v0 == v7;
    const bool v9 = row.v1 == v7;
    const bool v10 = v8 | v9;
    const bool v11 = row.v2 == v7;
    const bool v12 = v10 | v11;
    const bool v13 = row.v3 == v7;
    const bool v14 = v12 | v13;
    const bool v15 = row.v4 == v7;
    const bool v16 = v14 | v15;
    return v16;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
