// Packing: q, k and v of any float type and stride into the kernels' f32 layouts. Included once for each instruction set.
#if defined(FLEXC_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_PACK_INL_H_
#undef FLEXC_CPU_PACK_INL_H_
#else
#define FLEXC_CPU_PACK_INL_H_
#endif

#include <cstring>

#include "templates/cpu/products-inl.h"
#include "templates/cpu/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// Widens `count` elements, exactly.
template <class Half>
HWY_INLINE void widen_halves(const Half* from, std::int64_t count, float (*widen_one)(std::uint16_t), float* HWY_RESTRICT to) {
  const Floats d;
  const hn::Rebind<Half, Floats> dh;
  std::int64_t i = 0;
  for (; i + static_cast<std::int64_t>(kLanes) <= count; i += static_cast<std::int64_t>(kLanes))
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(dh, from + i)), d, to + i);
  for (; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    to[i] = widen_one(bits);
  }
}

HWY_INLINE void widen_row(DType type, const std::byte* from, std::int64_t count, float* HWY_RESTRICT to) {
  if (type == DType::F32)
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  else if (type == DType::BF16)
    widen_halves(reinterpret_cast<const hwy::bfloat16_t*>(from), count, bf16_to_float, to);
  else
    widen_halves(reinterpret_cast<const hwy::float16_t*>(from), count, f16_to_float, to);
}

/// values * factor, rounded to `type`, with the bits of flexc/dtype.h.
inline void store_row(DType type, const float* HWY_RESTRICT values, float factor, std::int64_t count, std::byte* to) {
  const Floats d;
  const Vector scale = hn::Set(d, factor);
  std::int64_t i = 0;
  if (type == DType::F32) {
    auto* const out = reinterpret_cast<float*>(to);
    for (; i + static_cast<std::int64_t>(kLanes) <= count; i += static_cast<std::int64_t>(kLanes)) hn::StoreU(hn::Mul(scale, hn::Load(d, values + i)), d, out + i);
    for (; i < count; ++i) out[i] = values[i] * factor;
    return;
  }
  auto* const out = reinterpret_cast<std::uint16_t*>(to);
  if (type == DType::BF16) {
    const hn::RebindToUnsigned<Floats> du;
    const hn::Rebind<std::uint16_t, Floats> dh;
    for (; i + static_cast<std::int64_t>(kLanes) <= count; i += static_cast<std::int64_t>(kLanes)) {
      const Vector value = hn::Mul(scale, hn::Load(d, values + i));
      const auto bits = hn::BitCast(du, value), high = hn::ShiftRight<16>(bits);
      const auto even = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), hn::And(high, hn::Set(du, 1u)));
      const auto narrow = hn::IfThenElse(hn::RebindMask(du, hn::Ne(value, value)), hn::Or(high, hn::Set(du, 0x40u)), hn::ShiftRight<16>(even));
      hn::StoreU(hn::TruncateTo(dh, narrow), dh, out + i);
    }
    for (; i < count; ++i) out[i] = float_to_bf16(values[i] * factor);
    return;
  }
  for (; i < count; ++i) out[i] = float_to_f16(values[i] * factor);
}

/// A row as f32: where it lies if it is f32, else widened to `memory`.
HWY_INLINE const float* widened_row(const Plan& plan, const std::byte* from, std::int64_t count, float* memory) {
  if (plan.call.dtype == DType::F32) return reinterpret_cast<const float*>(from);
  widen_row(plan.call.dtype, from, count, memory);
  return memory;
}

/// Rows that are the same number of bytes apart: with an address for each there would be more of them than registers.
struct EvenRows {
  const std::byte* first;
  std::int64_t step;
  EvenRows from(std::int64_t row, std::int64_t bytes) const { return {first + row * step + bytes, step}; }
};

#if HWY_TARGET != HWY_SCALAR
/// The first four floats of every fourth row, from the first one on: a vector of blocks of four lanes.
template <class D>
HWY_INLINE hn::Vec<D> every_fourth(D d, const EvenRows& rows) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return hn::LoadU(d, reinterpret_cast<const float*>(rows.first));
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, every_fourth(half, rows.from(hn::MaxLanes(half), 0)), every_fourth(half, rows));
  }
}
#endif

/// The first four floats of as many rows as a vector has lanes → four vectors.
HWY_INLINE void transpose_four(const EvenRows& rows, Vector (&columns)[4]) {
  const Floats d;
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) columns[i] = hn::Set(d, reinterpret_cast<const float*>(rows.first)[i]);
#else
  // Each block of four lanes is a 4 x 4 matrix of its own.
  const hn::RepartitionToWide<Floats> wide;
  const Vector a = every_fourth(d, rows), b = every_fourth(d, rows.from(1, 0)), c = every_fourth(d, rows.from(2, 0)), e = every_fourth(d, rows.from(3, 0));
  const auto ab0 = hn::BitCast(wide, hn::InterleaveLower(d, a, b)), ab1 = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce0 = hn::BitCast(wide, hn::InterleaveLower(d, c, e)), ce1 = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  columns[0] = hn::BitCast(d, hn::InterleaveLower(wide, ab0, ce0)), columns[1] = hn::BitCast(d, hn::InterleaveUpper(wide, ab0, ce0));
  columns[2] = hn::BitCast(d, hn::InterleaveLower(wide, ab1, ce1)), columns[3] = hn::BitCast(d, hn::InterleaveUpper(wide, ab1, ce1));
#endif
}

/// Sixteen rows of `width` floats → [width][16].
HWY_INLINE void transpose_panel(const EvenRows& rows, std::int64_t width, float* HWY_RESTRICT to) {
  constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
  std::int64_t i = 0;
  for (; i + 4 <= width; i += 4)
    for (std::int64_t lane = 0; lane < kPanel; lane += static_cast<std::int64_t>(kLanes)) {
      Vector columns[4];
      transpose_four(rows.from(lane, i * kFloat), columns);
      for (std::int64_t k = 0; k < 4; ++k) hn::Store(columns[k], Floats(), to + (i + k) * kPanel + lane);
    }
  for (; i < width; ++i)
    for (std::int64_t row = 0; row < kPanel; ++row) to[i * kPanel + row] = *reinterpret_cast<const float*>(rows.from(row, i * kFloat).first);
}

/// A row as f32 with zeros up to `padded` elements; no row: zeros.
HWY_INLINE void widen_padded(DType type, const std::byte* from, std::int64_t width, std::int64_t padded, float* HWY_RESTRICT to) {
  if (from) widen_row(type, from, width, to);
  std::fill(to + (from ? width : 0), to + padded, 0.0f);
}

/// Sixteen rows of K from `first` on as f32, with zeros beyond the last of `count` columns and up to `padded` elements: where they lie if they are that already, else in `memory`, [16][padded].
inline EvenRows rows_of_panel(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, std::int64_t padded, float* memory) {
  constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
  const AttentionArguments& call = plan.call;
  if (call.dtype == DType::F32 && count >= kPanel && padded == call.head_dim) return {row_address(plan, call.k, b, h, first), call.k.strides.row * kFloat};
  for (std::int64_t i = 0; i < kPanel; ++i)
    widen_padded(call.dtype, i < count ? row_address(plan, call.k, b, h, first + i) : nullptr, call.head_dim, padded, memory + i * padded);
  return {reinterpret_cast<const std::byte*>(memory), padded * kFloat};
}

/// K of a tile → [panel][head_dim][16], zeros beyond the last column.
inline void pack_k(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, float* memory, float* to) {
  const std::int64_t width = plan.call.head_dim;
  for (std::int64_t column = 0; column < count; column += kPanel, to += kPanel * width)
    transpose_panel(rows_of_panel(plan, b, h, first + column, count - column, width, memory), width, to);
}

/// V of a tile → [value panel][tile][16].
inline void pack_v(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, float* HWY_RESTRICT memory,
                   float* HWY_RESTRICT to) {
  const Floats d;
  const std::int64_t width = plan.call.value_dim, whole = width / kPanel * kPanel, panel_floats = plan.v_panel;
  std::fill(memory + width, memory + plan.value_padded, 0.0f);
  for (std::int64_t column = 0; column < count; ++column, to += kPanel) {
    const float* const row = widened_row(plan, row_address(plan, plan.call.v, b, h, first + column), width, memory);
    for (std::int64_t i = 0; i < whole; i += kPanel)
      for (std::int64_t lane = 0; lane < kPanel; lane += static_cast<std::int64_t>(kLanes))
        hn::Store(hn::LoadU(d, row + i + lane), d, to + i / kPanel * panel_floats + lane);
    if (whole == width) continue;
    if (row != memory) std::copy(row + whole, row + width, memory + whole);
    std::copy(memory + whole, memory + plan.value_padded, to + whole / kPanel * panel_floats);
  }
  // Columns that do not exist are never multiplied: products stop at the last kept column.
}

/// Q of a group → [row][head_dim in whole panels], times q_factor; rows up to `rows` that do not exist are zeros.
inline void pack_q(const Plan& plan, const Group& group, std::int64_t rows) {
  const Floats d;
  const GroupPlace& place = group.place;
  const Vector factor = hn::Set(d, plan.q_factor);
  const std::int64_t width = plan.call.head_dim, padded = round_up(width, kPanel);
  const bool as_it_lies = plan.call.dtype == DType::F32 && padded == width;
  for (std::int64_t row = 0; row < rows; ++row) {
    float* const to = group.q + row * padded;
    const std::byte* const from = row < place.rows ? row_address(plan, plan.call.q, place.b, place.h, place.first + row) : nullptr;
    const float* wide = to;
    if (as_it_lies && from)
      wide = reinterpret_cast<const float*>(from);
    else
      widen_padded(plan.call.dtype, from, width, padded, to);
    for (std::int64_t i = 0; i < padded; i += static_cast<std::int64_t>(kLanes)) hn::Store(hn::Mul(factor, hn::LoadU(d, wide + i)), d, to + i);
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
