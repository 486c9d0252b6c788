// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  attention_sinks (gallery)
//   form     3ed85000f43a9e482dbb7e3fe7bff743
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
  static constexpr bool kBandBegins = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Word<i64> p0;  // i32
    Word<i64> p1;  // i32
  };
  static_assert(sizeof(Params) == 8 * sizeof(u64), "words without gaps");

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
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params& params, const Row& row) {
    const i64 v0 = min_i(row.q, 9223372036854775806ll);
    const i64 v1 = wrap_add(v0, 1ll);
    const i64 v2 = wrap_sub(row.q, params.p1.value);
    const i64 v3 = wrap_add(row.q, -9223372036854775807ll);
    const bool v4 = v2 < v3;
    const i64 v5 = v4 ? (-9223372036854775807ll - 1) : v3;
    const i64 v6 = max_i(params.p0.value, v5);
    const i64 v7 = min_i(v1, v6);
    const i64 v8 = v4 ? v3 : 9223372036854775807ll;
    const i64 v9 = min_i(v1, v8);
    return two_intervals<Position>((-9223372036854775807ll - 1), v7, v2, v9);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
