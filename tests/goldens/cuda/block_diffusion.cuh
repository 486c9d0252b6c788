// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  block_diffusion (gallery)
//   form     72a5afe7973347aca570a90b7504c92f
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
    Word<i64> v0;  // launch level
    Divisor d0;  // launch level
  };
  static_assert(sizeof(Params) == 11 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const i64 v0 = shift_right(params.problem.kv_total, 1ll);
    params.v0.value = v0;
    params.d0 = make_divisor(params.p0.value);
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
    i64 v4;
    i64 v5;
    bool v6;
    bool v1;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v1 = row.q >= params.v0.value;
    const i64 v2 = wrap_sub(row.q, params.v0.value);
    const i64 v3 = v1 ? v2 : row.q;
    const i64 v4 = floor_div(v3, params.d0);
    const i64 v5 = static_cast<i64>(v1);
    const bool v6 = !v1;
    row.v4 = v4;
    row.v5 = v5;
    row.v6 = v6;
    row.v1 = v1;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params& params, const Row& row, Position kv, const Table&, int) {
    const bool v7 = kv >= params.v0.value;
    const i64 v8 = wrap_sub(kv, params.v0.value);
    const i64 v9 = v7 ? v8 : kv;
    const i64 v10 = floor_div(v9, params.d0);
    const bool v11 = row.v4 == v10;
    const i64 v12 = static_cast<i64>(v7);
    const bool v13 = row.v5 == v12;
    const bool v14 = v11 & v13;
    const bool v15 = row.v4 > v10;
    const bool v16 = v15 & v7;
    const bool v17 = v16 & row.v6;
    const bool v18 = v14 | v17;
    const bool v19 = row.v4 >= v10;
    const bool v20 = v19 & v7;
    const bool v21 = v20 & row.v1;
    const bool v22 = v18 | v21;
    return v22;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
