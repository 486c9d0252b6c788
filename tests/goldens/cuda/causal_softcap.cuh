// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  causal_softcap (gallery)
//   form     2b389fa9d4b9229b095570e8560453f3
//   options  wide member, hooks interface 1
//   score    general
//   mask     a band
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kGeneral;
  static constexpr bool kHasMask = false, kHasBand = true, kHasGradient = false;
  static constexpr int kBandIntervals = 1;
  static constexpr bool kBandBegins = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Word<float> p0;  // f32
    Word<float> v1;  // launch level
    Word<float> v2;  // launch level
  };
  static_assert(sizeof(Params) == 9 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const float v0 = div_rn(1.0f, params.p0.value);
    const float v1 = v0 * params.scale;
    const float v2 = params.p0.value * kLog2E;
    params.v1.value = v1;
    params.v2.value = v2;
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

  static constexpr LogitFactor kLogitFactor = LogitFactor::kLaunch;
  template <class Table>
  FLEXC_HOOK static float logit2_element(const Params& params, const Row&, Position, const Table&, int, float acc) {
    const float v3 = acc * params.v1.value;
    const float v4 = tanh_unit(v3);
    return v4;
  }

  FLEXC_HOOK static float logit2_factor(const Params& params) { return params.v2.value; }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table& table, int column, float acc) {
    return logit2_element(params, row, kv, table, column, acc) * logit2_factor(params);
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v5 = min_i(row.q, 9223372036854775806ll);
    const i64 v6 = wrap_add(v5, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v6);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
