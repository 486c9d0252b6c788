// Scores and weights for the machine's matrix unit: S = Q K, and P. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_INL_H_
#undef FLEXC_CPU_MATRIX_INL_H_
#else
#define FLEXC_CPU_MATRIX_INL_H_
#endif

#include <algorithm>

#include "templates/cpu/matrix_parts-inl.h"
#include "templates/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// The chunks of 32 columns that a set of panels needs.
inline std::uint32_t chunks_of(PanelSet panels) {
  std::uint32_t every_other = (panels | panels >> 1) & 0x55555555;  // then side by side
  every_other = (every_other | every_other >> 1) & 0x33333333;
  every_other = (every_other | every_other >> 2) & 0x0F0F0F0F;
  every_other = (every_other | every_other >> 4) & 0x00FF00FF;
  return (every_other | every_other >> 8) & 0xFFFF;
}

/// A product of parts: number `a` of the left operand's, and `b` of the right one's.
struct PartPair {
  int a, b;
};

/// The products that make up one of numbers of kA and of kB parts, in their order: each part of B is loaded once, and A's as seldom as that allows. Of three by three, those that
/// together are below 2^-24 of the product are left out, or 1.5 * 2^-23 where A is weights, which are cut and not rounded.
template <int kA, int kB>
constexpr auto part_products() {
  if constexpr (kA == 3 && kB == 3)
    return std::array{PartPair{0, 2}, PartPair{0, 1}, PartPair{1, 1}, PartPair{1, 0}, PartPair{2, 0}, PartPair{0, 0}};
  else if constexpr (kA == 2 && kB == 2)
    return std::array{PartPair{0, 1}, PartPair{1, 1}, PartPair{1, 0}, PartPair{0, 0}};
  else if constexpr (kA == 2 && kB == 1)
    return std::array{PartPair{1, 0}, PartPair{0, 0}};
  else
    return std::array{PartPair{0, 0}};
}

static_assert(part_products<3, 3>().size() == MatrixPlan{true, 3, 0}.products() && part_products<2, 2>().size() == MatrixPlan{true, 2, 0}.products() &&
              part_products<1, 1>().size() == MatrixPlan{true, 1, 0}.products());

/// Where the parts of an operand's tiles lie: the step from a tile's row to the next in bytes, and from a tile and from a part to the next in elements.
template <class Element>
struct Operand {
  const Element* at;
  std::int64_t row_bytes, next_tile, next_part;
  const Element* tile(int index, int part) const { return at + index * next_tile + part * next_part; }
};

/// Of a block of two by two tiles those that are wanted: bit 2 i + j is half i, panel j.
inline constexpr unsigned kAllTiles = 15, kUpperTiles = 3, kLowerTiles = 12;

/// C += A B, where C is kHalves x kPanels tiles, of which 2 i + j is in register 2 i + j, A has kHalves tiles and B kPanels, of kA and kB parts; only the tiles in kWanted. Calls between()
/// at each product of parts, when its tiles are on their way.
template <class Tiles, int kA, int kB, int kHalves, int kPanels, unsigned kWanted = kAllTiles, class Between>
HWY_INLINE void multiply_parts(const Operand<std::uint16_t>& a, const Operand<float>& b, const Between& between) {
  constexpr auto kProducts = part_products<kA, kB>();
  constexpr unsigned kTiles = kWanted & (kHalves > 1 ? kAllTiles : kUpperTiles) & (kPanels > 1 ? kAllTiles : 5u);
#pragma GCC unroll 6
  for (std::size_t i = 0; i < kProducts.size(); ++i) {
    const PartPair now = kProducts[i];
    if (i == 0 || kProducts[i - 1].a != now.a) {
      if constexpr ((kTiles & 3) != 0) Tiles::template load<4>(a.tile(0, now.a), a.row_bytes);
      if constexpr ((kTiles & 12) != 0) Tiles::template load<5>(a.tile(1, now.a), a.row_bytes);
    }
    if (i == 0 || kProducts[i - 1].b != now.b) {
      if constexpr ((kTiles & 5) != 0) Tiles::template load_once<6>(b.tile(0, now.b), b.row_bytes);
      if constexpr ((kTiles & 10) != 0) Tiles::template load_once<7>(b.tile(1, now.b), b.row_bytes);
    }
    between();
    if constexpr ((kTiles & 1) != 0) Tiles::template multiply<0, 4, 6>();
    if constexpr ((kTiles & 2) != 0) Tiles::template multiply<1, 4, 7>();
    if constexpr ((kTiles & 4) != 0) Tiles::template multiply<2, 5, 6>();
    if constexpr ((kTiles & 8) != 0) Tiles::template multiply<3, 5, 7>();
  }
}

/// Does with C's registers what `use` does with a register and its place: two halves of one or two panels each in 0 and 1, 2 and 3, of which those in kWanted; or one of up to four panels.
template <int kHalves, int kPanels, unsigned kWanted = kAllTiles, class Use>
HWY_INLINE void each_output(float* c, std::int64_t row_floats, const Use& use) {
  static_assert(kPanels <= (kHalves == 1 ? 4 : 2));
  if constexpr ((kWanted & 1) != 0) use.template operator()<0>(c);
  if constexpr (kPanels > 1 && (kWanted & 2) != 0) use.template operator()<1>(c + kPanel);
  if constexpr (kHalves > 1 && (kWanted & 4) != 0) use.template operator()<2>(c + kTileRows * row_floats);
  if constexpr (kHalves > 1 && kPanels > 1 && (kWanted & 8) != 0) use.template operator()<3>(c + kTileRows * row_floats + kPanel);
  if constexpr (kPanels > 2) use.template operator()<2>(c + 2 * kPanel);
  if constexpr (kPanels > 3) use.template operator()<3>(c + 3 * kPanel);
}
template <class Tiles, int kHalves, int kPanels>
HWY_INLINE void load_outputs(const float* c, std::int64_t row_floats) {
  each_output<kHalves, kPanels>(const_cast<float*>(c), row_floats, [&]<int kTile>(const float* at) { Tiles::template load<kTile>(at, row_floats * static_cast<std::int64_t>(sizeof *c)); });
}
template <class Tiles, int kHalves, int kPanels, unsigned kWanted = kAllTiles>
HWY_INLINE void store_outputs(float* c, std::int64_t row_floats) {
  each_output<kHalves, kPanels, kWanted>(c, row_floats, [&]<int kTile>(float* at) { Tiles::template store<kTile>(at, row_floats * static_cast<std::int64_t>(sizeof *c)); });
}

inline constexpr std::int64_t kTileRowBytes = 64;

/// What S = Q K takes for 32 rows, of which the first and the second half need these panels. Elsewhere S is left as it is, or gets what nobody asked for.
struct ScoredRows {
  const std::uint16_t* q = nullptr;  ///< [part][a task's rows][depth], from the first of the rows on
  const float* k = nullptr;          ///< of a packed tile
  PanelSet upper = 0, lower = 0;
  float* s = nullptr;                ///< [32][s_stride]
};

/// Two panels of S = Q K for two halves of 16 rows. Calls between() as multiply_parts does.
template <class Tiles, int kParts, unsigned kWanted, class Between>
HWY_INLINE void matrix_qk_block(const Plan& plan, Operand<std::uint16_t> q, Operand<float> k, float* s, const Between& between) {
  Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
  for (std::int64_t i = 0; i < plan.matrix.depth; i += kTileDepth, q.at += kTileDepth, k.at += kTileFloats) multiply_parts<Tiles, kParts, kParts, 2, 2, kWanted>(q, k, between);
  store_outputs<Tiles, 2, 2, kWanted>(s, plan.s_stride);
}

/// S = Q K of a chunk of columns.
template <class Tiles, int kParts, class Between>
HWY_NOINLINE void matrix_qk_chunk(const Plan& plan, const ScoredRows& rows, int chunk, const Between& between) {
  const std::int64_t depth = plan.matrix.depth, q_part = plan.task_groups * kGroupRows * depth, k_part = depth / 2 * kPanel, k_panel = kParts * k_part;
  const int panel = 2 * chunk;
  const Operand<std::uint16_t> q{rows.q, depth * static_cast<std::int64_t>(sizeof *rows.q), kTileRows * depth, q_part};
  const Operand<float> k{rows.k + panel * k_panel, kTileRowBytes, k_panel, k_part};
  float* const s = rows.s + panel * kPanel;
  switch ((rows.upper >> panel & 3) | (rows.lower >> panel & 3) << 2) {  // next to diagonals and to the ends of documents a part is enough
    case 1: case 2: case kUpperTiles: return matrix_qk_block<Tiles, kParts, kUpperTiles>(plan, q, k, s, between);
    case 4: case 8: case kLowerTiles: return matrix_qk_block<Tiles, kParts, kLowerTiles>(plan, q, k, s, between);
    case 11: return matrix_qk_block<Tiles, kParts, 11>(plan, q, k, s, between);
    case 13: return matrix_qk_block<Tiles, kParts, 13>(plan, q, k, s, between);
    default: return matrix_qk_block<Tiles, kParts, kAllTiles>(plan, q, k, s, between);
  }
}

/// S = Q K, some chunks of columns at a time, in their order.
template <class Tiles, int kParts>
class Scoring {
 public:
  Scoring(const Plan& plan, const ScoredRows& rows) : plan_(plan), rows_(rows), rest_(chunks_of(rows.upper | rows.lower)) {}
  std::int64_t left() const { return std::popcount(rest_); }
  /// Of the next chunks those before chunk `end`.
  std::int64_t left_before(int end) const { return std::popcount(rest_ & ((std::uint32_t{1} << end) - 1)); }
  /// How often so many chunks call between().
  std::int64_t calls(std::int64_t chunks) const { return chunks * (plan_.matrix.depth / kTileDepth) * static_cast<std::int64_t>(part_products<kParts, kParts>().size()); }
  /// The next `chunks` ones.
  template <class Between>
  void compute(std::int64_t chunks, const Between& between) {
    for (; chunks > 0; --chunks, rest_ &= rest_ - 1) matrix_qk_chunk<Tiles, kParts>(plan_, rows_, std::countr_zero(rest_), between);
  }

 private:
  const Plan& plan_;
  const ScoredRows rows_;
  std::uint32_t rest_;
};

/// 16 rows' scores and what their weights are found by: of two groups, of which one may have no part in the tile; or of the first row alone.
struct WeighedRows {
  const float* s = nullptr;  ///< [16][s_stride]
  float* sums = nullptr;     ///< [16][16]
  PanelSet active[kTileRows / kBlockRows] = {};
  float factors[kTileRows] = {}, shifts[kTileRows] = {};
  std::uint32_t chunks = 0;  ///< of its active panels
};
/// The same of the 32 rows that go through the unit together.
using WeighedHalves = std::array<WeighedRows, kMatrixRows / kTileRows>;

template <int kParts>
inline constexpr int kWeightParts = weight_parts(kParts);

/// P of a chunk of columns, for 16 rows: [part][16 rows][16 pairs], in bf16; the elements of a part, and of all.
inline constexpr std::int64_t kWeightTile = kTileRows * kTileDepth;
template <int kParts>
inline constexpr std::int64_t kWeightTiles = kWeightParts<kParts> * kWeightTile;

/// A row of a WeighedRows in a chunk of columns, and where its weights go.
struct WeighedRow {
  const float *s = nullptr, *factor = nullptr, *shift = nullptr;
  float* sums = nullptr;
  std::uint16_t* p = nullptr;

  WeighedRow() = default;
  WeighedRow(const Plan& plan, const WeighedRows& rows, std::int64_t row, int chunk, std::uint16_t* p_of_chunk)
      : s(rows.s + row * plan.s_stride + chunk * kTileDepth), factor(rows.factors + row), shift(rows.shifts + row), sums(rows.sums + row * kPanel), p(p_of_chunk + row * kTileDepth) {}
  void advance(const Plan& plan, std::int64_t rows) { s += rows * plan.s_stride, factor += rows, shift += rows, sums += rows * kPanel, p += rows * kTileDepth; }
};

/// Weights of one row, or of two of a block at once, in a chunk of columns → their row of P's tiles; without kLow or kHigh, those of one panel are 0. Adds to the rows' sums as
/// `exponentials` does.
template <int kParts, int kRows, bool kLow, bool kHigh>
HWY_INLINE void weigh_rows(const Plan& plan, const WeighedRow& first) {
  const Floats d;
  constexpr std::size_t kPanels = std::size_t{kLow} + std::size_t{kHigh}, kVectors = kPanels * kPanelVectors, kFirst = kLow ? 0 : kPanelVectors;
  Vector weights[kRows * kVectors];
  for (std::size_t i = 0; i < kRows * kVectors; ++i) {
    const std::size_t row = i / kVectors;
    weights[i] = hn::MulSub(hn::Load(d, first.s + row * static_cast<std::size_t>(plan.s_stride) + (kFirst + i % kVectors) * kLanes), hn::Set(d, first.factor[row]), hn::Set(d, first.shift[row]));
  }
  exp2_of_each(weights);
  for (std::size_t row = 0; row < kRows; ++row) {
    float* const sums = first.sums + row * kPanel;
    std::uint16_t* const to = first.p + row * kTileDepth;
    Vector both[2 * kPanelVectors];
    for (Vector& weight : both) weight = hn::Zero(d);
    for (std::size_t v = 0; v < kVectors; ++v) both[kFirst + v] = weights[row * kVectors + v];
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      Vector sum = hn::Load(d, sums + v * kLanes);
      if constexpr (kLow) sum = hn::Add(sum, both[v]);
      if constexpr (kHigh) sum = hn::Add(sum, both[kPanelVectors + v]);
      hn::Store(sum, d, sums + v * kLanes);
    }
    for (std::size_t v = 0; v < kPanelVectors; ++v)
#pragma GCC unroll 3
      for (int part = 0; part < kWeightParts<kParts>; ++part) {
        const auto low = take_weight_part<kWeightParts<kParts>>(part, both[v]), high = take_weight_part<kWeightParts<kParts>>(part, both[kPanelVectors + v]);
        hn::Store(pairs_of(low, high), d, reinterpret_cast<float*>(to + part * kWeightTile) + v * kLanes);
      }
  }
}

/// The same for whichever of a chunk's two panels are active.
template <int kParts, int kRows>
HWY_INLINE void weigh_active_rows(const Plan& plan, const WeighedRow& first, PanelSet active) {
  if (active == 3)
    weigh_rows<kParts, kRows, true, true>(plan, first);
  else if (active == 1)
    weigh_rows<kParts, kRows, true, false>(plan, first);
  else if (active == 2)
    weigh_rows<kParts, kRows, false, true>(plan, first);
  else
    for (int part = 0; part < kWeightParts<kParts>; ++part) std::fill_n(first.p + part * kWeightTile, kRows * kTileDepth, std::uint16_t{0});
}
inline PanelSet active_of(const WeighedRows& rows, std::int64_t row, int chunk) { return rows.active[row / kBlockRows] >> (2 * chunk) & 3; }

/// Floats from a chunk of 32 columns of V to the next.
inline std::int64_t v_chunk_floats(const Plan& plan) { return plan.matrix.parts * kTilePairs * plan.value_padded; }

/// A chunk of V without the columns that are not in `keep`, bit i: column i: so that NaN and inf there are not even multiplied by 0.
inline void keep_columns(const Plan& plan, const float* from, std::uint32_t keep, float* HWY_RESTRICT to) {
  const auto* pairs = reinterpret_cast<const std::uint32_t*>(from);
  auto* kept = reinterpret_cast<std::uint32_t*>(to);
  for (std::int64_t i = 0; i < v_chunk_floats(plan); ++i) {
    const std::uint32_t two = keep >> (i / kTilePairs % kTileRows);
    kept[i] = pairs[i] & (((two & 1) != 0 ? 0x0000FFFFu : 0) | ((two & 0x10000u) != 0 ? 0xFFFF0000u : 0));
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
