// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  jagged (gallery)
//   normal form  9bf7ea82529fe4a26f64eff95de4b83d
//   options  64-bit positions, hooks interface 1
//   score    identity
//   mask     pair by pair
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = true, kHasBand = false, kHasGradient = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = true;
  static constexpr int kColumnWords = 2;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // i32[5]
    Word<i64> v0;  // launch level
    Word<i64> v1;  // launch level
    Word<i64> v2;  // launch level
    Word<i64> v3;  // launch level
    Word<i64> v4;  // launch level
  };
  static_assert(sizeof(Params) == 14 * sizeof(u64), "words without gaps");

#if !defined(__CUDACC__)
  /// The host's part: what depends on no coordinate.
  static void fill_launch(Params& params) {
    const i64 v0 = gather_i32(params.c0, 0ll);
    const i64 v1 = gather_i32(params.c0, 1ll);
    const i64 v2 = gather_i32(params.c0, 2ll);
    const i64 v3 = gather_i32(params.c0, 3ll);
    const i64 v4 = gather_i32(params.c0, 4ll);
    params.v0.value = v0;
    params.v1.value = v1;
    params.v2.value = v2;
    params.v3.value = v3;
    params.v4.value = v4;
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
    i64 v18;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const bool v5 = row.q >= params.v0.value;
    const i64 v6 = static_cast<i64>(v5);
    const bool v7 = row.q >= params.v1.value;
    const i64 v8 = static_cast<i64>(v7);
    const i64 v9 = wrap_add(v6, v8);
    const bool v10 = row.q >= params.v2.value;
    const i64 v11 = static_cast<i64>(v10);
    const i64 v12 = wrap_add(v9, v11);
    const bool v13 = row.q >= params.v3.value;
    const i64 v14 = static_cast<i64>(v13);
    const i64 v15 = wrap_add(v12, v14);
    const bool v16 = row.q >= params.v4.value;
    const i64 v17 = static_cast<i64>(v16);
    const i64 v18 = wrap_add(v15, v17);
    row.v18 = v18;
    return row;
  }

  template <class Table>
  FLEXC_HOOK static void kv_side(const Params& params, const Head&, Position kv, Table& table, int column) {
    const bool v19 = kv >= params.v0.value;
    const i64 v20 = static_cast<i64>(v19);
    const bool v21 = kv >= params.v1.value;
    const i64 v22 = static_cast<i64>(v21);
    const i64 v23 = wrap_add(v20, v22);
    const bool v24 = kv >= params.v2.value;
    const i64 v25 = static_cast<i64>(v24);
    const i64 v26 = wrap_add(v23, v25);
    const bool v27 = kv >= params.v3.value;
    const i64 v28 = static_cast<i64>(v27);
    const i64 v29 = wrap_add(v26, v28);
    const bool v30 = kv >= params.v4.value;
    const i64 v31 = static_cast<i64>(v30);
    const i64 v32 = wrap_add(v29, v31);
    table.set(0, column, static_cast<u32>(v32));
    table.set(1, column, high_word(v32));
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    const i64 v33 = join_words(table.word(0, column), table.word(1, column));
    const bool v34 = row.v18 == v33;
    return v34;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }
  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
