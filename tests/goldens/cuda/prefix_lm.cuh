// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  prefix_lm (gallery)
//   form     f60ea419d5e3df00dc03fece68f54778
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
  static constexpr int kBandIntervals = 1;
  static constexpr bool kBandBegins = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Word<i64> p0;  // i32
  };
  static_assert(sizeof(Params) == 7 * sizeof(u64), "words without gaps");

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
    const i64 v2 = max_i(params.p0.value, v1);
    return one_interval<Position>((-9223372036854775807ll - 1), v2);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
