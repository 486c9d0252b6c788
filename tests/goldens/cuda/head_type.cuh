// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  head_type (gallery)
//   form     97e9458f7786e7070ce59707e8e5e58d
//   options  wide member, hooks interface 1
//   score    identity
//   mask     a band
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = false, kHasBand = true, kHasGradient = false;
  static constexpr int kBandIntervals = 2;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // bool[H]
    Word<i64> p0;  // i32
  };
  static_assert(sizeof(Params) == 10 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params&) {
  }
#endif

  struct Head {
    i64 b, h;
    bool v0;
    i64 v1;
  };
  FLEXC_HOOK static Head head(const Params& params, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    const bool v0 = gather_bool(params.c0, head.h);
    const i64 v1 = v0 ? (-9223372036854775807ll - 1) : 0ll;
    head.v0 = v0;
    head.v1 = v1;
    return head;
  }

  struct Row {
    Head head;
    Position q;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params& params, const Row& row) {
    const i64 v2 = wrap_sub(row.q, params.p0.value);
    const i64 v3 = row.head.v0 ? v2 : (-9223372036854775807ll - 1);
    const i64 v4 = min_i(row.q, 9223372036854775806ll);
    const i64 v5 = wrap_add(v4, 1ll);
    const i64 v6 = wrap_add(row.q, -9223372036854775807ll);
    const bool v7 = v2 < v6;
    const i64 v8 = v7 ? v6 : 9223372036854775807ll;
    const i64 v9 = row.head.v0 ? v8 : 9223372036854775807ll;
    const i64 v10 = min_i(v5, v9);
    const i64 v11 = v7 ? (-9223372036854775807ll - 1) : v6;
    const i64 v12 = row.head.v0 ? v11 : 0ll;
    const i64 v13 = min_i(v5, v12);
    return two_intervals<Position>(v3, v10, row.head.v1, v13);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
