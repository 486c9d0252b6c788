// Packing: q, k and v of any float type and stride into the kernels' f32 layouts. Included once for each instruction set.
#if defined(FLEXC_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_PACK_INL_H_
#undef FLEXC_CPU_PACK_INL_H_
#else
#define FLEXC_CPU_PACK_INL_H_
#endif

#include <cstring>

#include "templates/cpu/products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// Widens `count` elements, exactly.
template <class Half>
HWY_INLINE void widen_halves(const Half* from, std::int64_t count, float (*widen_one)(std::uint16_t), float* HWY_RESTRICT to) {
  const Floats d;
  const hn::Rebind<Half, Floats> dh;
  std::int64_t i = 0;
  for (; i + static_cast<std::int64_t>(kLanes) <= count; i += static_cast<std::int64_t>(kLanes)) hn::StoreU(hn::PromoteTo(d, hn::LoadU(dh, from + i)), d, to + i);
  for (; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + i, sizeof bits);
    to[i] = widen_one(bits);
  }
}

HWY_INLINE void widen_row(DType type, const std::byte* from, std::int64_t count, float* HWY_RESTRICT to) {
  if (type == DType::F32) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  else if (type == DType::BF16) widen_halves(reinterpret_cast<const hwy::bfloat16_t*>(from), count, bf16_to_float, to);
  else widen_halves(reinterpret_cast<const hwy::float16_t*>(from), count, f16_to_float, to);
}

/// K of a tile → [panel][head_dim][16]. A panel's rows are widened first, so that its transposition reads from L1.
inline void pack_k(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, float* HWY_RESTRICT rows, float* HWY_RESTRICT to) {
  const std::int64_t width = plan.call.head_dim;
  for (std::int64_t column = 0; column < count; column += kPanel) {
    const std::int64_t present = std::min(kPanel, count - column);
    for (std::int64_t i = 0; i < present; ++i) widen_row(plan.call.dtype, row_address(plan, plan.call.k, b, h, first + column + i), width, rows + i * width);
    std::fill(rows + present * width, rows + kPanel * width, 0.0f);
    float* panel = to + column * width;
    for (std::int64_t i = 0; i < width; ++i)
      for (std::int64_t lane = 0; lane < kPanel; ++lane) panel[i * kPanel + lane] = rows[lane * width + i];
  }
}

/// V of a tile → [value panel][tile][16].
inline void pack_v(const Plan& plan, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, float* HWY_RESTRICT row, float* HWY_RESTRICT to) {
  const std::int64_t width = plan.call.value_dim, panel_floats = plan.tile * kPanel;
  std::fill(row + width, row + plan.value_padded, 0.0f);
  for (std::int64_t column = 0; column < count; ++column) {
    widen_row(plan.call.dtype, row_address(plan, plan.call.v, b, h, first + column), width, row);
    for (std::int64_t i = 0; i < plan.value_padded; i += kPanel) std::memcpy(to + i / kPanel * panel_floats + column * kPanel, row + i, kPanel * sizeof(float));
  }
  // Columns that do not exist are never multiplied: products stop at the last kept column.
}

inline void pack_tile(const Plan& plan, std::int64_t unit, std::int64_t tile, float* rows, float* target) {
  const std::int64_t b = unit / plan.call.kv_heads, h = unit % plan.call.kv_heads, first = tile * plan.tile, count = plan.tile_count(tile);
  pack_k(plan, b, h, first, count, rows, target);
  pack_v(plan, b, h, first, count, rows, target + plan.k_floats);
}

/// Q of a group → [block][head_dim][4], times q_factor; rows that do not exist are zeros.
inline void pack_q(const Plan& plan, const Group& group, float* HWY_RESTRICT row_values) {
  const std::int64_t width = plan.call.head_dim;
  const GroupPlace& place = group.place;
  std::fill(group.q, group.q + kGroupRows * width, 0.0f);
  for (std::int64_t row = 0; row < place.rows; ++row) {
    widen_row(plan.call.dtype, row_address(plan, plan.call.q, place.b, place.h, place.first + row), width, row_values);
    float* to = group.q + row / kBlockRows * kBlockRows * width + row % kBlockRows;
    for (std::int64_t i = 0; i < width; ++i) to[i * kBlockRows] = row_values[i] * plan.q_factor;
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
