// The two matrix products for 16-bit types on the machine's matrix unit, which multiplies bf16 and sums in f32. A number is a sum of parts, each a bf16:
// one for bf16, two for f16, exactly, and two for weights. Products of sums are sums of products. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_INL_H_
#undef FLEXC_CPU_MATRIX_INL_H_
#else
#define FLEXC_CPU_MATRIX_INL_H_
#endif

#include <algorithm>
#include <utility>

#include "templates/cpu/matrix_unit.h"
#include "templates/cpu/pack-inl.h"
#include "templates/cpu/softmax-inl.h"
#include "templates/cpu/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

static_assert(kTilePairs == kPanel, "a tile holds the pairs of a panel");

/// A product of two sums, term by term: part a of the left one times part b of the right one.
struct Term {
  int a, b;
};
/// In an order in which each term shares a part with the one before.
template <int kA, int kB>
constexpr std::array<Term, static_cast<std::size_t>(kA* kB)> make_terms() {
  std::array<Term, static_cast<std::size_t>(kA * kB)> terms{};
  std::size_t count = 0;
  for (int a = 0; a < kA; ++a)
    for (int i = 0; i < kB; ++i) terms[count++] = {a, a % 2 == 0 ? i : kB - 1 - i};
  return terms;
}

/// The next part of each number in `rest`, in the upper half of its 32 bits; what is left stays in `rest`. The last of several parts is rounded,
/// others are cut off, so that what is left is exact. An infinity has one part, and then 0 (unless kFinite says that there is none); a NaN is one in all
/// parts.
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

/// The registers of a block of 2 x 2 tiles: C 0 to 3, A 4 and 5, B 6 and 7. Loads A and B where the term before had other parts, and multiplies.
template <class Tiles, bool kTwoColumns, bool kLoadA, bool kLoadB>
HWY_INLINE void multiply_term(const std::uint16_t* a0, const std::uint16_t* a1, std::int64_t a_step, const float* b0, const float* b1) {
  constexpr std::int64_t kRowBytes = 64;
  if constexpr (kLoadA) Tiles::template load<4>(a0, a_step);
  if constexpr (kLoadB) Tiles::template load<6>(b0, kRowBytes);
  Tiles::template multiply<0, 4, 6>();
  if constexpr (kTwoColumns) {
    if constexpr (kLoadB) Tiles::template load<7>(b1, kRowBytes);
    Tiles::template multiply<1, 4, 7>();
  }
  if constexpr (kLoadA) Tiles::template load<5>(a1, a_step);
  Tiles::template multiply<2, 5, 6>();
  if constexpr (kTwoColumns) Tiles::template multiply<3, 5, 7>();
}

/// All terms of 32 rows x one or two tiles of columns over 32 products; parts of A are a_part apart, of B b_part.
template <class Tiles, int kA, int kB, bool kTwoColumns>
HWY_INLINE void multiply_terms(const std::uint16_t* a, std::int64_t a_part, std::int64_t a_stride, const float* b0, const float* b1, std::int64_t b_part) {
  static constexpr auto kTerms = make_terms<kA, kB>();
  const std::int64_t a_step = a_stride * static_cast<std::int64_t>(sizeof *a);
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    (multiply_term<Tiles, kTwoColumns, kIndex == 0 || kTerms[kIndex].a != kTerms[kIndex == 0 ? 0 : kIndex - 1].a,
                   kIndex == 0 || kTerms[kIndex].b != kTerms[kIndex == 0 ? 0 : kIndex - 1].b>(
         a + kTerms[kIndex].a * a_part, a + kTerms[kIndex].a * a_part + kTileRows * a_stride, a_step, b0 + kTerms[kIndex].b * b_part, b1 + kTerms[kIndex].b * b_part),
     ...);
  }(std::make_index_sequence<kTerms.size()>());
}

/// S = Q K for 32 rows and the pairs of panels in `chunks`, bit c: panels 2 c and 2 c + 1.
template <class Tiles, int kParts>
HWY_NOINLINE void matrix_qk(const Plan& plan, const std::uint16_t* q, const float* k, std::uint32_t chunks, float* s, Ahead& ahead) {
  const std::int64_t depth = plan.matrix.depth, q_part = kTaskGroups * kGroupRows * depth, k_part = depth / 2 * kPanel, k_panel = kParts * k_part;
  const std::int64_t s_step = plan.s_stride * static_cast<std::int64_t>(sizeof *s);
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const std::int64_t panel = 2 * std::int64_t{std::countr_zero(rest)};
    const float *k0 = k + panel * k_panel, *k1 = k0 + k_panel;
    ahead.step(plan), ahead.step(plan);
    Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
    for (std::int64_t i = 0; i < depth; i += kTileDepth, k0 += kTileFloats, k1 += kTileFloats)
      multiply_terms<Tiles, kParts, kParts, true>(q + i, q_part, depth, k0, k1, k_part);
    float *const top = s + panel * kPanel, *const bottom = top + kTileRows * plan.s_stride;
    Tiles::template store<0>(top, s_step), Tiles::template store<1>(top + kPanel, s_step);
    Tiles::template store<2>(bottom, s_step), Tiles::template store<3>(bottom + kPanel, s_step);
  }
}

/// O += P V for 32 rows over `chunks`; V's chunk c starts at v + c * v_chunk.
template <class Tiles, int kParts, bool kTwoColumns>
HWY_INLINE void matrix_pv_columns(const Plan& plan, const std::uint16_t* p, const float* v, std::int64_t v_chunk, std::int64_t v_part, std::uint32_t chunks, float* o) {
  const std::int64_t stride = plan.matrix.p_stride, p_part = kMatrixRows * stride, o_step = plan.value_padded * static_cast<std::int64_t>(sizeof *o);
  float* const bottom = o + kTileRows * plan.value_padded;
  Tiles::template load<0>(o, o_step), Tiles::template load<2>(bottom, o_step);
  if constexpr (kTwoColumns) Tiles::template load<1>(o + kPanel, o_step), Tiles::template load<3>(bottom + kPanel, o_step);
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const std::int64_t chunk = std::countr_zero(rest);
    const float* const values = v + chunk * v_chunk;
    multiply_terms<Tiles, kWeightParts, kParts, kTwoColumns>(p + chunk * kTileDepth, p_part, stride, values, values + kTileFloats, v_part);
  }
  Tiles::template store<0>(o, o_step), Tiles::template store<2>(bottom, o_step);
  if constexpr (kTwoColumns) Tiles::template store<1>(o + kPanel, o_step), Tiles::template store<3>(bottom + kPanel, o_step);
}

/// The same for all values.
template <class Tiles, int kParts>
HWY_NOINLINE void matrix_pv(const Plan& plan, const std::uint16_t* p, const float* v, std::int64_t v_chunk, std::uint32_t chunks, float* o) {
  const std::int64_t panels = plan.value_padded / kPanel, v_part = panels * kTileFloats;
  std::int64_t panel = 0;
  for (; panel + 2 <= panels; panel += 2)
    matrix_pv_columns<Tiles, kParts, true>(plan, p, v + panel * kTileFloats, v_chunk, v_part, chunks, o + panel * kPanel);
  if (panel < panels) matrix_pv_columns<Tiles, kParts, false>(plan, p, v + panel * kTileFloats, v_chunk, v_part, chunks, o + panel * kPanel);
}

/// Weights of a row → P, over `chunks`; what is not in `active` is 0.
HWY_INLINE void split_weights(const Plan& plan, const float* s, PanelSet active, std::uint32_t chunks, std::uint16_t* p) {
  const Floats d;
  alignas(64) static constexpr float kZeros[kPanel] = {};
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const int chunk = std::countr_zero(rest);
    alignas(64) float weights[kTileDepth];
    for (int half = 0; half < 2; ++half)
      std::copy_n((active >> (2 * chunk + half) & 1) != 0 ? s + chunk * kTileDepth + half * kPanel : kZeros, kPanel, weights + half * kPanel);
    for (std::size_t i = 0; i < static_cast<std::size_t>(kTileDepth); i += 2 * kLanes)
      store_parts<kWeightParts, true>(hn::Load(d, weights + i), hn::Load(d, weights + i + kLanes), p + chunk * kTileDepth + i, kMatrixRows * plan.matrix.p_stride);
  }
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

/// A group's rows of P are 0 in `chunks`.
inline void clear_weights(const Plan& plan, std::uint32_t chunks, std::uint16_t* p) {
  for (int part = 0; part < kWeightParts; ++part, p += (kMatrixRows - kGroupRows) * plan.matrix.p_stride)
    for (std::int64_t row = 0; row < kGroupRows; ++row, p += plan.matrix.p_stride)
      for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) std::fill_n(p + std::countr_zero(rest) * kTileDepth, kTileDepth, std::uint16_t{0});
}

/// Where the weights of a group's tile go as parts: a row every p_stride, over `chunks`.
struct WeightParts {
  std::uint16_t* p = nullptr;  ///< of the group's first row; null: weights stay in S
  std::uint32_t chunks = 0;
};

/// As exponentials and split_weights one after the other, but S stays.
HWY_NOINLINE inline void exponentials_in_parts(const Plan& plan, const float* HWY_RESTRICT s, PanelSet active, std::uint32_t chunks, float factor_value, float shift_value,
                                        float alpha_value, float* HWY_RESTRICT sums, std::uint16_t* HWY_RESTRICT p) {
  const Floats d;
  const Vector factor = hn::Set(d, factor_value), shift = hn::Set(d, shift_value), alpha = hn::Set(d, alpha_value);
  const std::int64_t step = kMatrixRows * plan.matrix.p_stride;
  Vector sum[kPanelVectors];
  for (std::size_t v = 0; v < kPanelVectors; ++v) sum[v] = hn::Mul(alpha, hn::Load(d, sums + v * kLanes));
  for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
    const int chunk = std::countr_zero(rest);
    Vector weights[2 * kPanelVectors];
    for (std::size_t half = 0; half < 2; ++half) {
      const bool is_active = (active >> (2 * static_cast<std::size_t>(chunk) + half) & 1) != 0;
      for (std::size_t v = 0; v < kPanelVectors; ++v) {
        Vector& weight = weights[half * kPanelVectors + v];
        weight = hn::Zero(d);
        if (!is_active) continue;
        weight = exp2_of(hn::MulSub(hn::Load(d, s + chunk * kTileDepth + half * kPanel + v * kLanes), factor, shift));
        sum[v] = hn::Add(sum[v], weight);
      }
    }
    for (std::size_t v = 0; v < 2 * kPanelVectors; v += 2) store_parts<kWeightParts, true>(weights[v], weights[v + 1], p + chunk * kTileDepth + v * kLanes, step);
  }
  for (std::size_t v = 0; v < kPanelVectors; ++v) hn::Store(sum[v], d, sums + v * kLanes);
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
