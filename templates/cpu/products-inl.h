// The two matrix products, in blocks of 4 rows x 2 vectors: eight accumulators cover four cycles of latency in two pipes.
// Included once for each instruction set.
#if defined(FLEXC_CPU_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_PRODUCTS_INL_H_
#undef FLEXC_CPU_PRODUCTS_INL_H_
#else
#define FLEXC_CPU_PRODUCTS_INL_H_
#endif

#include <hwy/highway.h>

#include "templates/cpu/tile_columns.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPanel>;
using Vector = hn::Vec<Floats>;
inline constexpr std::size_t kLanes = hn::MaxLanes(Floats());
static_assert(kPanel % kLanes == 0);

/// Keeps a loaded vector in a register. GCC would fold the load into each of the four multiplications that use it, and the loads
/// would then bind (64 % of the peak for 96 %).
HWY_INLINE void pin([[maybe_unused]] Vector& value) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
  asm("" : "+v"(value.raw));
#endif
}

/// Up to this head width a product is one sum; beyond, sums of kChunk.
inline constexpr std::size_t kLongestSum = 128, kChunk = 64;

/// S block = Q block x two vectors of columns. `q` is [head_dim][4]; k0 and k1 step by 16. With kVectors 1, k1 and s1 are not used.
/// Each product is a sequence of fused additions from d = 0 upwards, so it is the same in every shape of block. Wide heads are summed in
/// chunks, which are then added: the error of a sequence of n additions grows with n, that of chunks of c with sqrt(n c).
template <int kVectors>
HWY_NOINLINE void multiply_qk(const float* HWY_RESTRICT q, const float* HWY_RESTRICT k0, const float* HWY_RESTRICT k1, std::size_t head_dim,
                              float* HWY_RESTRICT s0, float* HWY_RESTRICT s1, std::size_t s_stride) {
  const Floats d;
  const std::size_t chunk = head_dim <= kLongestSum ? head_dim : kChunk;
  for (std::size_t first = 0; first < head_dim; first += chunk) {
    Vector a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    const std::size_t end = HWY_MIN(first + chunk, head_dim);
#pragma GCC unroll 4
    for (std::size_t i = first; i < end; ++i) {
      Vector a = hn::Load(d, k0 + i * kPanel), b = a;
      pin(a);
      if constexpr (kVectors == 2) {
        b = hn::Load(d, k1 + i * kPanel);
        pin(b);
      }
      const Vector q0 = hn::Set(d, q[i * kBlockRows]), q1 = hn::Set(d, q[i * kBlockRows + 1]);
      const Vector q2 = hn::Set(d, q[i * kBlockRows + 2]), q3 = hn::Set(d, q[i * kBlockRows + 3]);
      a0 = hn::MulAdd(a, q0, a0);
      a1 = hn::MulAdd(a, q1, a1);
      a2 = hn::MulAdd(a, q2, a2);
      a3 = hn::MulAdd(a, q3, a3);
      if constexpr (kVectors == 2) {
        b0 = hn::MulAdd(b, q0, b0);
        b1 = hn::MulAdd(b, q1, b1);
        b2 = hn::MulAdd(b, q2, b2);
        b3 = hn::MulAdd(b, q3, b3);
      }
    }
    if (first != 0) {
      a0 = hn::Add(hn::Load(d, s0), a0);
      a1 = hn::Add(hn::Load(d, s0 + s_stride), a1);
      a2 = hn::Add(hn::Load(d, s0 + 2 * s_stride), a2);
      a3 = hn::Add(hn::Load(d, s0 + 3 * s_stride), a3);
      if constexpr (kVectors == 2) {
        b0 = hn::Add(hn::Load(d, s1), b0);
        b1 = hn::Add(hn::Load(d, s1 + s_stride), b1);
        b2 = hn::Add(hn::Load(d, s1 + 2 * s_stride), b2);
        b3 = hn::Add(hn::Load(d, s1 + 3 * s_stride), b3);
      }
    }
    hn::Store(a0, d, s0);
    hn::Store(a1, d, s0 + s_stride);
    hn::Store(a2, d, s0 + 2 * s_stride);
    hn::Store(a3, d, s0 + 3 * s_stride);
    if constexpr (kVectors == 2) {
      hn::Store(b0, d, s1);
      hn::Store(b1, d, s1 + s_stride);
      hn::Store(b2, d, s1 + 2 * s_stride);
      hn::Store(b3, d, s1 + 3 * s_stride);
    }
  }
}

/// O block = O block * alpha + P block x V, over runs of columns. `p` has rows s_stride apart, v0 and v1 step by 16, o0 and o1 have rows
/// o_stride apart.
template <int kVectors>
HWY_NOINLINE void multiply_pv(const float* HWY_RESTRICT p, std::size_t s_stride, const float* HWY_RESTRICT v0, const float* HWY_RESTRICT v1,
                              const Run* runs, int run_count, const float* HWY_RESTRICT alpha, float* HWY_RESTRICT o0, float* HWY_RESTRICT o1,
                              std::size_t o_stride) {
  const Floats d;
  const Vector f0 = hn::Set(d, alpha[0]), f1 = hn::Set(d, alpha[1]), f2 = hn::Set(d, alpha[2]), f3 = hn::Set(d, alpha[3]);
  Vector a0 = hn::Mul(f0, hn::Load(d, o0)), a1 = hn::Mul(f1, hn::Load(d, o0 + o_stride));
  Vector a2 = hn::Mul(f2, hn::Load(d, o0 + 2 * o_stride)), a3 = hn::Mul(f3, hn::Load(d, o0 + 3 * o_stride));
  Vector b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  if constexpr (kVectors == 2) {
    b0 = hn::Mul(f0, hn::Load(d, o1));
    b1 = hn::Mul(f1, hn::Load(d, o1 + o_stride));
    b2 = hn::Mul(f2, hn::Load(d, o1 + 2 * o_stride));
    b3 = hn::Mul(f3, hn::Load(d, o1 + 3 * o_stride));
  }
  const float *p0 = p, *p1 = p + s_stride, *p2 = p + 2 * s_stride, *p3 = p + 3 * s_stride;
  for (const Run* run = runs; run != runs + run_count; ++run) {
    const auto end = static_cast<std::size_t>(run->end);
#pragma GCC unroll 4
    for (auto i = static_cast<std::size_t>(run->first); i < end; ++i) {
      Vector a = hn::Load(d, v0 + i * kPanel), b = a;
      pin(a);
      if constexpr (kVectors == 2) {
        b = hn::Load(d, v1 + i * kPanel);
        pin(b);
      }
      const Vector w0 = hn::Set(d, p0[i]), w1 = hn::Set(d, p1[i]), w2 = hn::Set(d, p2[i]), w3 = hn::Set(d, p3[i]);
      a0 = hn::MulAdd(a, w0, a0);
      a1 = hn::MulAdd(a, w1, a1);
      a2 = hn::MulAdd(a, w2, a2);
      a3 = hn::MulAdd(a, w3, a3);
      if constexpr (kVectors == 2) {
        b0 = hn::MulAdd(b, w0, b0);
        b1 = hn::MulAdd(b, w1, b1);
        b2 = hn::MulAdd(b, w2, b2);
        b3 = hn::MulAdd(b, w3, b3);
      }
    }
  }
  hn::Store(a0, d, o0);
  hn::Store(a1, d, o0 + o_stride);
  hn::Store(a2, d, o0 + 2 * o_stride);
  hn::Store(a3, d, o0 + 3 * o_stride);
  if constexpr (kVectors == 2) {
    hn::Store(b0, d, o1);
    hn::Store(b1, d, o1 + o_stride);
    hn::Store(b2, d, o1 + 2 * o_stride);
    hn::Store(b3, d, o1 + 3 * o_stride);
  }
}

/// The careful form of multiply_pv, for one row: what is not in `keep` is left out, so that NaN and inf there cannot reach O. What is in
/// is added in the same order, so that clean rows come out the same.
HWY_NOINLINE inline void multiply_pv_carefully(const float* HWY_RESTRICT p, const float* HWY_RESTRICT v, std::size_t v_panel_floats,
                                               const KeepWords& keep, float alpha, float* HWY_RESTRICT o, std::size_t width) {
  const Floats d;
  const Vector factor = hn::Set(d, alpha);
  for (std::size_t column = 0; column < width; column += kLanes) {
    const float* values = v + column / kPanel * v_panel_floats + column % kPanel;
    Vector sum = hn::Mul(factor, hn::Load(d, o + column));
    for (std::size_t word = 0; word < kKeepWords; ++word)
      for (std::uint64_t bits = keep[word]; bits != 0; bits &= bits - 1) {
        const std::size_t i = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        sum = hn::MulAdd(hn::Load(d, values + i * kPanel), hn::Set(d, p[i]), sum);
      }
    hn::Store(sum, d, o + column);
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
