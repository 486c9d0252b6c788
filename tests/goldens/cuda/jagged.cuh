// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  jagged (gallery)
//   form     9bf7ea82529fe4a26f64eff95de4b83d
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
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = true;
  static constexpr int kColumnWords = 2;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // i32[5]
  };
  static_assert(sizeof(Params) == 9 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params&) {
  }
#endif

  struct Head {
    i64 b, h;
    i64 v0;
    i64 v1;
    i64 v2;
    i64 v3;
    i64 v4;
  };
  FLEXC_HOOK static Head head(const Params& params, int batch, int query_head) {
    Head head{};
    head.b = batch;
    head.h = query_head;
    const i64 v0 = gather_i32(params.c0, 0ll);
    const i64 v1 = gather_i32(params.c0, 1ll);
    const i64 v2 = gather_i32(params.c0, 2ll);
    const i64 v3 = gather_i32(params.c0, 3ll);
    const i64 v4 = gather_i32(params.c0, 4ll);
    head.v0 = v0;
    head.v1 = v1;
    head.v2 = v2;
    head.v3 = v3;
    head.v4 = v4;
    return head;
  }

  struct Row {
    Head head;
    Position q;
    i64 v18;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v5 = row.q >= head.v0;
    const i64 v6 = static_cast<i64>(v5);
    const bool v7 = row.q >= head.v1;
    const i64 v8 = static_cast<i64>(v7);
    const i64 v9 = wrap_add(v6, v8);
    const bool v10 = row.q >= head.v2;
    const i64 v11 = static_cast<i64>(v10);
    const i64 v12 = wrap_add(v9, v11);
    const bool v13 = row.q >= head.v3;
    const i64 v14 = static_cast<i64>(v13);
    const i64 v15 = wrap_add(v12, v14);
    const bool v16 = row.q >= head.v4;
    const i64 v17 = static_cast<i64>(v16);
    const i64 v18 = wrap_add(v15, v17);
    row.v18 = v18;
    return row;
  }

  template <class Table>
  FLEXC_HOOK static void kv_side(const Params&, const Head& head, Position kv, Table& table, int column) {
    const bool v19 = kv >= head.v0;
    const i64 v20 = static_cast<i64>(v19);
    const bool v21 = kv >= head.v1;
    const i64 v22 = static_cast<i64>(v21);
    const i64 v23 = wrap_add(v20, v22);
    const bool v24 = kv >= head.v2;
    const i64 v25 = static_cast<i64>(v24);
    const i64 v26 = wrap_add(v23, v25);
    const bool v27 = kv >= head.v3;
    const i64 v28 = static_cast<i64>(v27);
    const i64 v29 = wrap_add(v26, v28);
    const bool v30 = kv >= head.v4;
    const i64 v31 = static_cast<i64>(v30);
    const i64 v32 = wrap_add(v29, v31);
    table.set(0, column, static_cast<u32>(v32));
    table.set(1, column, high_word(v32));
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    const i64 v33 = join_words(table.word(0, column), table.word(1, column));
    const bool v34 = row.v18 == v33;
    return v34;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
