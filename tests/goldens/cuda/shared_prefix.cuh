// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  shared_prefix (gallery)
//   form     dff200d4695de118e615132ac03f8172
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
    Word<i64> p0;  // i32
    Word<i64> p1;  // i32
    Divisor d0;  // launch level
  };
  static_assert(sizeof(Params) == 11 * sizeof(u64), "words without gaps");

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
    i64 v1;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = wrap_sub(row.q, params.p0.value);
    const i64 v1 = floor_div(v0, params.d0);
    row.v1 = v1;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v2 = min_i(row.q, 9223372036854775806ll);
    const i64 v3 = wrap_add(v2, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v3);
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params& params, const Row& row, Position kv, const Table&, int) {
    const bool v4 = kv < params.p0.value;
    const i64 v5 = wrap_sub(kv, params.p0.value);
    const i64 v6 = floor_div(v5, params.d0);
    const bool v7 = row.v1 == v6;
    const bool v8 = v4 | v7;
    return v8;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
