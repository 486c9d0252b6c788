// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  distance_bias (gallery)
//   form     6383655fe19cec6297ab5d064b261fd6
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
    Capture<2> c0;  // f32[KV, 3]
    Word<float> p0;  // f32
  };
  static_assert(sizeof(Params) == 12 * sizeof(u64), "words without gaps");

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
    for (i64 v2 = 0; v2 < 3ll; ++v2) {
      const float v3 = gather_f32(params.c0, row.q, v2);
      const float v4 = gather_f32(params.c0, kv, v2);
      const float v5 = v3 - v4;
      const float v6 = v5 * v5;
      v1 = v1 + v6;
    }
    const float v7 = sqrt_unit(v1);
    const float v8 = params.p0.value * v7;
    const float v9 = v0 - v8;
    return v9;
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
