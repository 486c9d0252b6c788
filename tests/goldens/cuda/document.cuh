// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  document (gallery)
//   form     52d9d35f921bb63a38c23677b0e6758d
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
  static constexpr int kColumnWords = 1;
  using Position = i64;

  struct Params {
    Problem problem;
    float scale_log2e, scale;
    Capture<1> c0;  // i32[KV]
  };
  static_assert(sizeof(Params) == 9 * sizeof(u64), "words without gaps");

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

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    const i64 v2 = sign_extend(table.word(0, column));
    const bool v3 = row.v0 == v2;
    return v3;
  }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
