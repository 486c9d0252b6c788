// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  t5_bias (gallery)
//   form     1c3bcfaabc0bc3f0a2ac1efb77488ccc
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
  static constexpr int kColumnWords = 0;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<2> c0;  // f32[32, H]
  };
  static_assert(sizeof(Params) == 11 * sizeof(u64), "words without gaps");

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

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table&, int, float acc) {
    const float v0 = mul_rn(acc, params.scale);
    const i64 v1 = wrap_sub(kv, row.q);
    const bool v2 = v1 > 0ll;
    const i64 v3 = v2 ? 16ll : 0ll;
    const i64 v4 = wrap_abs(v1);
    const bool v5 = v4 < 8ll;
    const float v6 = int_to_float(v4);
    const float v7 = div_rn(v6, 8.0f);
    const bool v8 = 0.0f < v7;
    const bool v9 = v7 < float_of(0x7f800000u);
    const bool v10 = v8 & v9;
    const bool v11 = v7 < 1.1754944e-38f;
    const float v12 = mul_rn(v7, 8388608.0f);
    const float v13 = v11 ? v12 : v7;
    const i32 v14 = bits_from_float(v13);
    const i32 v15 = wrap_sub(v14, 1060439283);
    const i32 v16 = shift_right(v15, 23);
    const i32 v17 = v11 ? -23 : 0;
    const i32 v18 = wrap_add(v16, v17);
    const float v19 = static_cast<float>(v18);
    const i32 v20 = shift_left(v16, 23);
    const i32 v21 = wrap_sub(v14, v20);
    const float v22 = float_from_bits(v21);
    const float v23 = sub_rn(v22, 1.0f);
    const float v24 = mul_rn(v23, v23);
    const float v25 = fma_rn(0.06948873f, v23, -0.11831359f);
    const float v26 = fma_rn(v25, v23, 0.11876144f);
    const float v27 = fma_rn(v26, v23, -0.123745516f);
    const float v28 = fma_rn(v27, v23, 0.14216575f);
    const float v29 = fma_rn(v28, v23, -0.16669904f);
    const float v30 = fma_rn(v29, v23, 0.20002393f);
    const float v31 = fma_rn(v30, v23, -0.24999976f);
    const float v32 = fma_rn(v31, v23, 0.33333308f);
    const float v33 = fma_rn(v32, v23, -0.5f);
    const float v34 = mul_rn(v19, -1.9046542e-09f);
    const float v35 = fma_rn(v24, v33, v34);
    const float v36 = add_rn(v23, v35);
    const float v37 = fma_rn(v19, 0.6931472f, v36);
    const bool v38 = v7 == 0.0f;
    const bool v39 = v7 == float_of(0x7f800000u);
    const float v40 = v39 ? float_of(0x7f800000u) : float_of(0x7fc00000u);
    const float v41 = v38 ? float_of(0xff800000u) : v40;
    const float v42 = v10 ? v37 : v41;
    const float v43 = div_rn(v42, 2.7725887f);
    const float v44 = mul_rn(v43, 8.0f);
    const i64 v45 = float_to_int(v44);
    const i64 v46 = wrap_add(v45, 8ll);
    const i64 v47 = min_i(v46, 15ll);
    const i64 v48 = v5 ? v4 : v47;
    const i64 v49 = wrap_add(v3, v48);
    const float v50 = gather_f32(params.c0, v49, row.head.h);
    const float v51 = v0 + v50;
    return v51 * kLog2E;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
