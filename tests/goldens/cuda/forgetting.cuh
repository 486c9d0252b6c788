// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  forgetting (gallery)
//   form     a82034fcfd3f806d225305c76b8e6a4b
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
  static constexpr bool kScoreReadsColumns = true, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 1;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<3> c0;  // f32[B, H, KV]
  };
  static_assert(sizeof(Params) == 13 * sizeof(u64), "words without gaps");

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
    float v0;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const float v0 = gather_f32(params.c0, head.b, head.h, row.q);
    row.v0 = v0;
    return row;
  }

  template <class Table>
  FLEXC_HOOK static void kv_side(const Params& params, const Head& head, Position kv, Table& table, int column) {
    const float v1 = gather_f32(params.c0, head.b, head.h, kv);
    table.set(0, column, bits_of(v1));
  }

  static constexpr LogitFactor kLogitFactor = LogitFactor::kConstant;
  template <class Table>
  FLEXC_HOOK static float logit2_element(const Params& params, const Row& row, Position, const Table& table, int column, float acc) {
    const float v2 = mul_rn(acc, params.scale);
    const float v3 = float_of(table.word(0, column));
    const float v4 = row.v0 - v3;
    const float v5 = v2 + v4;
    return v5;
  }

  FLEXC_HOOK static float logit2_factor(const Params&) { return kLog2E; }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table& table, int column, float acc) {
    return logit2_element(params, row, kv, table, column, acc) * logit2_factor(params);
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v6 = min_i(row.q, 9223372036854775806ll);
    const i64 v7 = wrap_add(v6, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v7);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
