// The two matrix products, in blocks of 4 rows x 2 vectors: eight accumulators cover four cycles of latency in two pipes.
// Included once for each instruction set.
#if defined(FLEXC_CPU_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_PRODUCTS_INL_H_
#undef FLEXC_CPU_PRODUCTS_INL_H_
#else
#define FLEXC_CPU_PRODUCTS_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

#include "templates/cpu/ahead.h"
#include "templates/cpu/tile_columns.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPanel>;
using Vector = hn::Vec<Floats>;
inline constexpr std::size_t kLanes = hn::MaxLanes(Floats());
inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
inline constexpr std::size_t kPanelVectors = kPanel / kLanes;
static_assert(kPanel % kLanes == 0);

/// Keeps a loaded vector in a register. GCC would fold the load into each of the four multiplications that use it, and the loads
/// would then bind (64 % of the peak for 96 %).
HWY_INLINE void pin([[maybe_unused]] Vector& value) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
  asm("" : "+v"(value.raw));
#endif
}

/// Has an address found from the one before. GCC would find all rows' addresses beforehand, more than there are registers (decision 147).
template <class T>
HWY_INLINE void one_by_one([[maybe_unused]] T*& address) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  asm("" : "+r"(address));
#endif
}

/// a where it is greater, else b: b too if one of them is a NaN. That is what x86's maximum does.
HWY_INLINE Vector greater_or_second(Vector a, Vector b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(a, b);
#else
  return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}

/// Up to this head width a product is one sum; beyond, sums of kChunk.
inline constexpr std::size_t kLongestSum = 128, kChunk = 64;

/// Rows that are multiplied together where both blocks of a group need the same columns: eight with AVX-512, whose 32 registers hold
/// 16 accumulators and their operands. K and V then come from L2 half as often, and the ends of a loop are half as many.
inline constexpr bool kBothBlocks = kLanes == static_cast<std::size_t>(kPanel);

/// Parts that a group's product by a panel comes in, each of four or eight rows by a vector.
inline constexpr std::int64_t kPartsOfGroup = (kBothBlocks ? 1 : kBlocks) * static_cast<std::int64_t>(kPanelVectors);

/// S = Q x kVectors vectors of columns for `kRows` rows, 4 or 8, over `count` of the head's elements; with `add` that is added to S. Rows of `q` are
/// q_stride apart; k0 and k1 step by 16. With kVectors 1, k1 and s1 are not used. Each product is a
/// sequence of fused additions upwards, so it is the same in every shape of block. `tops`, if any, is [kRows][16]: the rows' largest products so far, by column modulo 16; a NaN does not count.
template <int kRows, int kVectors>
HWY_NOINLINE void multiply_qk(const float* HWY_RESTRICT q, std::size_t q_stride, const float* HWY_RESTRICT k0, const float* HWY_RESTRICT k1,
                              std::size_t count, bool add, float* HWY_RESTRICT s0, float* HWY_RESTRICT s1, std::size_t s_stride, float* HWY_RESTRICT tops) {
  const Floats d;
  Vector a[kRows], b[kRows];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) a[row] = b[row] = hn::Zero(d);
  // Two pointers and three steps, not eight pointers: those would be more than there are registers.
  const std::size_t steps[kBlockRows] = {0, q_stride, 2 * q_stride, 3 * q_stride};
  const float *q4 = q + kBlockRows * q_stride, *const end = q + count;
#pragma GCC unroll 4
  for (; q != end; ++q, ++q4, k0 += kPanel, k1 += kPanel) {
    Vector k = hn::Load(d, k0), l = k;
    pin(k);
    if constexpr (kVectors == 2) {
      l = hn::Load(d, k1);
      pin(l);
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const Vector query = hn::Set(d, (row < kBlockRows ? q : q4)[steps[row % kBlockRows]]);
      a[row] = hn::MulAdd(k, query, a[row]);
      if constexpr (kVectors == 2) b[row] = hn::MulAdd(l, query, b[row]);
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row, s0 += s_stride, s1 += s_stride) {
    if (add) a[row] = hn::Add(hn::Load(d, s0), a[row]);
    hn::Store(a[row], d, s0);
    if constexpr (kVectors == 2) {
      if (add) b[row] = hn::Add(hn::Load(d, s1), b[row]);
      hn::Store(b[row], d, s1);
    }
  }
  if (!tops) return;
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row, tops += kPanel) {
    Vector top = greater_or_second(a[row], hn::Load(d, tops));
    if constexpr (kVectors == 2) top = greater_or_second(b[row], top);
    hn::Store(top, d, tops);
  }
}

/// The same for the whole head. Wide heads are summed in chunks, which are then added: the error of a sequence of n additions grows with n,
/// that of chunks of c with sqrt(n c).
template <int kRows, int kVectors>
HWY_INLINE void multiply_qk_chunks(const float* q, std::size_t q_stride, const float* k0, const float* k1, std::size_t head_dim, float* s0, float* s1,
                                   std::size_t s_stride, float* tops) {
  const std::size_t chunk = head_dim <= kLongestSum ? head_dim : kChunk;
  for (std::size_t first = 0; first < head_dim; first += chunk)
    multiply_qk<kRows, kVectors>(q + first, q_stride, k0 + first * kPanel, k1 + first * kPanel, HWY_MIN(chunk, head_dim - first),
                                 first != 0, s0, s1, s_stride, first + chunk >= head_dim ? tops : nullptr);
}

/// S = Q x K for all rows of a group and so many pairs of panels that follow each other, with kBothBlocks and for heads that are one sum: the sums of multiply_qk. From one pair to the next the rows'
/// largest products stay in registers, and a call's start and end are paid once.
HWY_NOINLINE inline void multiply_qk_pairs(const float* HWY_RESTRICT q, std::size_t q_stride, const float* HWY_RESTRICT k, int pairs, std::size_t head_dim, float* HWY_RESTRICT s, std::size_t s_stride,
                                           float* HWY_RESTRICT tops) {
  const Floats d;
  constexpr int kRows = kGroupRows;
  Vector top[kRows];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) top[row] = hn::Set(d, kMinusInfinity);
  const std::size_t steps[kBlockRows] = {0, q_stride, 2 * q_stride, 3 * q_stride}, panel = kPanel * head_dim;
  const float* const end = q + head_dim;
  for (; pairs > 0; --pairs, s += 2 * kPanel) {
    const float* l = k + panel;
    Vector a[kRows], b[kRows];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) a[row] = b[row] = hn::Zero(d);
    const float *query = q, *query4 = q + kBlockRows * q_stride;
#pragma GCC unroll 4
    for (; query != end; ++query, ++query4, k += kPanel, l += kPanel) {
      Vector x = hn::Load(d, k), y = hn::Load(d, l);
      pin(x);
      pin(y);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const Vector element = hn::Set(d, (row < kBlockRows ? query : query4)[steps[row % kBlockRows]]);
        a[row] = hn::MulAdd(x, element, a[row]);
        b[row] = hn::MulAdd(y, element, b[row]);
      }
    }
    float* to = s;
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row, to += s_stride) {
      one_by_one(to);
      hn::Store(a[row], d, to);
      hn::Store(b[row], d, to + kPanel);
      top[row] = greater_or_second(b[row], greater_or_second(a[row], top[row]));
    }
    k = l;  // behind the second panel
  }
  if (!tops) return;
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row, tops += kPanel) hn::Store(greater_or_second(top[row], hn::Load(d, tops)), d, tops);
}

/// What rows' products P V are added to, and where they go: memory that is a row's or a column's further on for the next one.
struct ValueRows {
  const float* from = nullptr;   ///< O so far, `width` floats a row, aligned; null: nothing but zeros
  const float* alpha = nullptr;  ///< what it is multiplied by, a number a row
  float* o = nullptr;            ///< the new O, as `from` …
  std::size_t width = 0;
  const float* ends = nullptr;  ///< … or, if they are its last products, times these numbers, one a row, `out`: rows out_step apart that need no alignment
  float* out = nullptr;
  std::int64_t out_step = 0;

  ValueRows at(std::int64_t row, std::int64_t column) const {
    ValueRows rows = *this;
    const std::int64_t offset = row * static_cast<std::int64_t>(width) + column;
    if (from) rows.from += offset, rows.alpha += row;
    rows.o += offset;
    if (ends) rows.ends += row, rows.out += row * out_step + column;
    return rows;
  }
};

/// O = O * alpha + P x V for kRows rows, over runs of columns. `p` has rows s_stride apart, v0 and v1 step by v_step and need no alignment; O's second vector follows the first one. False where
/// last products are not finite; others are not looked at.
template <int kRows, int kVectors>
HWY_NOINLINE bool multiply_pv(const float* HWY_RESTRICT p, std::size_t s_stride, const float* HWY_RESTRICT v0, const float* HWY_RESTRICT v1,
                              std::size_t v_step, const Run* runs, int run_count, const ValueRows& rows, LinesAhead ahead) {
  const Floats d;
  Vector a[kRows], b[kRows];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) a[row] = b[row] = hn::Zero(d);
  if (const float* from = rows.from) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row, from += rows.width) {
      const Vector factor = hn::Set(d, rows.alpha[row]);
      a[row] = hn::Mul(factor, hn::Load(d, from));
      if constexpr (kVectors == 2) b[row] = hn::Mul(factor, hn::Load(d, from + kLanes));
    }
  }
  const std::size_t steps[kBlockRows] = {0, s_stride, 2 * s_stride, 3 * s_stride};
  for (const Run* run = runs; run != runs + run_count; ++run) {
    const float *p0 = p + run->first, *p4 = p0 + kBlockRows * s_stride, *const end = p + run->end;
    const float *v = v0 + static_cast<std::size_t>(run->first) * v_step, *w = v1 + static_cast<std::size_t>(run->first) * v_step;
#pragma GCC unroll 4
    for (; p0 != end; ++p0, ++p4, v += v_step, w += v_step) {
      ahead.step();
      Vector x = hn::LoadU(d, v), y = x;
      pin(x);
      if constexpr (kVectors == 2) {
        y = hn::LoadU(d, w);
        pin(y);
      }
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const Vector weight = hn::Set(d, (row < kBlockRows ? p0 : p4)[steps[row % kBlockRows]]);
        a[row] = hn::MulAdd(x, weight, a[row]);
        if constexpr (kVectors == 2) b[row] = hn::MulAdd(y, weight, b[row]);
      }
    }
  }
  if (!rows.ends) {
    float* to = rows.o;
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row, to += rows.width) {
      hn::Store(a[row], d, to);
      if constexpr (kVectors == 2) hn::Store(b[row], d, to + kLanes);
    }
    return true;
  }
  float* to = rows.out;
  Vector odd = hn::Zero(d), odd2 = odd;  // 0 times inf or NaN is NaN, and a NaN stays in a sum
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row, to += rows.out_step) {
    const Vector factor = hn::Set(d, rows.ends[row]);
    odd = hn::MulAdd(a[row], hn::Zero(d), odd);
    hn::StoreU(hn::Mul(factor, a[row]), d, to);
    if constexpr (kVectors == 2) {
      odd2 = hn::MulAdd(b[row], hn::Zero(d), odd2);
      hn::StoreU(hn::Mul(factor, b[row]), d, to + kLanes);
    }
  }
  return hn::AllTrue(d, hn::Eq(hn::Add(odd, odd2), hn::Zero(d)));
}

/// The careful form of multiply_pv, for one row: what is not in `keep` is left out, so that NaN and inf there cannot reach O. What is in
/// is added in the same order, so that clean rows come out the same.
HWY_NOINLINE inline void multiply_pv_carefully(const float* HWY_RESTRICT p, const float* HWY_RESTRICT v, std::size_t v_panel, std::size_t v_step,
                                               const KeepWords& keep, float alpha, float* HWY_RESTRICT o, std::size_t width) {
  const Floats d;
  const Vector factor = hn::Set(d, alpha);
  for (std::size_t column = 0; column < width; column += kLanes) {
    const float* values = v + column / kPanel * v_panel + column % kPanel;
    Vector sum = hn::Mul(factor, hn::Load(d, o + column));
    for (std::size_t word = 0; word < kKeepWords; ++word)
      for (std::uint64_t bits = keep[word]; bits != 0; bits &= bits - 1) {
        const std::size_t i = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        sum = hn::MulAdd(hn::LoadU(d, values + i * v_step), hn::Set(d, p[i]), sum);
      }
    hn::Store(sum, d, o + column);
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
