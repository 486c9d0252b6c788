// The two matrix products for few rows: K and V are read where they lie, once, in their own type. Packing them would cost as much as
// the products themselves. Included once for each instruction set.
#if defined(FLEXC_CPU_DIRECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_DIRECT_INL_H_
#undef FLEXC_CPU_DIRECT_INL_H_
#else
#define FLEXC_CPU_DIRECT_INL_H_
#endif

#include <cstring>

#include "templates/cpu/pack-inl.h"
#include "templates/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline constexpr int kQuad = 4;  ///< keys that are multiplied together
static_assert(kPanel % kQuad == 0 && kQuad <= kBlockRows);

/// Elements as f32. None beyond the vector is touched.
HWY_INLINE Vector load_wide(const float* from) { return hn::LoadU(Floats(), from); }
template <class Half>
HWY_INLINE Vector load_wide(const Half* from) {
  return hn::PromoteTo(Floats(), hn::LoadU(hn::Rebind<Half, Floats>(), from));
}

/// The first `count` elements, then zeros.
template <class T>
HWY_INLINE Vector load_wide_first(const T* from, std::size_t count) {
  T elements[kLanes];
  std::memset(elements, 0, sizeof elements);
  std::memcpy(elements, from, count * sizeof(T));
  return load_wide(elements);
}

#if HWY_TARGET != HWY_SCALAR
/// Halves added until four lanes are left.
template <class D>
HWY_INLINE auto fold_to_four(D d, hn::Vec<D> sums) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return sums;
  } else {
    const hn::Half<D> half;
    return fold_to_four(half, hn::Add(hn::LowerHalf(half, sums), hn::UpperHalf(half, sums)));
  }
}

/// Sixteen partial sums → four, by adding halves. The order is the same whatever the vectors' length.
HWY_INLINE auto four_sums(const Vector (&parts)[kPanelVectors]) {
  const Floats d;
  Vector sums[kPanelVectors];
  for (std::size_t v = 0; v < kPanelVectors; ++v) sums[v] = parts[v];
  for (std::size_t count = kPanelVectors / 2; count > 0; count /= 2)
    for (std::size_t v = 0; v < count; ++v) sums[v] = hn::Add(sums[v], sums[v + count]);
  return fold_to_four(d, sums[0]);
}
#endif

/// s[0 … 3] = q · each of four keys. `width` is a multiple of 16; products are summed by d modulo 16.
template <class T>
HWY_INLINE void dot_quad(const float* HWY_RESTRICT q, const T* const (&k)[kQuad], std::size_t width, float* HWY_RESTRICT s) {
  const Floats d;
  Vector sums[kQuad][kPanelVectors];
  for (auto& key : sums)
    for (Vector& sum : key) sum = hn::Zero(d);
  for (std::size_t i = 0; i < width; i += kPanel)
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const std::size_t at = i + v * kLanes;
      const Vector query = hn::Load(d, q + at);
      for (int key = 0; key < kQuad; ++key) sums[key][v] = hn::MulAdd(load_wide(k[key] + at), query, sums[key][v]);
    }
#if HWY_TARGET == HWY_SCALAR
  for (int key = 0; key < kQuad; ++key) {
    float parts[kPanel];
    for (int i = 0; i < kPanel; ++i) parts[i] = hn::GetLane(sums[key][i]);
    for (int count = kPanel / 2; count > 0; count /= 2)
      for (int i = 0; i < count; ++i) parts[i] += parts[i + count];
    s[key] = parts[0];
  }
#else
  const hn::FixedTag<float, 4> d4;
  const auto a = four_sums(sums[0]), b = four_sums(sums[1]), c = four_sums(sums[2]), e = four_sums(sums[3]);
  const auto ab = hn::Add(hn::InterleaveLower(d4, a, b), hn::InterleaveUpper(d4, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d4, c, e), hn::InterleaveUpper(d4, c, e));
  hn::Store(hn::Add(hn::ConcatLowerLower(d4, ce, ab), hn::ConcatUpperUpper(d4, ce, ab)), d4, s);
#endif
}

/// Q of a group → [row][head_dim in whole panels], times q_factor.
inline void copy_q(const Plan& plan, Group& group) {
  const GroupPlace& place = group.place;
  const std::int64_t width = plan.call.head_dim, padded = round_up(width, kPanel);
  for (std::int64_t row = 0; row < place.rows; ++row) {
    float* const to = group.q + row * padded;
    widen_row(plan.call.dtype, row_address(plan, plan.call.q, place.b, place.h, place.first + row), width, to);
    for (std::int64_t i = 0; i < width; ++i) to[i] *= plan.q_factor;
    std::fill(to + width, to + padded, 0.0f);
  }
}

/// S = Q K for the panels in `active`. Columns that do not exist repeat the last one; nobody looks at them.
template <class T>
HWY_NOINLINE void direct_qk(const Plan& plan, float* memory, const Group& group, PanelSet active, std::int64_t tile, float* s) {
  const GroupPlace& place = group.place;
  const std::int64_t width = plan.call.head_dim, padded = round_up(width, kPanel), count = plan.tile_count(tile);
  const auto key_at = [&](std::int64_t column) {
    return row_address(plan, plan.call.k, place.b, place.kv_h, tile * plan.tile + std::min(column, count - 1));
  };
  for (PanelSet rest = active; rest != 0; rest &= rest - 1) {
    const std::int64_t panel = std::int64_t{std::countr_zero(rest)} * kPanel;
    for (std::int64_t column = panel; column < panel + kPanel; column += kQuad) {
      const auto multiply = [&](const auto& keys) {
        for (std::int64_t row = 0; row < place.rows; ++row)
          dot_quad(group.q + row * padded, keys, static_cast<std::size_t>(padded), s + row * plan.s_stride + column);
      };
      if (padded == width) {
        const T* keys[kQuad];
        for (int i = 0; i < kQuad; ++i) keys[i] = reinterpret_cast<const T*>(key_at(column + i));
        multiply(keys);
      } else {
        const float* keys[kQuad];
        for (int i = 0; i < kQuad; ++i) {
          float* const key = memory + i * padded;
          widen_row(plan.call.dtype, key_at(column + i), width, key);
          std::fill(key + width, key + padded, 0.0f);
          keys[i] = key;
        }
        multiply(keys);
      }
    }
  }
}

/// O = O * alpha + P V for kVectors vectors of a row, of which the last one has `last` elements.
template <class T, int kVectors>
HWY_NOINLINE void direct_pv_vectors(const float* HWY_RESTRICT p, const std::byte* v, std::int64_t v_step, const Run* runs, int run_count, float alpha,
                                    std::size_t last, float* HWY_RESTRICT o) {
  const Floats d;
  const Vector factor = hn::Set(d, alpha);
  Vector sums[kVectors];
  for (int i = 0; i < kVectors; ++i) sums[i] = hn::Mul(factor, hn::Load(d, o + static_cast<std::size_t>(i) * kLanes));
  for (const Run* run = runs; run != runs + run_count; ++run)
    for (std::int64_t column = run->first; column < run->end; ++column) {
      const T* const values = reinterpret_cast<const T*>(v + column * v_step);
      const Vector weight = hn::Set(d, p[column]);
      for (int i = 0; i < kVectors; ++i) {
        const T* const from = values + static_cast<std::size_t>(i) * kLanes;
        const Vector value = kVectors == 1 && last != kLanes ? load_wide_first(from, last) : load_wide(from);
        sums[i] = hn::MulAdd(value, weight, sums[i]);
      }
    }
  for (int i = 0; i < kVectors; ++i) hn::Store(sums[i], d, o + static_cast<std::size_t>(i) * kLanes);
}

/// O = O * alpha + P V for a row, column after column as multiply_pv does, so with the same bits.
template <class T>
inline void direct_pv(const Plan& plan, const GroupPlace& place, std::int64_t tile, const float* p, const Run* runs, int run_count, float alpha,
                      float* o) {
  const std::byte* const v = row_address(plan, plan.call.v, place.b, place.kv_h, tile * plan.tile);
  const std::int64_t v_step = plan.call.v.strides.row * static_cast<std::int64_t>(sizeof(T));
  const auto width = static_cast<std::size_t>(plan.call.value_dim);
  std::size_t done = 0;
  const auto at = [&] { return v + done * sizeof(T); };
  for (; done + 8 * kLanes <= width; done += 8 * kLanes) direct_pv_vectors<T, 8>(p, at(), v_step, runs, run_count, alpha, kLanes, o + done);
  for (; done + 4 * kLanes <= width; done += 4 * kLanes) direct_pv_vectors<T, 4>(p, at(), v_step, runs, run_count, alpha, kLanes, o + done);
  for (; done < width; done += kLanes) direct_pv_vectors<T, 1>(p, at(), v_step, runs, run_count, alpha, std::min(kLanes, width - done), o + done);
}

/// Calls use(T()) with the type of K's and V's elements.
template <class Use>
HWY_INLINE void with_element(DType type, const Use& use) {
  if (type == DType::F32)
    use(float());
  else if (type == DType::BF16)
    use(hwy::bfloat16_t());
  else
    use(hwy::float16_t());
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
