// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  video_spatial (gallery)
//   form     def94b30832e30b68c26c6cf4b9ca2cf
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
    Word<i64> p0;  // i32
    Word<i64> p1;  // i32
    Word<i64> p2;  // i32
    Word<i64> v0;  // launch level
  };
  static_assert(sizeof(Params) == 10 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const i64 v0 = wrap_mul(params.p2.value, params.p1.value);
    params.v0.value = v0;
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
    bool v1;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v1 = row.q < params.p0.value;
    row.v1 = v1;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params& params, const Row& row, Position kv, const Table&, int) {
    const bool v2 = kv < params.p0.value;
    const bool v3 = row.v1 | v2;
    const i64 v4 = wrap_sub(row.q, kv);
    const i64 v5 = wrap_abs(v4);
    const bool v6 = v5 < params.v0.value;
    const bool v7 = v3 | v6;
    return v7;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
