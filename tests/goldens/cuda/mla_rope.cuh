// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  mla_rope (gallery)
//   form     6d6f3f6f965e5827f07fb72774c0e347
//   options  wide member, hooks interface 1
//   score    general
//   mask     none
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kGeneral;
  static constexpr bool kHasMask = false, kHasBand = false, kHasGradient = false;
  static constexpr int kBandIntervals = 1;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr bool kScoreIsLong = true;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<4> c0;  // f32[B, H, Q, n0]
    Capture<4> c1;  // f32[B, 1, KV, n0]
    Word<float> p0;  // f32
    Word<i64> n0;  // a size that the captures bring
  };
  static_assert(sizeof(Params) == 26 * sizeof(u64), "words without gaps");

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

  static constexpr LogitFactor kLogitFactor = LogitFactor::kConstant;
  template <class Table>
  FLEXC_HOOK static float logit2_element(const Params& params, const Row& row, Position kv, const Table&, int, float acc) {
    const float v0 = mul_rn(acc, params.scale);
    float v1 = 0.0f;
    for (i64 v2 = 0; v2 < params.n0.value; ++v2) {
      const float v3 = gather_f32(params.c0, row.head.b, row.head.h, row.q, v2);
      const float v4 = gather_f32(params.c1, row.head.b, 0ll, kv, v2);
      const float v5 = v3 * v4;
      v1 = v1 + v5;
    }
    const float v6 = params.p0.value * v1;
    const float v7 = v0 + v6;
    return v7;
  }

  FLEXC_HOOK static float logit2_factor(const Params&) { return kLog2E; }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table& table, int column, float acc) {
    return logit2_element(params, row, kv, table, column, acc) * logit2_factor(params);
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
