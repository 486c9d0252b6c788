// The two matrix products for 16-bit types on the machine's matrix unit, which multiplies bf16 and sums in f32. A number is a sum of parts, each a bf16:
// one for bf16, two for f16, exactly, and two for weights. Products of sums are sums of products. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_INL_H_
#undef FLEXC_CPU_MATRIX_INL_H_
#else
#define FLEXC_CPU_MATRIX_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "templates/cpu/matrix_unit.h"
#include "templates/cpu/pack-inl.h"
#include "templates/cpu/softmax-inl.h"
#include "templates/cpu/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

static_assert(kTilePairs == kPanel, "a tile holds the pairs of a panel");

/// The next part of each number in `rest`, in the upper half of its 32 bits; what is left stays in `rest`. The last of several parts is rounded,
/// others are cut off, so that what is left is exact. An infinity has one part, and then 0 (unless kFinite says that there is none); a NaN is one in the first
/// part at least.
template <int kParts, bool kFinite = false>
HWY_INLINE auto take_part(int part, Vector& rest) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const auto bits = hn::BitCast(du, rest);
  if (kParts == 1) return bits;
  if (part + 1 == kParts) return hn::Add(bits, hn::Set(du, 0x8000u));
  const Vector cut = hn::BitCast(d, hn::And(bits, hn::Set(du, 0xFFFF0000u)));
  rest = kFinite ? hn::Sub(rest, cut) : hn::IfThenElseZero(hn::Ne(rest, cut), hn::Sub(rest, cut));
  return bits;
}

/// Two vectors → the parts of their numbers as bf16, `step` apart.
template <int kParts, bool kFinite = false>
HWY_INLINE void store_parts([[maybe_unused]] Vector low, [[maybe_unused]] Vector high, [[maybe_unused]] std::uint16_t* HWY_RESTRICT to, [[maybe_unused]] std::int64_t step) {
#if HWY_TARGET != HWY_SCALAR
  const hn::Repartition<std::uint16_t, Floats> dh;
#pragma GCC unroll 2
  for (int part = 0; part < kParts; ++part) {
    const auto a = take_part<kParts, kFinite>(part, low), b = take_part<kParts, kFinite>(part, high);
    hn::StoreU(hn::ConcatOdd(dh, hn::BitCast(dh, b), hn::BitCast(dh, a)), dh, to + part * step);
  }
#endif
}

/// `count` numbers, a multiple of 32, → their parts.
template <int kParts>
HWY_INLINE void split_row(const float* HWY_RESTRICT from, std::int64_t count, std::uint16_t* HWY_RESTRICT to, std::int64_t step) {
  const Floats d;
  for (std::int64_t i = 0; i < count; i += 2 * static_cast<std::int64_t>(kLanes))
    store_parts<kParts>(hn::LoadU(d, from + i), hn::LoadU(d, from + i + kLanes), to + i, step);
}

/// A row of `width` elements → its parts, `step` apart; zeros up to the unit's depth. No row: zeros.
template <int kParts>
HWY_INLINE void split_input_row(const Plan& plan, const std::byte* from, std::int64_t width, float* wide, std::uint16_t* to, std::int64_t step) {
  const std::int64_t depth = plan.matrix.depth;
  if (!from) {
    for (int part = 0; part < kParts; ++part) std::fill_n(to + part * step, depth, std::uint16_t{0});
  } else if constexpr (kParts == 1) {  // bf16 as it is
    std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof *to);
    std::fill(to + width, to + depth, std::uint16_t{0});
  } else {
    widen_row(plan.call.dtype, from, width, wide);
    std::fill(wide + width, wide + depth, 0.0f);
    split_row<kParts>(wide, depth, to, step);
  }
}

/// Q of a task's group → its rows of the unit's Q.
template <int kParts>
inline void split_q(const Plan& plan, const Group& group, std::int64_t index, const MatrixMemory& memory) {
  const GroupPlace& place = group.place;
  const std::int64_t depth = plan.matrix.depth, step = kTaskGroups * kGroupRows * depth;
  for (std::int64_t row = 0; row < kGroupRows; ++row) {
    const std::byte* const from = row < place.rows ? row_address(plan, plan.call.q, place.b, place.h, place.first + row) : nullptr;
    split_input_row<kParts>(plan, from, plan.call.head_dim, memory.wide, memory.q + (index * kGroupRows + row) * depth, step);
  }
}

/// K of a tile → [panel][part][depth / 2][16 columns] pairs; zeros beyond the last column, up to whole pairs of panels.
template <int kParts>
inline void split_k(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to) {
  const std::int64_t width = plan.call.head_dim, depth = plan.matrix.depth;
  const bool in_place = kParts == 1 && width == depth;
  for (std::int64_t column = 0; column < round_up(count, 2 * kPanel); column += kPanel) {
    const std::byte* from[kPanel];
    for (std::int64_t i = 0; i < kPanel; ++i) {
      from[i] = column + i < count ? row_address(plan, plan.call.k, b, h, first + column + i) : nullptr;
      if (!in_place || !from[i]) split_input_row<kParts>(plan, from[i], width, memory.wide, memory.rows + i * kParts * depth, depth);
    }
    for (int part = 0; part < kParts; ++part, to += depth / 2 * kPanel) {
      const float* rows[kPanel];  // of pairs, which are moved as if they were floats
      for (std::int64_t i = 0; i < kPanel; ++i)
        rows[i] = in_place && from[i] ? reinterpret_cast<const float*>(from[i]) : reinterpret_cast<const float*>(memory.rows + (i * kParts + part) * depth);
      transpose_panel(rows, depth / 2, to);
    }
  }
}

/// V of a tile → [chunk of 32 columns][part][value panel][16 pairs of columns][16]; zeros beyond the last column, up to a whole chunk.
template <int kParts>
inline void split_v(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const auto upper = hn::Set(du, 0xFFFF0000u);
  const std::int64_t width = plan.call.value_dim, padded = plan.value_padded, panels = padded / kPanel;
  const auto row_of = [&](std::int64_t column, float* wide) {
    if (column < count) widen_row(plan.call.dtype, row_address(plan, plan.call.v, b, h, first + column), width, wide);
    std::fill(wide + (column < count ? width : 0), wide + padded, 0.0f);
    return wide;
  };
  for (std::int64_t column = 0; column < round_up(count, kTileDepth); column += 2) {
    const float *const even = row_of(column, memory.wide), *const odd = row_of(column + 1, memory.wide + padded);
    float* const chunk = to + column / kTileDepth * kParts * panels * kTileFloats + column % kTileDepth / 2 * kTilePairs;
    for (std::int64_t i = 0; i < padded; i += static_cast<std::int64_t>(kLanes)) {
      Vector low = hn::LoadU(d, even + i), high = hn::LoadU(d, odd + i);
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        const auto a = take_part<kParts>(part, low), c = take_part<kParts>(part, high);
        hn::Store(hn::BitCast(d, hn::Or(hn::ShiftRight<16>(a), hn::And(c, upper))), d, chunk + (part * panels + i / kPanel) * kTileFloats + i % kPanel);
      }
    }
  }
}

/// The chunks of 32 columns that a set of panels needs.
inline std::uint32_t chunks_of(PanelSet panels) {
  std::uint32_t chunks = 0;
  for (PanelSet rest = panels; rest != 0; rest &= rest - 1) chunks |= std::uint32_t{1} << (std::countr_zero(rest) / 2);
  return chunks;
}

/// S = Q K for 32 rows and the pairs of panels in `chunks`, bit c: panels 2 c and 2 c + 1. C in tiles 0 to 3, 2 x 2; Q in 4 and 5, K in 6 and 7.
template <class Tiles, int kParts>
HWY_NOINLINE void matrix_qk(const Plan& plan, const std::uint16_t* q, const float* k, std::uint32_t chunks, float* s, Ahead& ahead) {
  constexpr std::int64_t kRowBytes = 64;
  const std::int64_t depth = plan.matrix.depth, q_part = kTaskGroups * kGroupRows * depth, k_part = depth / 2 * kPanel, k_panel = kParts * k_part;
  const std::int64_t q_step = depth * static_cast<std::int64_t>(sizeof *q), s_step = plan.s_stride * static_cast<std::int64_t>(sizeof *s);
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const std::int64_t panel = 2 * std::int64_t{std::countr_zero(rest)};
    ahead.step(plan), ahead.step(plan);
    Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
    for (std::int64_t i = 0; i < depth; i += kTileDepth) {
      const std::uint16_t* const queries = q + i;
      const float* const keys = k + panel * k_panel + i / 2 * kPanel;
#pragma GCC unroll 2
      for (int a = 0; a < kParts; ++a) {
        Tiles::template load<4>(queries + a * q_part, q_step);
        Tiles::template load<5>(queries + a * q_part + kTileRows * depth, q_step);
#pragma GCC unroll 2
        for (int b = 0; b < kParts; ++b) {
          Tiles::template load<6>(keys + b * k_part, kRowBytes);
          Tiles::template load<7>(keys + b * k_part + k_panel, kRowBytes);
          Tiles::template multiply<0, 4, 6>(), Tiles::template multiply<1, 4, 7>();
          Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
        }
      }
    }
    float *const top = s + panel * kPanel, *const bottom = top + kTileRows * plan.s_stride;
    Tiles::template store<0>(top, s_step), Tiles::template store<1>(top + kPanel, s_step);
    Tiles::template store<2>(bottom, s_step), Tiles::template store<3>(bottom + kPanel, s_step);
  }
}

/// Where the weights of 16 rows are in P, [part][16][p_stride]: a chunk of columns after the other. If all values are multiplied at once, two places are
/// enough, which stay in L1.
struct WeightPlaces {
  std::uint16_t* p;
  int mask;
  std::uint16_t* at(int chunk) const { return p + (chunk & mask) * kTileDepth; }
};

/// Value panels that are multiplied at once: tiles 0 to 3 hold their outputs.
inline constexpr std::int64_t kPanelsAtOnce = 4;

inline WeightPlaces weight_places(const Plan& plan, std::uint16_t* p) { return {p, plan.value_padded <= kPanelsAtOnce * kPanel ? 1 : -1}; }

/// O += P V for 16 rows and kPanels panels of values over `chunks`; V's chunk c is at v + c * v_chunk. Calls weigh(chunk), which writes the weights there,
/// right before they are multiplied, so that they need not be kept. P in tiles 4 and 5, V in 6 and 7.
template <class Tiles, int kParts, int kPanels, class Weigh>
HWY_INLINE void matrix_pv_panels(const Plan& plan, const WeightPlaces& places, const float* v, std::int64_t v_chunk, std::uint32_t chunks, float* o, const Weigh& weigh) {
  static_assert(kWeightParts == 2);
  constexpr std::int64_t kRowBytes = 64;
  const std::int64_t p_step = plan.matrix.p_stride * static_cast<std::int64_t>(sizeof(std::uint16_t)), p_part = kTileRows * plan.matrix.p_stride;
  const std::int64_t o_step = plan.value_padded * static_cast<std::int64_t>(sizeof *o), v_part = plan.value_padded / kPanel * kTileFloats;
  Tiles::template load<0>(o, o_step);
  if constexpr (kPanels > 1) Tiles::template load<1>(o + kPanel, o_step);
  if constexpr (kPanels > 2) Tiles::template load<2>(o + 2 * kPanel, o_step);
  if constexpr (kPanels > 3) Tiles::template load<3>(o + 3 * kPanel, o_step);
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const int chunk = std::countr_zero(rest);
    weigh(chunk);
    const std::uint16_t* const weights = places.at(chunk);
    Tiles::template load<4>(weights, p_step), Tiles::template load<5>(weights + p_part, p_step);
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      const float* const values = v + chunk * v_chunk + part * v_part;
      Tiles::template load<6>(values, kRowBytes);
      Tiles::template multiply<0, 4, 6>();
      if constexpr (kPanels > 1) Tiles::template load<7>(values + kTileFloats, kRowBytes), Tiles::template multiply<1, 4, 7>();
      Tiles::template multiply<0, 5, 6>();
      if constexpr (kPanels > 1) Tiles::template multiply<1, 5, 7>();
      if constexpr (kPanels > 2) Tiles::template load<6>(values + 2 * kTileFloats, kRowBytes), Tiles::template multiply<2, 4, 6>();
      if constexpr (kPanels > 3) Tiles::template load<7>(values + 3 * kTileFloats, kRowBytes), Tiles::template multiply<3, 4, 7>();
      if constexpr (kPanels > 2) Tiles::template multiply<2, 5, 6>();
      if constexpr (kPanels > 3) Tiles::template multiply<3, 5, 7>();
    }
  }
  Tiles::template store<0>(o, o_step);
  if constexpr (kPanels > 1) Tiles::template store<1>(o + kPanel, o_step);
  if constexpr (kPanels > 2) Tiles::template store<2>(o + 2 * kPanel, o_step);
  if constexpr (kPanels > 3) Tiles::template store<3>(o + 3 * kPanel, o_step);
}

/// The same for all values; the weights are found with the first of them.
template <class Tiles, int kParts, class Weigh>
HWY_INLINE void matrix_pv(const Plan& plan, const WeightPlaces& places, const float* v, std::int64_t v_chunk, std::uint32_t chunks, float* o, const Weigh& weigh) {
  const std::int64_t panels = plan.value_padded / kPanel;
  const auto multiply = [&](std::int64_t first, const auto& before) {
    const float* const values = v + first * kTileFloats;
    float* const outputs = o + first * kPanel;
    switch (std::min(panels - first, kPanelsAtOnce)) {
      case 1: return matrix_pv_panels<Tiles, kParts, 1>(plan, places, values, v_chunk, chunks, outputs, before);
      case 2: return matrix_pv_panels<Tiles, kParts, 2>(plan, places, values, v_chunk, chunks, outputs, before);
      case 3: return matrix_pv_panels<Tiles, kParts, 3>(plan, places, values, v_chunk, chunks, outputs, before);
      default: return matrix_pv_panels<Tiles, kParts, 4>(plan, places, values, v_chunk, chunks, outputs, before);
    }
  };
  multiply(0, weigh);
  for (std::int64_t first = kPanelsAtOnce; first < panels; first += kPanelsAtOnce) multiply(first, [](int) {});
}

/// 16 rows' scores and what their weights are found by: of two groups, of which one may have no part in the tile; or of the first row alone.
struct WeighedRows {
  const float* s = nullptr;    ///< [16][s_stride]
  float* sums = nullptr;       ///< [16][16]
  PanelSet active[kTileRows / kBlockRows] = {};
  float factors[kTileRows] = {}, shifts[kTileRows] = {};
};

/// Weights of a row, or of two of a block at once, in a chunk of columns → P; without kLow or kHigh, those of one panel are 0. Adds to the rows' sums as `exponentials` does.
template <int kRows, bool kLow, bool kHigh>
HWY_INLINE void weigh_rows(const Plan& plan, const WeighedRows& rows, std::int64_t first, int chunk, std::uint16_t* HWY_RESTRICT p) {
  const Floats d;
  constexpr std::size_t kPanels = std::size_t{kLow} + std::size_t{kHigh}, kVectors = kPanels * kPanelVectors, kFirst = kLow ? 0 : kPanelVectors;
  const float* const s = rows.s + first * plan.s_stride + chunk * kTileDepth + kFirst * kLanes;
  Vector weights[kRows * kVectors];
  for (std::size_t i = 0; i < kRows * kVectors; ++i) {
    const std::size_t row = i / kVectors, at = static_cast<std::size_t>(first) + row;
    weights[i] = hn::MulSub(hn::Load(d, s + row * static_cast<std::size_t>(plan.s_stride) + i % kVectors * kLanes), hn::Set(d, rows.factors[at]), hn::Set(d, rows.shifts[at]));
  }
  exp2_of_each(weights);
  for (std::size_t row = 0; row < kRows; ++row) {
    float* const sums = rows.sums + (first + static_cast<std::int64_t>(row)) * kPanel;
    std::uint16_t* const to = p + (first + static_cast<std::int64_t>(row)) * plan.matrix.p_stride;
    Vector both[2 * kPanelVectors];
    for (Vector& weight : both) weight = hn::Zero(d);
    for (std::size_t v = 0; v < kVectors; ++v) both[kFirst + v] = weights[row * kVectors + v];
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      Vector sum = hn::Load(d, sums + v * kLanes);
      if constexpr (kLow) sum = hn::Add(sum, both[v]);
      if constexpr (kHigh) sum = hn::Add(sum, both[kPanelVectors + v]);
      hn::Store(sum, d, sums + v * kLanes);
    }
    for (std::size_t v = 0; v < 2 * kPanelVectors; v += 2) store_parts<kWeightParts, true>(both[v], both[v + 1], to + v * kLanes, kTileRows * plan.matrix.p_stride);
  }
}

/// The same for whichever panels are active.
template <int kRows>
HWY_INLINE void weigh_active_rows(const Plan& plan, const WeighedRows& rows, std::int64_t first, int chunk, std::uint16_t* HWY_RESTRICT p) {
  const PanelSet active = rows.active[first / kBlockRows] >> (2 * chunk) & 3;
  if (active == 3)
    weigh_rows<kRows, true, true>(plan, rows, first, chunk, p);
  else if (active == 1)
    weigh_rows<kRows, true, false>(plan, rows, first, chunk, p);
  else if (active == 2)
    weigh_rows<kRows, false, true>(plan, rows, first, chunk, p);
  else
    for (int part = 0; part < kWeightParts; ++part)
      for (int i = 0; i < kRows; ++i) std::fill_n(p + (part * kTileRows + first + i) * plan.matrix.p_stride, kTileDepth, std::uint16_t{0});
}

/// Weights of 16 rows in a chunk of columns → P; what is not active is 0.
HWY_INLINE void weigh_chunk(const Plan& plan, const WeighedRows& rows, int chunk, std::uint16_t* HWY_RESTRICT p) {
  constexpr int kAtOnce = kPanelVectors == 1 ? 2 : 1;
  for (std::int64_t row = 0; row < kTileRows; row += kAtOnce) weigh_active_rows<kAtOnce>(plan, rows, row, chunk, p);
}

/// The first row alone, in one chunk, whose V is `v`: its weights, and O += P V.
template <class Tiles, int kParts>
HWY_NOINLINE void weigh_and_multiply_row(const Plan& plan, const WeighedRows& rows, std::uint16_t* p, const float* v, int chunk, float* o) {
  const WeightPlaces places = weight_places(plan, p);
  matrix_pv<Tiles, kParts>(plan, places, v, 0, std::uint32_t{1} << chunk, o, [&](int) {
    for (std::int64_t row = 0; row < kWeightParts * kTileRows; ++row) std::fill_n(places.at(chunk) + row * plan.matrix.p_stride, kTileDepth, std::uint16_t{0});
    weigh_active_rows<1>(plan, rows, 0, chunk, places.at(chunk));
  });
}

/// The weights of 16 rows, and O += P V.
template <class Tiles, int kParts>
HWY_NOINLINE void weigh_and_multiply(const Plan& plan, const WeighedRows& rows, std::uint16_t* p, const float* v, std::int64_t v_chunk, std::uint32_t chunks, float* o) {
  const WeightPlaces places = weight_places(plan, p);
  matrix_pv<Tiles, kParts>(plan, places, v, v_chunk, chunks, o, [&](int chunk) { weigh_chunk(plan, rows, chunk, places.at(chunk)); });
}

/// Floats from a chunk of 32 columns of V to the next.
inline std::int64_t v_chunk_floats(const Plan& plan) { return plan.matrix.parts * kTilePairs * plan.value_padded; }

/// A chunk of V without the columns that are not in `keep`, bit i: column i: so that NaN and inf there are not even multiplied by 0.
inline void keep_columns(const Plan& plan, const float* from, std::uint32_t keep, float* HWY_RESTRICT to) {
  const auto* pairs = reinterpret_cast<const std::uint32_t*>(from);
  auto* kept = reinterpret_cast<std::uint32_t*>(to);
  for (std::int64_t i = 0; i < v_chunk_floats(plan); ++i) {
    const std::uint32_t two = keep >> (2 * (i / kTilePairs % kTileRows)) & 3;
    kept[i] = pairs[i] & (((two & 1) != 0 ? 0x0000FFFFu : 0) | ((two & 2) != 0 ? 0xFFFF0000u : 0));
  }
}

/// Calls use.operator()<parts of a number of q, k and v>().
template <class Use>
HWY_INLINE void with_parts(const Plan& plan, const Use& use) {
  if (plan.matrix.parts == 1)
    use.template operator()<1>();
  else
    use.template operator()<2>();
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
