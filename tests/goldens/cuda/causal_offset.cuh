// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  causal_offset (gallery)
//   form     6615be45387683a88e1a315733d7593b
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
    Capture<1> c0;  // i32[B]
  };
  static_assert(sizeof(Params) == 9 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params&) {
  }
#endif

  struct Head {
    i64 b, h;
    i64 v0;
  };
  FLEXC_HOOK static Head head(const Params& params, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    const i64 v0 = gather_i32(params.c0, head.b);
    head.v0 = v0;
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

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v1 = wrap_add(row.q, row.head.v0);
    const i64 v2 = min_i(v1, 9223372036854775806ll);
    const i64 v3 = wrap_add(v2, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v3);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
