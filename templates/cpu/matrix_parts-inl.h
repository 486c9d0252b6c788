// Numbers as sums of parts, each a bf16, for the matrix unit, which multiplies bf16 and sums in f32: products of sums are sums of products. bf16 is one part, f16
// two and f32 three, all exact; weights are two, and three in f32. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_PARTS_INL_H_
#undef FLEXC_CPU_MATRIX_PARTS_INL_H_
#else
#define FLEXC_CPU_MATRIX_PARTS_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "templates/cpu/matrix_unit.h"
#include "templates/cpu/pack-inl.h"
#include "templates/cpu/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

static_assert(kTilePairs == kPanel, "a tile holds the pairs of a panel");

/// The bits of a vector of floats.
HWY_INLINE auto bits_of(Vector x) { return hn::BitCast(hn::RebindToUnsigned<Floats>(), x); }

/// The next part of each input in `rest`, in the upper half of its 32 bits; what is left stays in `rest`. Of two parts, which hold all of f16, the first is cut off; an infinity
/// has one part, and then 0, and a NaN is one in the first part at least. Of three, each is the nearest bf16, so that what products of small parts leave out is small and of either sign;
/// infinities and NaNs there are out of reach.
template <int kParts>
HWY_INLINE auto take_input_part(int part, Vector& rest) {
  const hn::RebindToUnsigned<Floats> du;
  const auto bits = bits_of(rest);
  if (kParts == 1) return bits;
  const auto nearest = hn::Add(bits, hn::Set(du, 0x8000u));
  if (part + 1 == kParts) return nearest;
  const auto taken = kParts == 2 ? bits : nearest;
  const Vector value = hn::BitCast(Floats(), hn::And(taken, hn::Set(du, 0xFFFF0000u)));
  rest = kParts == 2 ? hn::IfThenElseZero(hn::Ne(rest, value), hn::Sub(rest, value)) : hn::Sub(rest, value);
  return taken;
}

/// The same of weights, none of which is infinite: all but the last part are cut off, and the last of two is rounded. Three hold every bit.
template <int kParts>
HWY_INLINE auto take_weight_part(int part, Vector& rest) {
  const hn::RebindToUnsigned<Floats> du;
  const auto bits = bits_of(rest);
  if (part + 1 == kParts) return kParts == 2 ? hn::Add(bits, hn::Set(du, 0x8000u)) : bits;
  const auto cut = hn::And(bits, hn::Set(du, 0xFFFF0000u));
  rest = hn::Sub(rest, hn::BitCast(Floats(), cut));
  return cut;
}

/// The upper halves of two vectors as pairs of bf16: element i of `first`, then that of `second`.
template <class Bits>
HWY_INLINE Vector pairs_of(Bits first, Bits second) {
  const hn::RebindToUnsigned<Floats> du;
  return hn::BitCast(Floats(), hn::Or(hn::ShiftRight<16>(first), hn::And(second, hn::Set(du, 0xFFFF0000u))));
}

/// `count` numbers, a multiple of 32, → their parts, `step` apart.
template <int kParts>
HWY_INLINE void split_row([[maybe_unused]] const float* HWY_RESTRICT from, [[maybe_unused]] std::int64_t count, [[maybe_unused]] std::uint16_t* HWY_RESTRICT to,
                          [[maybe_unused]] std::int64_t step) {
#if HWY_TARGET != HWY_SCALAR
  const Floats d;
  const hn::Repartition<std::uint16_t, Floats> dh;
  for (std::int64_t i = 0; i < count; i += 2 * static_cast<std::int64_t>(kLanes)) {
    Vector low = hn::LoadU(d, from + i), high = hn::LoadU(d, from + i + kLanes);
#pragma GCC unroll 3
    for (int part = 0; part < kParts; ++part) {
      const auto a = take_input_part<kParts>(part, low), b = take_input_part<kParts>(part, high);
      hn::StoreU(hn::ConcatOdd(dh, hn::BitCast(dh, b), hn::BitCast(dh, a)), dh, to + i + part * step);
    }
  }
#endif
}

/// f32 inputs within reach of the unit, besides 0. The unit has 0 for what is below f32's normal range: within reach that is less than 2^-26 of a product of two inputs. And no sum of
/// products leaves the range.
inline constexpr float kLeastReach = 0x1p-50f, kMostReach = 0x1p56f;

/// Whether all of `count` numbers are within reach.
HWY_INLINE bool within_reach(const float* values, std::int64_t count) {
  const Floats d;
  const Vector least = hn::Set(d, kLeastReach), most = hn::Set(d, kMostReach), zero = hn::Zero(d);
  auto within = hn::Eq(zero, zero);
  std::int64_t i = 0;
  for (; i + static_cast<std::int64_t>(kLanes) <= count; i += static_cast<std::int64_t>(kLanes)) {
    const Vector size = hn::Abs(hn::LoadU(d, values + i));
    within = hn::And(within, hn::Or(hn::Eq(size, zero), hn::And(hn::Ge(size, least), hn::Le(size, most))));
  }
  bool all = hn::AllTrue(d, within);
  for (; i < count; ++i) {
    const float size = std::abs(values[i]);
    all &= size == 0 || (size >= kLeastReach && size <= kMostReach);
  }
  return all;
}

/// A row of `width` elements, times `factor` → its parts, `step` apart; zeros up to the unit's depth. No row: zeros. Returns whether all is within reach.
template <int kParts>
HWY_INLINE bool split_input_row(const Plan& plan, const std::byte* from, std::int64_t width, float factor, float* wide, std::uint16_t* to, std::int64_t step) {
  const std::int64_t depth = plan.matrix.depth;
  bool within = true;
  if (!from) {
    for (int part = 0; part < kParts; ++part) std::fill_n(to + part * step, depth, std::uint16_t{0});
  } else if constexpr (kParts == 1) {  // bf16 as it is
    std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof *to);
    std::fill(to + width, to + depth, std::uint16_t{0});
  } else {
    const float* values = wide;
    if (kParts == 3 && width == depth && factor == 1.0f) {  // f32 as it is
      values = reinterpret_cast<const float*>(from);
    } else {
      widen_row(plan.call.dtype, from, width, wide);
      std::fill(wide + width, wide + depth, 0.0f);
      if constexpr (kParts == 3) multiply_row(wide, depth, factor);
    }
    if constexpr (kParts == 3) within = within_reach(values, depth);
    split_row<kParts>(values, depth, to, step);
  }
  return within;
}

/// Q of a task's group → its rows of the unit's Q.
template <int kParts>
inline void split_q(const Plan& plan, Group& group, std::int64_t index, const MatrixMemory& memory) {
  const GroupPlace& place = group.place;
  const std::int64_t depth = plan.matrix.depth, step = plan.task_groups * kGroupRows * depth;
  for (std::int64_t row = 0; row < kGroupRows; ++row) {
    const std::byte* const from = row < place.rows ? row_address(plan, plan.call.q, place.b, place.h, place.first + row) : nullptr;
    group.out_of_reach[row] = !split_input_row<kParts>(plan, from, plan.call.head_dim, plan.q_factor, memory.wide, memory.q + (index * kGroupRows + row) * depth, step);
  }
}

/// K of a tile → [panel][part][depth / 2][16 columns] pairs; zeros beyond the last column, up to whole pairs of panels. Notes columns that are not within reach.
template <int kParts>
inline void split_k(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to, KeepWords& out_of_reach) {
  const std::int64_t width = plan.call.head_dim, depth = plan.matrix.depth;
  const bool in_place = kParts == 1 && width == depth;
  for (std::int64_t column = 0; column < round_up(count, 2 * kPanel); column += kPanel) {
    const std::byte* from[kPanel];
    for (std::int64_t i = 0; i < kPanel; ++i) {
      from[i] = column + i < count ? row_address(plan, plan.call.k, b, h, first + column + i) : nullptr;
      if (in_place && from[i]) continue;
      if (!split_input_row<kParts>(plan, from[i], width, 1.0f, memory.wide, memory.rows + i * kParts * depth, depth)) note_column(out_of_reach, column + i);
    }
    for (int part = 0; part < kParts; ++part, to += depth / 2 * kPanel) {
      const float* rows[kPanel];  // of pairs, which are moved as if they were floats
      for (std::int64_t i = 0; i < kPanel; ++i)
        rows[i] = in_place && from[i] ? reinterpret_cast<const float*>(from[i]) : reinterpret_cast<const float*>(memory.rows + (i * kParts + part) * depth);
      transpose_panel(rows, depth / 2, to);
    }
  }
}

/// V of a tile → [chunk of 32 columns][part][value panel][16 pairs of columns][16]; zeros beyond the last column, up to a whole chunk. Pair i of a chunk is its columns i and 16 + i,
/// which weights come in as two vectors. Notes columns that are not within reach.
template <int kParts>
inline void split_v(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to, KeepWords& out_of_reach) {
  const Floats d;
  const std::int64_t width = plan.call.value_dim, padded = plan.value_padded, panels = padded / kPanel;
  const auto row_of = [&](std::int64_t column, float* wide) -> const float* {
    const std::byte* const row = row_address(plan, plan.call.v, b, h, first + column);
    const float* values = wide;
    if (kParts == 3 && column < count && width == padded) {
      values = reinterpret_cast<const float*>(row);
    } else {
      if (column < count) widen_row(plan.call.dtype, row, width, wide);
      std::fill(wide + (column < count ? width : 0), wide + padded, 0.0f);
    }
    if (kParts == 3 && column < count && !within_reach(values, padded)) note_column(out_of_reach, column);
    return values;
  };
  for (std::int64_t start = 0; start < count; start += kTileDepth, to += kParts * panels * kTileFloats)
    for (std::int64_t pair = 0; pair < kTileRows; ++pair) {
      const float *const low_row = row_of(start + pair, memory.wide), *const high_row = row_of(start + kTileRows + pair, memory.wide + padded);
      for (std::int64_t i = 0; i < padded; i += static_cast<std::int64_t>(kLanes)) {
        Vector low = hn::LoadU(d, low_row + i), high = hn::LoadU(d, high_row + i);
#pragma GCC unroll 3
        for (int part = 0; part < kParts; ++part) {
          const auto a = take_input_part<kParts>(part, low), c = take_input_part<kParts>(part, high);
          hn::Store(pairs_of(a, c), d, to + (part * panels + i / kPanel) * kTileFloats + pair * kTilePairs + i % kPanel);
        }
      }
    }
}

/// Calls use.operator()<parts of a number of q, k and v>().
template <class Use>
HWY_INLINE void with_parts(const Plan& plan, const Use& use) {
  switch (plan.matrix.parts) {
    case 1: return use.template operator()<1>();
    case 2: return use.template operator()<2>();
    default: return use.template operator()<3>();
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
