// The online softmax of a row in a tile: scale, mask and maximum in one pass, exponentials and sums in another.
// Included once for each instruction set.
#if defined(FLEXC_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_SOFTMAX_INL_H_
#undef FLEXC_CPU_SOFTMAX_INL_H_
#else
#define FLEXC_CPU_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <iterator>
#include <limits>

#include "templates/cpu/products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// What exp2_of_each computes: t = n + r, n an integer, even where two are as near, and |r| <= 1/2; 2^r by the minimax polynomial of degree 5 with p(0) = 1, from the highest power down.
inline constexpr float kExp2[] = {0.00132647273f, 0.00967151299f, 0.0555073358f, 0.240222424f, 0.693147004f, 1.0f};

/// 2^t for t <= 0, or a little more, with a relative error of 1.7e-7; exactly 1 at 0, 0 at -inf; a NaN stays. With FlushTiny, else what is below 2^-126 differs between instruction
/// sets. Several at a time, step by step: chains that wait for themselves fill the processor's scheduler, and then nothing else comes in.
template <std::size_t kCount>
HWY_INLINE void exp2_of_each(Vector (&t)[kCount]) {
  const Floats d;
  Vector n[kCount], p[kCount];
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  // Three instructions do what takes six elsewhere: one gives r, 0 for infinities, and one multiplies by 2^n.
  for (std::size_t i = 0; i < kCount; ++i) p[i] = Vector{_mm512_reduce_ps(t[i].raw, 0)};
  for (std::size_t i = 0; i < kCount; ++i) n[i] = hn::Sub(t[i], p[i]);
  for (std::size_t i = 0; i < kCount; ++i) t[i] = p[i];
  for (Vector& x : p) x = hn::Set(d, kExp2[0]);
  for (std::size_t power = 1; power < std::size(kExp2); ++power)
    for (std::size_t i = 0; i < kCount; ++i) p[i] = hn::MulAdd(p[i], t[i], hn::Set(d, kExp2[power]));
  for (std::size_t i = 0; i < kCount; ++i) t[i] = Vector{_mm512_scalef_ps(p[i].raw, n[i].raw)};
#else
  // Adding 1.5 * 2^23 + 128, which is even, rounds t to n and leaves n + 128 in the low bits, which shifted into place are 2^(n + 1), or 0 for n = -128. That is multiplied, and not
  // added to the exponent, which could never give 0; with half of the polynomial.
  const hn::RebindToSigned<Floats> di;
  const Vector shift = hn::Set(d, 0x1.8p23f + 128.0f), least = hn::Set(d, -128.0f);
  for (Vector& x : t) x = greater_or_second(least, x);
  for (std::size_t i = 0; i < kCount; ++i) n[i] = hn::Add(t[i], shift);
  for (std::size_t i = 0; i < kCount; ++i) p[i] = hn::Sub(n[i], shift);
  for (std::size_t i = 0; i < kCount; ++i) t[i] = hn::Sub(t[i], p[i]);
  for (Vector& x : p) x = hn::Set(d, kExp2[0] / 2);
  for (std::size_t power = 1; power < std::size(kExp2); ++power)
    for (std::size_t i = 0; i < kCount; ++i) p[i] = hn::MulAdd(p[i], t[i], hn::Set(d, kExp2[power] / 2));
  for (std::size_t i = 0; i < kCount; ++i) t[i] = hn::Mul(p[i], hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, n[i]))));
#endif
}
HWY_INLINE Vector exp2_of(Vector t) {
  Vector one[] = {t};
  exp2_of_each(one);
  return one[0];
}

/// Lanes `vector` of a panel that are kept.
HWY_INLINE hn::Mask<Floats> kept_lanes(std::uint32_t bits, std::size_t vector) {
  const std::uint64_t word = bits >> (vector * kLanes);
  return hn::LoadMaskBits(Floats(), reinterpret_cast<const std::uint8_t*>(&word));
}

/// How a row's panels are visited: the runs that need no mask, and the panels that do.
struct RowPanels {
  std::array<Run, kMaxPanels> full_runs;
  int full_run_count = 0;
  PanelSet masked = 0;
};

/// What the affine class does to S: s = acc * factor + slope * (column - origin).
struct Affine {
  float factor = 1, slope = 0, origin = 0;
};

template <bool kAffine>
HWY_INLINE Vector affine_score(const float* s, std::size_t column, [[maybe_unused]] Vector factor, [[maybe_unused]] Vector slope, [[maybe_unused]] float origin) {
  const Floats d;
  const Vector x = hn::Load(d, s + column);
  if constexpr (!kAffine)
    return x;
  else
    return hn::MulAdd(x, factor, hn::Mul(slope, hn::Iota(d, static_cast<float>(column) - origin)));
}

/// Finishes the row's scores in place (removed ones become -inf) and returns the largest one. A NaN does not count in it. With kLookForLost,
/// `lost` is set where a kept score is -inf. From the last panel to the first, those with a mask first: on the matrix unit the last ones were computed last, of all rows, and are in L1 still;
/// the first ones, which become weights first, then are.
template <bool kAffine, bool kLookForLost = false>
HWY_NOINLINE float finish_scores(float* HWY_RESTRICT s, const RowPanels& panels, const KeepWords& keep, const Affine& affine, [[maybe_unused]] bool* lost = nullptr) {
  const Floats d;
  const Vector minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  Vector least = hn::Zero(d);
  const auto look_at = [&](Vector x) {
    if constexpr (kLookForLost) least = hn::Min(x, least);  // a NaN leaves it as it is
  };
  const Vector factor = hn::Set(d, affine.factor), slope = hn::Set(d, affine.slope);
  Vector top0 = minus_infinity, top1 = minus_infinity;
  for (PanelSet rest = panels.masked; rest != 0;) {
    const int panel = 31 - std::countl_zero(rest);
    rest ^= PanelSet{1} << panel;
    const std::uint32_t bits = panel_bits(keep, panel);
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const std::size_t column = static_cast<std::size_t>(panel * kPanel) + v * kLanes;
      const auto kept = kept_lanes(bits, v);
      const Vector score = affine_score<kAffine>(s, column, factor, slope, affine.origin), x = hn::IfThenElse(kept, score, minus_infinity);
      look_at(hn::IfThenElseZero(kept, score));
      top0 = greater_or_second(x, top0);
      hn::Store(x, d, s + column);
    }
  }
  for (int i = panels.full_run_count; i-- > 0;) {
    const Run run = panels.full_runs[static_cast<std::size_t>(i)];
    const auto first = static_cast<std::size_t>(run.first * kPanel);
    auto end = static_cast<std::size_t>(run.end * kPanel);
    if constexpr (kPanelVectors == 1) {  // two panels at a time give two chains
      for (; first + kPanel < end; end -= 2 * kPanel) {
        const std::size_t column = end - 2 * kPanel;
        const Vector x0 = affine_score<kAffine>(s, column, factor, slope, affine.origin), x1 = affine_score<kAffine>(s, column + kPanel, factor, slope, affine.origin);
        top0 = greater_or_second(x0, top0);
        top1 = greater_or_second(x1, top1);
        look_at(x0), look_at(x1);
        if constexpr (kAffine) {
          hn::Store(x0, d, s + column);
          hn::Store(x1, d, s + column + kPanel);
        }
      }
    }
    for (; first < end; end -= kPanel) {
      const std::size_t column = end - kPanel;
      for (std::size_t v = 0; v < kPanelVectors; ++v) {
        const Vector x = affine_score<kAffine>(s, column + v * kLanes, factor, slope, affine.origin);
        if (v % 2 == 0)
          top0 = greater_or_second(x, top0);
        else
          top1 = greater_or_second(x, top1);
        look_at(x);
        if constexpr (kAffine) hn::Store(x, d, s + column + v * kLanes);
      }
    }
  }
  if constexpr (kLookForLost)
    if (!hn::AllFalse(d, hn::Eq(least, minus_infinity))) *lost = true;
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(top0, top1)));
}

#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
/// The largest number of each of eight vectors, at once: to[0] to to[7].
HWY_INLINE void largest_of_each(const Vector (&x)[8], float* HWY_RESTRICT to) {
  const Floats d;
  const hn::RepartitionToWide<Floats> wide;
  const auto in_pairs = [&](Vector a, Vector b) { return hn::Max(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)); };
  const auto in_fours = [&](Vector ab, Vector ce) {
    const auto a = hn::BitCast(wide, ab), c = hn::BitCast(wide, ce);
    return hn::Max(hn::BitCast(d, hn::InterleaveLower(wide, a, c)), hn::BitCast(d, hn::InterleaveUpper(wide, a, c)));
  };
  // Four vectors' largest numbers of each block of four lanes side by side, then of blocks.
  const Vector low = in_fours(in_pairs(x[0], x[1]), in_pairs(x[2], x[3])), high = in_fours(in_pairs(x[4], x[5]), in_pairs(x[6], x[7]));
  const Vector halves = hn::Max(hn::ConcatLowerLower(d, high, low), hn::ConcatUpperUpper(d, high, low)), all = hn::Max(halves, hn::SwapAdjacentBlocks(halves));
  const hn::Half<Floats> half;
  const hn::Half<decltype(half)> four;
  hn::Store(hn::LowerHalf(four, hn::LowerHalf(half, all)), four, to);
  hn::Store(hn::LowerHalf(four, hn::UpperHalf(half, all)), four, to + 4);
}

/// Finishes the scores of eight rows, `stride` apart, in place where `rest`, which each four of them share, says that they are not in `noted`, [8][16]: the largest ones so far, by column modulo 16.
/// `tops` [8] gets the rows' largest scores. As finish_scores does it, and NaNs count neither here nor there.
HWY_NOINLINE inline void finish_noted_scores(float* HWY_RESTRICT s, std::size_t stride, const PanelSet (&rest)[kBlocks], const KeepWords (&keep)[kGroupRows], const float* HWY_RESTRICT noted,
                                             float* HWY_RESTRICT tops) {
  const Floats d;
  const Vector minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  Vector top[kGroupRows];
  for (std::size_t row = 0; row < static_cast<std::size_t>(kGroupRows); ++row) top[row] = hn::Load(d, noted + row * kPanel);
  for (int block = 0; block < kBlocks; ++block)
    for (PanelSet panels = rest[block]; panels != 0; panels &= panels - 1) {
      const int panel = std::countr_zero(panels);
      for (std::size_t i = 0; i < static_cast<std::size_t>(kBlockRows); ++i) {
        const std::size_t row = static_cast<std::size_t>(block * kBlockRows) + i;
        float* const at = s + row * stride + panel * kPanel;
        const Vector x = hn::IfThenElse(kept_lanes(panel_bits(keep[row], panel), 0), hn::Load(d, at), minus_infinity);
        top[row] = greater_or_second(x, top[row]);
        hn::Store(x, d, at);
      }
    }
  largest_of_each(top, tops);
}
#endif

/// Whether a kept score of the row is not finite.
HWY_NOINLINE inline bool some_not_finite(const float* HWY_RESTRICT s, const RowPanels& panels, const KeepWords& keep) {
  const Floats d;
  const Vector zero = hn::Zero(d);
  Vector sum = zero;  // 0 times inf or NaN is NaN, and a NaN stays in a sum
  for (int i = 0; i < panels.full_run_count; ++i) {
    const Run run = panels.full_runs[static_cast<std::size_t>(i)];
    for (auto column = static_cast<std::size_t>(run.first * kPanel); column < static_cast<std::size_t>(run.end * kPanel); column += kLanes)
      sum = hn::MulAdd(hn::Load(d, s + column), zero, sum);
  }
  for (PanelSet rest = panels.masked; rest != 0; rest &= rest - 1) {
    const int panel = std::countr_zero(rest);
    for (std::size_t v = 0; v < kPanelVectors; ++v)
      sum = hn::MulAdd(hn::IfThenElseZero(kept_lanes(panel_bits(keep, panel), v), hn::Load(d, s + static_cast<std::size_t>(panel * kPanel) + v * kLanes)), zero, sum);
  }
  return !hn::AllTrue(d, hn::Eq(sum, zero));
}

/// s → 2^(s * factor - shift) in place over runs of panels, for so many rows, which have a factor, a shift and an alpha each. `sums`, [rows][16], get alpha times their old value plus the weights, by
/// column modulo 16: the accumulator of a column follows from its position, so leaving panels out changes no bit.
HWY_NOINLINE inline void exponentials(float* HWY_RESTRICT s, std::size_t s_stride, int rows, const Run* runs, int run_count, const float* HWY_RESTRICT factors, const float* HWY_RESTRICT shifts,
                                      const float* HWY_RESTRICT alpha, float* HWY_RESTRICT sums) {
  const Floats d;
  for (int row = 0; row < rows; ++row, s += s_stride, sums += kPanel) {
    const Vector factor = hn::Set(d, factors[row]), shift = hn::Set(d, shifts[row]), old = hn::Set(d, alpha[row]);
    Vector sum[kPanelVectors];
    for (std::size_t v = 0; v < kPanelVectors; ++v) sum[v] = hn::Mul(old, hn::Load(d, sums + v * kLanes));
    for (const Run* run = runs; run != runs + run_count; ++run) {
      float* panel = s + run->first * kPanel;
      float* const end = s + run->end * kPanel;
      for (; panel != end; panel += kPanel)
        for (std::size_t v = 0; v < kPanelVectors; ++v) {
          const Vector p = exp2_of(hn::MulSub(hn::Load(d, panel + v * kLanes), factor, shift));
          hn::Store(p, d, panel + v * kLanes);
          sum[v] = hn::Add(sum[v], p);
        }
    }
    for (std::size_t v = 0; v < kPanelVectors; ++v) hn::Store(sum[v], d, sums + v * kLanes);
  }
}

/// 2^t for one number; 0 below -126.5, with FlushTiny or not.
HWY_INLINE float exp2_of_scalar(float t) { return t < -126.5f ? 0.0f : hn::GetLane(exp2_of(hn::Set(Floats(), t))); }

/// With the maxima of a tile (-inf where a row has none): raises the rows' maxima so far, `top`; weights are counted from `shifts`, and alpha is what the rows' older sums are multiplied by,
/// 1 where they are 0. `terms` is in the maxima and not in the scores. All are [kPanel] of which kGroupRows are of rows, and aligned.
HWY_NOINLINE inline void raise_tops(const float* HWY_RESTRICT tops, const float* HWY_RESTRICT terms, float* HWY_RESTRICT top, float* HWY_RESTRICT shifts, float* HWY_RESTRICT alpha) {
  const Floats d;
  const Vector minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < static_cast<std::size_t>(kGroupRows); i += kLanes) {
    const Vector before = hn::Load(d, top + i), now = hn::Load(d, tops + i);
    const Vector raised = hn::IfThenElse(hn::Gt(now, before), now, before);
    const Vector from = hn::IfThenElse(hn::Eq(raised, minus_infinity), hn::Zero(d), raised);
    hn::Store(raised, d, top + i);
    hn::Store(hn::Sub(from, hn::Load(d, terms + i)), d, shifts + i);
    hn::Store(hn::IfThenElse(hn::Eq(before, minus_infinity), hn::Set(d, 1.0f), exp2_of(hn::Sub(before, from))), d, alpha + i);
  }
}

/// Whether all of them are finite; `count` is a multiple of 16.
HWY_NOINLINE inline bool all_finite(const float* values, std::int64_t count) {
  const Floats d;
  const Vector zero = hn::Zero(d);
  constexpr auto kLane = static_cast<std::int64_t>(kLanes), kChains = std::int64_t{4};
  Vector sum[kChains];
  for (Vector& chain : sum) chain = zero;
  // 0 times inf or NaN is NaN, and a NaN stays in a sum.
  std::int64_t i = 0;
  for (; i + kChains * kLane <= count; i += kChains * kLane)
    for (std::int64_t chain = 0; chain < kChains; ++chain) sum[chain] = hn::MulAdd(hn::Load(d, values + i + chain * kLane), zero, sum[chain]);
  for (; i < count; i += kLane) sum[0] = hn::MulAdd(hn::Load(d, values + i), zero, sum[0]);
  return hn::AllTrue(d, hn::Eq(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])), zero));
}

/// One row of outputs times a factor; `count` is a multiple of 16.
HWY_INLINE void multiply_row(float* HWY_RESTRICT values, std::int64_t count, float factor_value) {
  const Floats d;
  const Vector factor = hn::Set(d, factor_value);
  for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(kLanes)) hn::Store(hn::Mul(factor, hn::Load(d, values + i)), d, values + i);
}

/// s *= factor over runs of panels: for scales that cannot be folded into q.
HWY_NOINLINE inline void multiply_scores(float* HWY_RESTRICT s, const Run* runs, int run_count, float factor_value) {
  const Floats d;
  const Vector factor = hn::Set(d, factor_value);
  for (const Run* run = runs; run != runs + run_count; ++run)
    for (auto column = static_cast<std::size_t>(run->first * kPanel); column < static_cast<std::size_t>(run->end * kPanel); column += kLanes)
      hn::Store(hn::Mul(factor, hn::Load(d, s + column)), d, s + column);
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
