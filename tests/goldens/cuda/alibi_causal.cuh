// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  alibi_causal (gallery)
//   form     06b215889f4a20b189ccdc9320fc919d
//   options  wide member, hooks interface 1
//   score    affine
//   mask     a band
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kAffine;
  static constexpr bool kHasMask = false, kHasBand = true, kHasGradient = false;
  static constexpr int kBandIntervals = 1;
  static constexpr bool kBandBegins = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // f32[H]
  };
  static_assert(sizeof(Params) == 9 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params&) {
  }
#endif

  struct Head {
    i64 b, h;
    float v0;
  };
  FLEXC_HOOK static Head head(const Params& params, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    const float v0 = gather_f32(params.c0, head.h);
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

  FLEXC_HOOK static Affine affine(const Params& params, const Row& row, Position kv_base, Position kv_step) {
    const i64 v1 = wrap_sub(kv_base, row.q);
    const float v2 = int_to_float(v1);
    const float v3 = v2 * row.head.v0;
    const float v4 = int_to_float(kv_step);
    const float v5 = v4 * row.head.v0;
    return {params.scale_log2e, v3 * kLog2E, v5 * kLog2E};
  }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table&, int, float acc) {
    const float v6 = mul_rn(acc, params.scale);
    const i64 v7 = wrap_sub(kv, row.q);
    const float v8 = int_to_float(v7);
    const float v9 = row.head.v0 * v8;
    const float v10 = v6 + v9;
    return v10 * kLog2E;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v11 = min_i(row.q, 9223372036854775806ll);
    const i64 v12 = wrap_add(v11, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v12);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
