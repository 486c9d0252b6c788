// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  document_causal (gallery)
//   form     7b7b2e9e1caa412b52761ecaf4576add
//   options  wide member, hooks interface 1
//   score    identity
//   mask     inside a band, pair by pair
#include "templates/hooks.cuh"

namespace flexc::mods {

struct Hooks {
  static constexpr int kInterface = 1;
  static_assert(kInterface == kHooksInterface, "another version of the templates");
  static constexpr ScoreClass kScoreClass = ScoreClass::kIdentity;
  static constexpr bool kHasMask = true, kHasBand = true, kHasGradient = false;
  static constexpr int kBandIntervals = 2;
  static constexpr bool kBandBegins = false;
  static constexpr bool kScoreReadsColumns = false, kMaskReadsColumns = true;
  static constexpr int kColumnWords = 1;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // i32[KV]
    Capture<1> c1;  // i32[n0]
  };
  static_assert(sizeof(Params) == 12 * sizeof(u64), "words without gaps");

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
    i64 v0;
  };
  FLEXC_HOOK static Row q_side(const Params& params, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = gather_i32(params.c0, row.q);
    row.v0 = v0;
    return row;
  }

  template <class Table>
  FLEXC_HOOK static void kv_side(const Params& params, const Head&, Position kv, Table& table, int column) {
    const i64 v1 = gather_i32(params.c0, kv);
    table.set(0, column, static_cast<u32>(v1));
  }

  FLEXC_HOOK static Band<Position> band(const Params& params, const Row& row) {
    const i64 v2 = gather_i32(params.c0, row.q);
    const i64 v3 = gather_i32(params.c1, v2);
    const i64 v4 = wrap_add(v3, (-9223372036854775807ll - 1));
    const i64 v5 = wrap_add(row.q, 1ll);
    const bool v6 = v4 < v5;
    const i64 v7 = v6 ? v5 : 9223372036854775807ll;
    const i64 v8 = v6 ? (-9223372036854775807ll - 1) : v5;
    return two_intervals<Position>(v4, v7, (-9223372036854775807ll - 1), v8);
  }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    const i64 v9 = sign_extend(table.word(0, column));
    const bool v10 = row.v0 == v9;
    return v10;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
