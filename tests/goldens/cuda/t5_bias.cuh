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
  static constexpr int kRelativeWords = 1;
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
  FLEXC_HOOK static void relative(const Params& params, const Head& head, Position difference, Table& table, int entry) {
    const i64 v0 = wrap_sub(0ll, difference);
    const bool v1 = v0 > 0ll;
    const i64 v2 = v1 ? 16ll : 0ll;
    const i64 v3 = wrap_abs(v0);
    const bool v4 = v3 < 8ll;
    const float v5 = int_to_float(v3);
    const float v6 = div_rn(v5, 8.0f);
    const bool v7 = 0.0f < v6;
    const bool v8 = v6 < float_of(0x7f800000u);
    const bool v9 = v7 & v8;
    const bool v10 = v6 < 1.1754944e-38f;
    const float v11 = mul_rn(v6, 8388608.0f);
    const float v12 = v10 ? v11 : v6;
    const i32 v13 = bits_from_float(v12);
    const i32 v14 = wrap_sub(v13, 1060439283);
    const i32 v15 = shift_right(v14, 23);
    const i32 v16 = v10 ? -23 : 0;
    const i32 v17 = wrap_add(v15, v16);
    const float v18 = static_cast<float>(v17);
    const i32 v19 = shift_left(v15, 23);
    const i32 v20 = wrap_sub(v13, v19);
    const float v21 = float_from_bits(v20);
    const float v22 = sub_rn(v21, 1.0f);
    const float v23 = mul_rn(v22, v22);
    const float v24 = fma_rn(0.06948873f, v22, -0.11831359f);
    const float v25 = fma_rn(v24, v22, 0.11876144f);
    const float v26 = fma_rn(v25, v22, -0.123745516f);
    const float v27 = fma_rn(v26, v22, 0.14216575f);
    const float v28 = fma_rn(v27, v22, -0.16669904f);
    const float v29 = fma_rn(v28, v22, 0.20002393f);
    const float v30 = fma_rn(v29, v22, -0.24999976f);
    const float v31 = fma_rn(v30, v22, 0.33333308f);
    const float v32 = fma_rn(v31, v22, -0.5f);
    const float v33 = mul_rn(v18, -1.9046542e-09f);
    const float v34 = fma_rn(v23, v32, v33);
    const float v35 = add_rn(v22, v34);
    const float v36 = fma_rn(v18, 0.6931472f, v35);
    const bool v37 = v6 == 0.0f;
    const bool v38 = v6 == float_of(0x7f800000u);
    const float v39 = v38 ? float_of(0x7f800000u) : float_of(0x7fc00000u);
    const float v40 = v37 ? float_of(0xff800000u) : v39;
    const float v41 = v9 ? v36 : v40;
    const float v42 = div_rn(v41, 2.7725887f);
    const float v43 = mul_rn(v42, 8.0f);
    const i64 v44 = float_to_int(v43);
    const i64 v45 = wrap_add(v44, 8ll);
    const i64 v46 = min_i(v45, 15ll);
    const i64 v47 = v4 ? v3 : v46;
    const i64 v48 = wrap_add(v2, v47);
    const float v49 = gather_f32(params.c0, v48, head.h);
    const float v50 = v49 * kLog2E;
    table.set(0, entry, bits_of(v50));
  }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table& table, int column, float acc) {
    const float v51 = float_of(relative_word<Hooks>(params, row, kv, table, 0, column));
    return fma_rn(acc, params.scale_log2e, v51);
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
