// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  window_2d (gallery)
//   form     ab9d071c79675b07fcf5dcbf02ab7ea3
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
    i64 v2;
    i64 v5;
  };
  FLEXC_HOOK static Row q_side(const Params&, const Head& head, Position q) {
    Row row{};
    row.head = head;
    row.q = q;
    const i64 v0 = row.q & 31ll;
    const i64 v1 = wrap_add(v0, 4ll);
    const i64 v2 = shift_right(v1, 3ll);
    const i64 v3 = shift_right(row.q, 5ll);
    const i64 v4 = wrap_add(v3, 4ll);
    const i64 v5 = shift_right(v4, 3ll);
    row.v2 = v2;
    row.v5 = v5;
    return row;
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position kv, const Table&, int) {
    const i64 v6 = kv & 31ll;
    const i64 v7 = wrap_add(v6, 4ll);
    const i64 v8 = shift_right(v7, 3ll);
    const bool v9 = row.v2 == v8;
    const i64 v10 = shift_right(kv, 5ll);
    const i64 v11 = wrap_add(v10, 4ll);
    const i64 v12 = shift_right(v11, 3ll);
    const bool v13 = row.v5 == v12;
    const bool v14 = v9 & v13;
    return v14;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
