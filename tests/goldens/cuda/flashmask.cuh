// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  flashmask (gallery)
//   form     6959a121c48ede3bac1de53f9ab18900
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
  static constexpr int kColumnWords = 4;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<2> c0;  // i32[B, KV]
    Capture<2> c1;  // i32[B, KV]
    Capture<2> c2;  // i32[B, KV]
    Capture<2> c3;  // i32[B, KV]
  };
  static_assert(sizeof(Params) == 26 * sizeof(u64), "words without gaps");

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
  FLEXC_HOOK static void kv_side(const Params& params, const Head& head, Position kv, Table& table, int column) {
    const i64 v0 = gather_i32(params.c0, head.b, kv);
    table.set(0, column, static_cast<u32>(v0));
    const i64 v1 = gather_i32(params.c1, head.b, kv);
    table.set(1, column, static_cast<u32>(v1));
    const i64 v2 = gather_i32(params.c2, head.b, kv);
    table.set(2, column, static_cast<u32>(v2));
    const i64 v3 = gather_i32(params.c3, head.b, kv);
    table.set(3, column, static_cast<u32>(v3));
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    const i64 v4 = sign_extend(table.word(0, column));
    const bool v5 = row.q >= v4;
    const i64 v6 = sign_extend(table.word(1, column));
    const bool v7 = row.q < v6;
    const bool v8 = v5 & v7;
    const i64 v9 = sign_extend(table.word(2, column));
    const bool v10 = row.q >= v9;
    const i64 v11 = sign_extend(table.word(3, column));
    const bool v12 = row.q < v11;
    const bool v13 = v10 & v12;
    const bool v14 = v8 | v13;
    const bool v15 = !v14;
    return v15;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
