// Numbers as sums of parts, each a bf16, for the matrix unit, which multiplies bf16 and sums in f32: products of sums are sums of products. bf16 is one part, f16
// two and f32 three, all exact; weights are two, and three in f32. Included once for each instruction set.
#if defined(FLEXC_CPU_MATRIX_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_MATRIX_PARTS_INL_H_
#undef FLEXC_CPU_MATRIX_PARTS_INL_H_
#else
#define FLEXC_CPU_MATRIX_PARTS_INL_H_
#endif

#include <algorithm>
#include <bit>
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

/// f32 inputs within reach of the unit, besides 0. The unit has 0 for what is below f32's normal range: within reach that is less than 2^-26 of a product of two inputs. And no sum of
/// products leaves the range.
inline constexpr float kLeastReach = 0x1p-50f, kMostReach = 0x1p56f;

/// Whether all numbers that a lane has seen are within reach. By their bits without the sign, twice as large: as integers those are in the order of the numbers' sizes, infinities and NaNs
/// are the largest, and a 0 less 1 is out of the way.
class Reach {
 public:
  HWY_INLINE Reach() : most_(hn::Zero(Bits())), least_(hn::Set(Bits(), ~0u)) {}  // written out: an implicit one would not be for the instruction set
  HWY_INLINE void look_at(Vector x) {
    const auto size = hn::ShiftLeft<1>(bits_of(x));
    most_ = hn::Max(most_, size);
    least_ = hn::Min(least_, hn::Sub(size, hn::Set(Bits(), 1u)));
  }
  HWY_INLINE auto within() const {
    const auto least = hn::Set(Bits(), std::bit_cast<std::uint32_t>(kLeastReach) * 2 - 1), most = hn::Set(Bits(), std::bit_cast<std::uint32_t>(kMostReach) * 2);
    return hn::And(hn::Eq(hn::Min(least_, least), least), hn::Eq(hn::Max(most_, most), most));
  }
  HWY_INLINE bool all_within() const { return hn::AllTrue(Bits(), within()); }

 private:
  using Bits = hn::RebindToUnsigned<Floats>;
  hn::Vec<Bits> most_, least_;
};

/// `count` numbers times `factor`, a multiple of 32, → their parts, `step` apart. Returns whether all are within reach, of three parts.
template <int kParts>
HWY_INLINE bool split_row([[maybe_unused]] const float* HWY_RESTRICT from, [[maybe_unused]] std::int64_t count, [[maybe_unused]] float factor, [[maybe_unused]] std::uint16_t* HWY_RESTRICT to,
                          [[maybe_unused]] std::int64_t step) {
  Reach reach;
#if HWY_TARGET != HWY_SCALAR
  const Floats d;
  const hn::Repartition<std::uint16_t, Floats> dh;
  const Vector scale = hn::Set(d, factor);
  for (std::int64_t i = 0; i < count; i += 2 * static_cast<std::int64_t>(kLanes)) {
    Vector low = hn::LoadU(d, from + i), high = hn::LoadU(d, from + i + kLanes);
    if constexpr (kParts == 3) {
      low = hn::Mul(low, scale), high = hn::Mul(high, scale);
      reach.look_at(low), reach.look_at(high);
    }
#pragma GCC unroll 3
    for (int part = 0; part < kParts; ++part) {
      const auto a = take_input_part<kParts>(part, low), b = take_input_part<kParts>(part, high);
      hn::StoreU(hn::ConcatOdd(dh, hn::BitCast(dh, b), hn::BitCast(dh, a)), dh, to + i + part * step);
    }
  }
#endif
  return reach.all_within();
}

/// A row of `width` elements as f32, where it lies if it is f32 of the padded width; else in `wide`, with zeros up to there. No row: zeros.
HWY_INLINE const float* padded_row(const Plan& plan, const std::byte* from, std::int64_t width, std::int64_t padded, float* wide) {
  if (from && width == padded && plan.call.dtype == DType::F32) return reinterpret_cast<const float*>(from);
  widen_padded(plan.call.dtype, from, width, padded, wide);
  return wide;
}

/// A row of `width` elements, times `factor` in three parts, → its parts, `step` apart; zeros up to the unit's depth. No row: zeros. Returns whether all is within reach.
template <int kParts>
HWY_INLINE bool split_input_row(const Plan& plan, const std::byte* from, std::int64_t width, float factor, float* wide, std::uint16_t* to, std::int64_t step) {
  const std::int64_t depth = plan.matrix.depth;
  if constexpr (kParts == 1) {  // bf16 as it is
    if (from) std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof *to);
    std::fill(to + (from ? width : 0), to + depth, std::uint16_t{0});
    return true;
  } else {
    return split_row<kParts>(padded_row(plan, from, width, depth, wide), depth, factor, to, step);
  }
}

/// Brings a row near that will be packed soon: what the processor reads ahead by itself is not enough where rows come from memory.
HWY_INLINE void bring_row(const Plan& plan, const Input& tensor, std::int64_t width, std::int64_t b, std::int64_t h, std::int64_t row) {
  const std::byte* const address = row_address(plan, tensor, b, h, row);
  for (std::int64_t i = 0; i < width * static_cast<std::int64_t>(element_size(plan)); i += kLine) bring_line<0>(address + i);
}

/// Q of a task's group → its rows of the unit's Q.
template <int kParts>
inline void split_q(const Plan& plan, Group& group, std::int64_t index, const MatrixMemory& memory) {
  const GroupPlace& place = group.place;
  const std::int64_t depth = plan.matrix.depth, step = plan.task_groups * kGroupRows * depth;
  for (std::int64_t row = 0; row < kGroupRows; ++row) {
    if (const std::int64_t later = place.first + row + kGroupRows; later < plan.call.q_len) bring_row(plan, plan.call.q, plan.call.head_dim, place.b, place.h, later);
    const std::byte* const from = row < place.rows ? row_address(plan, plan.call.q, place.b, place.h, place.first + row) : nullptr;
    group.out_of_reach[row] = !split_input_row<kParts>(plan, from, plan.call.head_dim, plan.q_factor, memory.wide, memory.q + (index * kGroupRows + row) * depth, step);
  }
}

/// Sixteen rows of f32 → the pairs of their parts: [part][depth / 2][16 rows]. Returns which rows are within reach, bit i: row i.
template <int kParts>
HWY_INLINE std::uint32_t split_panel(const EvenRows& rows, std::int64_t depth, float* HWY_RESTRICT to) {
  const std::int64_t part_floats = depth / 2 * kPanel;
  std::uint32_t within = 0;
  for (std::int64_t lane = 0; lane < kPanel; lane += static_cast<std::int64_t>(kLanes)) {
    Reach reach;
    for (std::int64_t i = 0; i < depth; i += 4) {
      Vector columns[4];
      transpose_four(rows.from(lane, i * static_cast<std::int64_t>(sizeof(float))), columns);
      for (std::int64_t pair = 0; pair < 2; ++pair) {
        Vector first = columns[2 * pair], second = columns[2 * pair + 1];
        reach.look_at(first), reach.look_at(second);
#pragma GCC unroll 3
        for (int part = 0; part < kParts; ++part) {
          const auto a = take_input_part<kParts>(part, first), c = take_input_part<kParts>(part, second);
          hn::Store(pairs_of(a, c), Floats(), to + part * part_floats + (i / 2 + pair) * kPanel + lane);
        }
      }
    }
    std::uint64_t bits = 0;
    hn::StoreMaskBits(hn::RebindToUnsigned<Floats>(), reach.within(), reinterpret_cast<std::uint8_t*>(&bits));
    within |= static_cast<std::uint32_t>(bits << lane);
  }
  return within;
}

/// K of a tile → [panel][part][depth / 2][16 columns] pairs; zeros beyond the last column, up to whole pairs of panels. Notes columns that are not within reach.
template <int kParts>
inline void split_k(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to, KeepWords& out_of_reach) {
  const std::int64_t width = plan.call.head_dim, depth = plan.matrix.depth, part_floats = depth / 2 * kPanel;
  for (std::int64_t column = 0; column < round_up(count, 2 * kPanel); column += kPanel, to += kParts * part_floats) {
    for (std::int64_t i = column + kPanel; i < std::min(count, column + 2 * kPanel); ++i) bring_row(plan, plan.call.k, width, b, h, first + i);
    if constexpr (kParts == 1) {  // pairs as they are, which are moved as if they were floats
      constexpr auto kHalf = static_cast<std::int64_t>(sizeof *memory.rows);
      const bool in_place = width == depth && column + kPanel <= count;
      if (!in_place)
        for (std::int64_t i = 0; i < kPanel; ++i)
          split_input_row<1>(plan, column + i < count ? row_address(plan, plan.call.k, b, h, first + column + i) : nullptr, width, 1.0f, nullptr, memory.rows + i * depth, depth);
      const EvenRows rows = in_place ? EvenRows{row_address(plan, plan.call.k, b, h, first + column), plan.call.k.strides.row * kHalf}
                                     : EvenRows{reinterpret_cast<const std::byte*>(memory.rows), depth * kHalf};
      transpose_panel(rows, depth / 2, to);
    } else {
      const std::uint32_t within = split_panel<kParts>(rows_of_panel(plan, b, h, first + column, count - column, depth, reinterpret_cast<float*>(memory.rows)), depth, to);
      if constexpr (kParts == 3)
        for (std::uint32_t beyond = ~within & 0xFFFFu; beyond != 0; beyond &= beyond - 1) note_column(out_of_reach, column + std::countr_zero(beyond));
    }
  }
}

inline constexpr std::int64_t kPairsAhead = 8;

/// V of a tile → [chunk of 32 columns][part][value panel][16 pairs of columns][16]; zeros beyond the last column, up to a whole chunk. Pair i of a chunk is its columns i and 16 + i,
/// which weights come in as two vectors. Notes columns that are not within reach.
template <int kParts>
inline void split_v(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, const MatrixMemory& memory, float* to, KeepWords& out_of_reach) {
  const Floats d;
  const std::int64_t width = plan.call.value_dim, padded = plan.value_padded, panels = padded / kPanel;
  const auto row_of = [&](std::int64_t column, float* wide) {
    return padded_row(plan, column < count ? row_address(plan, plan.call.v, b, h, first + column) : nullptr, width, padded, wide);
  };
  for (std::int64_t start = 0; start < count; start += kTileDepth, to += kParts * panels * kTileFloats)
    for (std::int64_t pair = 0; pair < kTileRows; ++pair) {
      const std::int64_t columns[] = {start + pair, start + kTileRows + pair};
      const std::int64_t next = pair + kPairsAhead, later = start + next / kTileRows * kTileDepth + next % kTileRows;
      for (const std::int64_t column : {later, later + kTileRows})
        if (column < count) bring_row(plan, plan.call.v, width, b, h, first + column);
      const float *const low_row = row_of(columns[0], memory.wide), *const high_row = row_of(columns[1], memory.wide + padded);
      Reach low_reach, high_reach;
      for (std::int64_t i = 0; i < padded; i += static_cast<std::int64_t>(kLanes)) {
        Vector low = hn::LoadU(d, low_row + i), high = hn::LoadU(d, high_row + i);
        low_reach.look_at(low), high_reach.look_at(high);
#pragma GCC unroll 3
        for (int part = 0; part < kParts; ++part) {
          const auto a = take_input_part<kParts>(part, low), c = take_input_part<kParts>(part, high);
          hn::Store(pairs_of(a, c), d, to + (part * panels + i / kPanel) * kTileFloats + pair * kTilePairs + i % kPanel);
        }
      }
      if constexpr (kParts == 3) {
        if (!low_reach.all_within()) note_column(out_of_reach, columns[0]);
        if (!high_reach.all_within()) note_column(out_of_reach, columns[1]);
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
