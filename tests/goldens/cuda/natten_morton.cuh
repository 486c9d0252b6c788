// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  natten_morton (gallery)
//   form     a42a7f262771893d8aebcbea9cbda411
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
  };
  static_assert(sizeof(Params) == 6 * sizeof(u64), "words without gaps");

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
    i64 v14;
    i64 v30;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = row.q & 1431655765ll;
    const i64 v1 = shift_right(v0, 1ll);
    const i64 v2 = v0 ^ v1;
    const i64 v3 = v2 & 858993459ll;
    const i64 v4 = shift_right(v3, 2ll);
    const i64 v5 = v3 ^ v4;
    const i64 v6 = v5 & 252645135ll;
    const i64 v7 = shift_right(v6, 4ll);
    const i64 v8 = v6 ^ v7;
    const i64 v9 = v8 & 16711935ll;
    const i64 v10 = shift_right(v9, 8ll);
    const i64 v11 = v9 ^ v10;
    const i64 v12 = v11 & 65535ll;
    const i64 v13 = max_i(v12, 3ll);
    const i64 v14 = min_i(v13, 28ll);
    const i64 v15 = shift_right(row.q, 1ll);
    const i64 v16 = v15 & 1431655765ll;
    const i64 v17 = shift_right(v16, 1ll);
    const i64 v18 = v16 ^ v17;
    const i64 v19 = v18 & 858993459ll;
    const i64 v20 = shift_right(v19, 2ll);
    const i64 v21 = v19 ^ v20;
    const i64 v22 = v21 & 252645135ll;
    const i64 v23 = shift_right(v22, 4ll);
    const i64 v24 = v22 ^ v23;
    const i64 v25 = v24 & 16711935ll;
    const i64 v26 = shift_right(v25, 8ll);
    const i64 v27 = v25 ^ v26;
    const i64 v28 = v27 & 65535ll;
    const i64 v29 = max_i(v28, 3ll);
    const i64 v30 = min_i(v29, 28ll);
    row.v14 = v14;
    row.v30 = v30;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v31 = kv & 1431655765ll;
    const i64 v32 = shift_right(v31, 1ll);
    const i64 v33 = v31 ^ v32;
    const i64 v34 = v33 & 858993459ll;
    const i64 v35 = shift_right(v34, 2ll);
    const i64 v36 = v34 ^ v35;
    const i64 v37 = v36 & 252645135ll;
    const i64 v38 = shift_right(v37, 4ll);
    const i64 v39 = v37 ^ v38;
    const i64 v40 = v39 & 16711935ll;
    const i64 v41 = shift_right(v40, 8ll);
    const i64 v42 = v40 ^ v41;
    const i64 v43 = v42 & 65535ll;
    const i64 v44 = wrap_sub(row.v14, v43);
    const i64 v45 = wrap_abs(v44);
    const bool v46 = v45 <= 3ll;
    const i64 v47 = shift_right(kv, 1ll);
    const i64 v48 = v47 & 1431655765ll;
    const i64 v49 = shift_right(v48, 1ll);
    const i64 v50 = v48 ^ v49;
    const i64 v51 = v50 & 858993459ll;
    const i64 v52 = shift_right(v51, 2ll);
    const i64 v53 = v51 ^ v52;
    const i64 v54 = v53 & 252645135ll;
    const i64 v55 = shift_right(v54, 4ll);
    const i64 v56 = v54 ^ v55;
    const i64 v57 = v56 & 16711935ll;
    const i64 v58 = shift_right(v57, 8ll);
    const i64 v59 = v57 ^ v58;
    const i64 v60 = v59 & 65535ll;
    const i64 v61 = wrap_sub(row.v30, v60);
    const i64 v62 = wrap_abs(v61);
    const bool v63 = v62 <= 3ll;
    const bool v64 = v46 & v63;
    return v64;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
