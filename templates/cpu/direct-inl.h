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

/// Rows that are multiplied together, so that K and V are read, and widened, once for all of them: with AVX-512 four by four keys, or by four vectors
/// of V, take 16 accumulators.
inline constexpr int kQkRows = kBothBlocks ? 4 : 1, kPvRows = kBothBlocks ? 4 : 2;

/// A row of a group; its weights' runs are found later.
inline DirectRow direct_row(const Plan& plan, const Group& group, int row) {
  DirectRow result;
  result.q = group.q + row * round_up(plan.call.head_dim, kPanel);
  result.s = group.s + row * plan.s_stride;
  result.o = group.o + row * plan.value_padded;
  return result;
}

/// How K and V are read: so many columns of the one, then of the other, and the rows that come so many columns later into L2 meanwhile.
struct ReadingOrder {
  std::int64_t step = kPanel, ahead = 2 * kPanel;
};

/// The order for so many rows, found by measuring (docs/performance/cpu.md, "Decode, in shorter turns" and "Decode, in longer turns again"): where both are read, a KiB of K and of V in turn, as far as whole quads
/// and panels allow: few rows on a machine with a matrix unit, more rows with AVX-512. Else whole panels, two ahead. Each turn loads and stores the outputs anew, so short vectors take larger ones where
/// rows are many; and what is read alone needs no turns.
inline ReadingOrder reading_order(const Plan& plan, int rows, bool is_alone) {
  constexpr std::int64_t kTurnBytes = 1024;
  constexpr int kFewRows = 4;
  const bool are_few = rows <= kFewRows;
  if (is_alone || !(are_few ? plan.short_turns : kBothBlocks)) return {};
  const std::int64_t bytes = std::max(plan.call.head_dim, plan.call.value_dim) * static_cast<std::int64_t>(element_size(plan));
  std::int64_t step = kQuad;
  while (step < kPanel && 2 * step * bytes <= kTurnBytes) step *= 2;
  return {step, (are_few ? 2 : 4) * step};
}

/// Rows of K or V that will be read some way ahead, which come from memory into L2 meanwhile.
class RowsAhead {
 public:
  RowsAhead() = default;
  /// For a tile's rows, from column `column` on: those `ahead` columns later.
  RowsAhead(const Plan& plan, const Input& tensor, const GroupPlace& place, std::int64_t column, std::int64_t width, std::int64_t ahead)
      : step_(tensor.strides.row * static_cast<std::int64_t>(element_size(plan))), bytes_(width * static_cast<std::int64_t>(element_size(plan))) {
    // Beyond the end nothing is read: a prefetch of what is not there has no effect.
    first_ = reinterpret_cast<std::uintptr_t>(row_address(plan, tensor, place.b, place.kv_h, column)) + static_cast<std::uintptr_t>(ahead * step_);
  }

  /// Asks for what is as far behind row `column` of the tile.
  HWY_INLINE void bring(std::int64_t column) const {
    constexpr int kIntoL2 = 2;
    const std::uintptr_t row = first_ + static_cast<std::uintptr_t>(column * step_);
    for (std::int64_t i = 0; i < bytes_; i += kLine) __builtin_prefetch(reinterpret_cast<const void*>(row + static_cast<std::uintptr_t>(i)), 0, kIntoL2);
    asm volatile("");  // as in bring_line
  }
  void stop() { bytes_ = 0; }

 private:
  std::uintptr_t first_ = 0;
  std::int64_t step_ = 0, bytes_ = 0;  ///< no bytes: nothing is read ahead
};

/// Four sums, each in 16 parts → s[0 … 3]. Parts are added in pairs, in a fixed order.
HWY_INLINE void store_sums(const Vector (&sums)[kQuad][kPanelVectors], float* HWY_RESTRICT s) {
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

/// s[column … column + 3] = q · each of four keys, for kRows rows. `width` is a multiple of 16; products are summed by d modulo 16.
template <class T, int kRows>
HWY_INLINE void dot_quad(const DirectRow* rows, const T* const (&k)[kQuad], std::size_t width, std::int64_t column) {
  const Floats d;
  Vector sums[kRows][kQuad][kPanelVectors];
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row)
    for (auto& key : sums[row])
      for (Vector& sum : key) sum = hn::Zero(d);
#pragma GCC unroll 1
  for (std::size_t i = 0; i < width; i += kPanel)
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const std::size_t at = i + v * kLanes;
      Vector keys[kQuad];
#pragma GCC unroll 4
      for (int key = 0; key < kQuad; ++key) {
        keys[key] = load_wide(k[key] + at);
        if constexpr (kRows > 1) pin(keys[key]);
      }
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        const Vector query = hn::Load(d, rows[row].q + at);
#pragma GCC unroll 4
        for (int key = 0; key < kQuad; ++key) sums[row][key][v] = hn::MulAdd(keys[key], query, sums[row][key][v]);
      }
    }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) store_sums(sums[row], rows[row].s + column);
}

/// The same for all rows.
template <class T>
HWY_INLINE void dot_rows(const DirectRow* rows, int count, const T* const (&k)[kQuad], std::size_t width, std::int64_t column) {
  int row = 0;
  if constexpr (kQkRows > 1)
    for (; row + kQkRows <= count; row += kQkRows) dot_quad<T, kQkRows>(rows + row, k, width, column);
  for (; row < count; ++row) dot_quad<T, 1>(rows + row, k, width, column);
}

/// S = Q K for the rows and some columns, in whole quads. Columns that do not exist repeat the last one; nobody looks at them.
template <class T>
HWY_NOINLINE void direct_qk(const Plan& plan, float* memory, const GroupPlace& place, const DirectRow* rows, int row_count, std::int64_t tile, Run columns, const RowsAhead& ahead) {
  const std::int64_t width = plan.call.head_dim, padded = round_up(width, kPanel), count = plan.tile_count(tile);
  const auto key_at = [&](std::int64_t column) {
    return row_address(plan, plan.call.k, place.b, place.kv_h, tile * plan.tile + std::min(column, count - 1));
  };
  for (std::int64_t column = columns.first; column < columns.end; column += kQuad) {
    for (std::int64_t i = column; i < std::min(column + kQuad, count); ++i) ahead.bring(i);
    if (padded == width) {
      const T* keys[kQuad];
      for (int i = 0; i < kQuad; ++i) keys[i] = reinterpret_cast<const T*>(key_at(column + i));
      dot_rows(rows, row_count, keys, static_cast<std::size_t>(padded), column);
    } else {
      const float* keys[kQuad];
      for (int i = 0; i < kQuad; ++i) {
        float* const key = memory + i * padded;
        widen_row(plan.call.dtype, key_at(column + i), width, key);
        std::fill(key + width, key + padded, 0.0f);
        keys[i] = key;
      }
      dot_rows(rows, row_count, keys, static_cast<std::size_t>(padded), column);
    }
  }
}

/// O = O * alpha + P V for kVectors vectors, from element `first` on, of kRows rows over what the runs of the first of them have within `some` columns; O is not multiplied without `scaled`.
/// With one vector it may have only `last` elements.
template <class T, int kRows, int kVectors>
HWY_NOINLINE void direct_pv_vectors(const DirectRow* rows, const std::byte* v, std::int64_t v_step, std::size_t first, std::size_t last, Run some, bool scaled, const RowsAhead& ahead) {
  const Floats d;
  Vector sums[kRows][kVectors];
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) {
    const Vector factor = hn::Set(d, scaled ? rows[row].alpha : 1.0f);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) sums[row][i] = hn::Mul(factor, hn::Load(d, rows[row].o + first + static_cast<std::size_t>(i) * kLanes));
  }
  const BlockRuns& runs = *rows->runs;
  for (int run = 0; run < runs.count; ++run) {
    const Run whole = runs.runs[static_cast<std::size_t>(run)], columns{std::max(whole.first, some.first), std::min(whole.end, some.end)};
    const float* p[kRows];
    for (int row = 0; row < kRows; ++row) p[row] = rows[row].s;
#pragma GCC unroll 1
    for (std::int64_t column = columns.first; column < columns.end; ++column) {
      const T* const values = reinterpret_cast<const T*>(v + column * v_step) + first;
      ahead.bring(column);
      Vector value[kVectors];
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; ++i) {
        const T* const from = values + static_cast<std::size_t>(i) * kLanes;
        value[i] = kVectors == 1 && last != kLanes ? load_wide_first(from, last) : load_wide(from);
        if constexpr (kRows > 1) pin(value[i]);
      }
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        const Vector weight = hn::Set(d, p[row][column]);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) sums[row][i] = hn::MulAdd(value[i], weight, sums[row][i]);
      }
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) hn::Store(sums[row][i], d, rows[row].o + first + static_cast<std::size_t>(i) * kLanes);
}

/// O = O * alpha + P V for kRows rows, column after column as multiply_pv does, so with the same bits.
template <class T, int kRows>
HWY_INLINE void direct_pv_rows(const Plan& plan, const DirectRow* rows, const std::byte* v, std::int64_t v_step, Run some, bool scaled, RowsAhead ahead) {
  const auto width = static_cast<std::size_t>(plan.call.value_dim);
  std::size_t done = 0;
  // What comes later is asked for once.
  const auto step = [&](std::size_t elements) {
    done += elements;
    ahead.stop();
  };
  if constexpr (kRows == 1)
    for (; done + 8 * kLanes <= width; step(8 * kLanes)) direct_pv_vectors<T, kRows, 8>(rows, v, v_step, done, kLanes, some, scaled, ahead);
  for (; done + 4 * kLanes <= width; step(4 * kLanes)) direct_pv_vectors<T, kRows, 4>(rows, v, v_step, done, kLanes, some, scaled, ahead);
  for (; done < width; step(kLanes)) direct_pv_vectors<T, kRows, 1>(rows, v, v_step, done, std::min(kLanes, width - done), some, scaled, ahead);
}

inline bool same_runs(const BlockRuns& a, const BlockRuns& b) {
  return a.count == b.count && std::equal(a.runs.begin(), a.runs.begin() + a.count, b.runs.begin(), [](const Run& x, const Run& y) { return x.first == y.first && x.end == y.end; });
}

/// Finds which rows can go through P V together: those that need the same columns.
inline void find_rows_alike(DirectRow* rows, int count) {
  for (int row = 0; row < count; row += rows[row].together) {
    int alike = 1;
    while (alike < kPvRows && row + alike < count && same_runs(*rows[row].runs, *rows[row + alike].runs)) ++alike;
    rows[row].together = alike == kPvRows ? kPvRows : 1;
  }
}

/// The same for all rows, and `some` columns of a tile; the tile's first ones are `scaled`.
template <class T>
inline void direct_pv(const Plan& plan, const GroupPlace& place, const DirectRow* rows, int count, std::int64_t tile, Run some, bool scaled, RowsAhead ahead) {
  const std::byte* const v = row_address(plan, plan.call.v, place.b, place.kv_h, tile * plan.tile);
  const std::int64_t v_step = plan.call.v.strides.row * static_cast<std::int64_t>(sizeof(T));
  for (int row = 0; row < count; row += rows[row].together, ahead.stop())
    rows[row].together == kPvRows ? direct_pv_rows<T, kPvRows>(plan, rows + row, v, v_step, some, scaled, ahead) : direct_pv_rows<T, 1>(plan, rows + row, v, v_step, some, scaled, ahead);
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
