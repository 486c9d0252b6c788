// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  dequantise (gallery)
//   form     350d5a226d0312d55cf31e14b79e35ae
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
  static constexpr bool kScoreReadsColumns = true, kMaskReadsColumns = false;
  static constexpr int kColumnWords = 1;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<2> c0;  // f32[B, H]
    Capture<3> c1;  // f32[B, HKV, KV]
    Divisor d0;  // launch level
  };
  static_assert(sizeof(Params) == 21 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const i64 v0 = floor_div(params.problem.heads, params.problem.kv_heads);
    params.d0 = make_divisor(v0);
  }
#endif

  struct Head {
    i64 b, h;
    i64 v1;
    float v3;
  };
  FLEXC_HOOK static Head head(const Params& params, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    const i64 v1 = floor_div(head.h, params.d0);
    const float v2 = gather_f32(params.c0, head.b, head.h);
    const float v3 = v2 * params.scale;
    head.v1 = v1;
    head.v3 = v3;
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

  template <class Table>
  FLEXC_HOOK static void kv_side(const Params& params, const Head& head, Position kv, Table& table, int column) {
    const float v4 = gather_f32(params.c1, head.b, head.v1, kv);
    table.set(0, column, bits_of(v4));
  }

  static constexpr LogitFactor kLogitFactor = LogitFactor::kConstant;
  template <class Table>
  FLEXC_HOOK static float logit2_element(const Params&, const Row& row, Position, const Table& table, int column, float acc) {
    const float v5 = acc * row.head.v3;
    const float v6 = float_of(table.word(0, column));
    const float v7 = v5 * v6;
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
