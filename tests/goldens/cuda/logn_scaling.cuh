// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  logn_scaling (gallery)
//   form     d46f639e38a16f447b180a0c43d71278
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
    Word<i64> p0;  // i32
    Word<float> v35;  // launch level
  };
  static_assert(sizeof(Params) == 8 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const float v0 = int_to_float(params.p0.value);
    const bool v1 = 0.0f < v0;
    const bool v2 = v0 < float_of(0x7f800000u);
    const bool v3 = v1 & v2;
    const bool v4 = v0 < 1.1754944e-38f;
    const float v5 = mul_rn(v0, 8388608.0f);
    const float v6 = v4 ? v5 : v0;
    const i32 v7 = bits_from_float(v6);
    const i32 v8 = wrap_sub(v7, 1060439283);
    const i32 v9 = shift_right(v8, 23);
    const i32 v10 = v4 ? -23 : 0;
    const i32 v11 = wrap_add(v9, v10);
    const float v12 = static_cast<float>(v11);
    const i32 v13 = shift_left(v9, 23);
    const i32 v14 = wrap_sub(v7, v13);
    const float v15 = float_from_bits(v14);
    const float v16 = sub_rn(v15, 1.0f);
    const float v17 = mul_rn(v16, v16);
    const float v18 = fma_rn(0.06948873f, v16, -0.11831359f);
    const float v19 = fma_rn(v18, v16, 0.11876144f);
    const float v20 = fma_rn(v19, v16, -0.123745516f);
    const float v21 = fma_rn(v20, v16, 0.14216575f);
    const float v22 = fma_rn(v21, v16, -0.16669904f);
    const float v23 = fma_rn(v22, v16, 0.20002393f);
    const float v24 = fma_rn(v23, v16, -0.24999976f);
    const float v25 = fma_rn(v24, v16, 0.33333308f);
    const float v26 = fma_rn(v25, v16, -0.5f);
    const float v27 = mul_rn(v12, -1.9046542e-09f);
    const float v28 = fma_rn(v17, v26, v27);
    const float v29 = add_rn(v16, v28);
    const float v30 = fma_rn(v12, 0.6931472f, v29);
    const bool v31 = v0 == 0.0f;
    const bool v32 = v0 == float_of(0x7f800000u);
    const float v33 = v32 ? float_of(0x7f800000u) : float_of(0x7fc00000u);
    const float v34 = v31 ? float_of(0xff800000u) : v33;
    const float v35 = v3 ? v30 : v34;
    params.v35.value = v35;
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
    float v75;
    float v76;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v36 = row.q >= params.p0.value;
    const i64 v37 = wrap_add(row.q, 1ll);
    const float v38 = int_to_float(v37);
    const bool v39 = 0.0f < v38;
    const bool v40 = v38 < float_of(0x7f800000u);
    const bool v41 = v39 & v40;
    const bool v42 = v38 < 1.1754944e-38f;
    const float v43 = mul_rn(v38, 8388608.0f);
    const float v44 = v42 ? v43 : v38;
    const i32 v45 = bits_from_float(v44);
    const i32 v46 = wrap_sub(v45, 1060439283);
    const i32 v47 = shift_right(v46, 23);
    const i32 v48 = v42 ? -23 : 0;
    const i32 v49 = wrap_add(v47, v48);
    const float v50 = static_cast<float>(v49);
    const i32 v51 = shift_left(v47, 23);
    const i32 v52 = wrap_sub(v45, v51);
    const float v53 = float_from_bits(v52);
    const float v54 = sub_rn(v53, 1.0f);
    const float v55 = mul_rn(v54, v54);
    const float v56 = fma_rn(0.06948873f, v54, -0.11831359f);
    const float v57 = fma_rn(v56, v54, 0.11876144f);
    const float v58 = fma_rn(v57, v54, -0.123745516f);
    const float v59 = fma_rn(v58, v54, 0.14216575f);
    const float v60 = fma_rn(v59, v54, -0.16669904f);
    const float v61 = fma_rn(v60, v54, 0.20002393f);
    const float v62 = fma_rn(v61, v54, -0.24999976f);
    const float v63 = fma_rn(v62, v54, 0.33333308f);
    const float v64 = fma_rn(v63, v54, -0.5f);
    const float v65 = mul_rn(v50, -1.9046542e-09f);
    const float v66 = fma_rn(v55, v64, v65);
    const float v67 = add_rn(v54, v66);
    const float v68 = fma_rn(v50, 0.6931472f, v67);
    const bool v69 = v38 == 0.0f;
    const bool v70 = v38 == float_of(0x7f800000u);
    const float v71 = v70 ? float_of(0x7f800000u) : float_of(0x7fc00000u);
    const float v72 = v69 ? float_of(0xff800000u) : v71;
    const float v73 = v41 ? v68 : v72;
    const float v74 = div_rn(v73, params.v35.value);
    const float v75 = v36 ? v74 : 1.0f;
    const float v76 = v75 * params.scale;
    row.v75 = v75;
    row.v76 = v76;
    return row;
  }

  FLEXC_HOOK static Affine affine(const Params& params, const Row& row, Position, Position) {
    return {row.v75 * params.scale_log2e, 0.0f, 0.0f};
  }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params&, const Row& row, Position, const Table&, int, float acc) {
    const float v77 = acc * row.v76;
    return v77 * kLog2E;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row& row) {
    const i64 v78 = min_i(row.q, 9223372036854775806ll);
    const i64 v79 = wrap_add(v78, 1ll);
    return one_interval<Position>((-9223372036854775807ll - 1), v79);
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
