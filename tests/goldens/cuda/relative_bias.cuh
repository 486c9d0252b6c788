// Mods of an attention variant by flexc 0.1.0, for the kernels of its templates. The same variant gives the same bytes.
//   variant  relative_bias (gallery)
//   form     2a420f925b2aabd12ba250ef801f9d49
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
    Capture<2> c0;  // f32[H, 129]
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
    const i64 v1 = max_i(v0, -64ll);
    const i64 v2 = min_i(v1, 64ll);
    const i64 v3 = wrap_add(v2, 64ll);
    const float v4 = gather_f32(params.c0, head.h, v3);
    const float v5 = v4 * kLog2E;
    table.set(0, entry, bits_of(v5));
  }

  template <class Table>
  FLEXC_HOOK static float logit2(const Params& params, const Row& row, Position kv, const Table& table, int column, float acc) {
    const float v6 = float_of(relative_word<Hooks>(params, row, kv, table, 0, column));
    return fma_rn(acc, params.scale_log2e, v6);
  }

  FLEXC_HOOK static Band<Position> band(const Params&, const Row&) { return whole_band<Position>(); }

  template <class Table>
  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);
};

}  // namespace flexc::mods
