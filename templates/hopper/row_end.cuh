// What a row amounts to in the end, whoever computes it: the kernel itself, or the one that merges the parts of its keys.
#pragma once
#include "templates/hopper/primitives.cuh"

namespace flexc::device {

inline constexpr float kLn2 = 0.693147180559945309f;
inline constexpr float kSinkLog2E = 1.44269504088896340736f;  // of a sink in natural units
inline constexpr float kSumEnd = 0x1p126f;  // of a row's sum: a power of two as large has a reciprocal that is no subnormal

/// What a row's exponentials are taken against, their sum, and by what the output is multiplied.
struct RowEnd {
  float reference, sum, factor;
};

/// The sink joins a row as one more logit: where it is the largest, exponentials are taken against it.
FLEXC_DEVICE RowEnd with_sink(RowEnd end, bool empty, float sink) {
  if (empty) return {sink, 1.0f, 0.0f};
  const float reference = maximum(end.reference, sink);
  const float share = ex2_approx(end.reference - reference);
  const float sum = fma_rn(end.sum, share, ex2_approx(sink - reference));
  return {reference, sum, share * rcp_approx(sum)};
}

/// A row's reference and sum brought to a sum from 1 to 2; the output is multiplied by `scale`, a power of two.
struct NormalEnd {
  float reference, sum, scale;
};
FLEXC_DEVICE NormalEnd normal_end(float reference, float sum) {
  constexpr u32 kExponentBits = 0x7f800000u, kExponentShift = 23;
  constexpr i32 kBias = 127;
  if (!(sum < kSumEnd)) sum = float_of(0x7fffffffu);  // NaN: too large to be told from infinity, or infinite, or NaN already
  const u32 exponent = bits_of(sum) & kExponentBits;
  const float scale = float_of((2u * kBias << kExponentShift) - exponent);  // 2^-exponent
  return {reference + static_cast<float>(static_cast<i32>(exponent >> kExponentShift) - kBias), sum * scale, scale};
}

}  // namespace flexc::device
