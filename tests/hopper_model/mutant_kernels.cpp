// The kernels that mutants are made of: between them every class of scores, bands and block masks, the tables of columns and differences, every head dim that has
// machine code, the lazy maximum; and the plain kernel.
#include "tests/hopper/mods.h"
#include "tests/simt/member.h"

namespace hopper_model {
namespace {

// Affine scores under a band whose first rows keep nothing; its items have one tile and more.
struct BehindAlibi : Alibi {
  static constexpr bool kHasBand = true;
  static constexpr int kBandIntervals = 1;
  static flexc::mods::Band<Position> band(const Params&, const Row& row) { return {-0x7fffffff - 1, row.q - 69, 0, 0}; }
  static bool kept(int, int, int q, int kv) { return q >= kv + 70; }
};

// A softcap with a bias of the difference, from the table of differences, under a mask of pairs that reads the table of columns; in tiles of 128 x 128 it has empty, partial and full ones.
struct CappedStripes : Softcap {
  static constexpr bool kHasMask = true, kMaskReadsColumns = true;
  static constexpr int kColumnWords = 1, kRelativeWords = 1;
  template <class Table>
  static void kv_side(const Params&, const Head&, Position kv, Table& table, int column) {
    table.set(0, column, static_cast<unsigned>(kv / 64));
  }
  template <class Table>
  static void relative(const Params&, const Head&, Position difference, Table& table, int entry) {
    table.set(0, entry, flexc::mods::bits_of(bias_of(difference)));
  }
  static float bias_of(Position difference) { return -0.01f * static_cast<float>(difference); }
  template <class Table>
  static float logit2(const Params&, const Row& row, Position kv, const Table& table, int column, float acc) {
    float bias;
    if constexpr (flexc::mods::HasDifferences<Table>::kValue) {
      bias = flexc::mods::float_of(table.relative(0, column));
    } else {  // the plain kernel has no such table
      bias = bias_of(row.q - kv);
    }
    return (2.0f * std::tanh(acc * kScale / 2.0f) + bias) * kLog2E;
  }
  static bool kept_stripe(int q, int stripe) { return (q / 128 + stripe) % 4 == 1 || (q / 128 + stripe) % 4 == 2; }
  template <class Table>
  static bool keep(const Params&, const Row& row, Position, const Table& table, int column) {
    return kept_stripe(row.q, static_cast<int>(table.word(0, column)));
  }
  static bool kept(int, int, int q, int kv) { return kept_stripe(q, kv / 64); }
};

}  // namespace

const std::vector<ForwardKernel>& forward_kernels() {
  constexpr auto kBf16 = Element::kBf16;
  static const std::vector<ForwardKernel> all = {
      Member<kBf16, 128, 128, Causal, 128>::kernel("causal D128"),     Member<kBf16, 128, 128, CappedStripes>::kernel("block mask D64"),
      Member<kBf16, 192, 128, BehindAlibi>::kernel("alibi D64"),       Member<kBf16, 128, 64, Causal, 256>::kernel("causal D256"),
      Member<kBf16, 128, 128, Causal, 128, Lazy>::kernel("lazy D128"), SimtMember<kBf16, CappedStripes>::kernel("plain D64"),
  };
  return all;
}

}  // namespace hopper_model
