// Online softmax of one tile in registers, in the log2 domain.
#pragma once
#include "templates/hopper/rows.cuh"

namespace flexc::device {

inline constexpr float kLowest = -3.402823466e+38f;  // finite, so that a row of -inf gives exponentials of 0 and no inf - inf

/// The state of a thread's two rows: the reference that exponentials are taken against, and the thread's part of their sum.
struct RowState {
  float reference[2] = {kLowest, kLowest};
  float sum[2] = {0.0f, 0.0f};
};

/// The largest of the thread's elements of row kRow, in two chains: one of them would be a chain of N / 4 dependent steps. The chains begin with
/// the row's first two elements, which the caller gives.
template <u32 kRow, class Config>
FLEXC_DEVICE float own_maximum(const float (&scores)[Config::kScores], float even, float odd) {
  FLEXC_UNROLL
  for (u32 j = 1; j < Config::kN / 8; ++j) {
    even = maximum(even, scores[4 * j + 2 * kRow]);
    odd = maximum(odd, scores[4 * j + 2 * kRow + 1]);
  }
  return maximum(even, odd);
}

/// The largest of a row, which lies in four neighbouring lanes.
FLEXC_DEVICE float row_maximum(Site first, Site second, float own) {
  own = maximum(own, shuffle_xor(first, own, 1));
  return maximum(own, shuffle_xor(second, own, 2));
}

/// Replaces the elements of row kRow by exponentials, ex2(x * factor + shift), and adds them to `sum`.
template <u32 kRow, class Config>
FLEXC_DEVICE float add_exponentials(float sum, float factor, float shift, float (&scores)[Config::kScores]) {
  FLEXC_UNROLL
  for (u32 k = 0; k < Config::kN / 4; ++k) {
    float& score = scores[4 * (k / 2) + 2 * kRow + k % 2];
    score = ex2_approx(fma_rn(score, factor, shift));
    sum += score;
  }
  return sum;
}

/// One row's step: raises the reference to the tile's largest logit and replaces the row's elements by exponentials. Returns by what earlier sums and
/// outputs have to be multiplied.
/// kRowTerm: rows have a constant, which identity and general scores lack; a negated register costs nothing, 0 - x an instruction.
template <u32 kRow, bool kRowTerm, class Config>
FLEXC_DEVICE float exponentials(float largest, const Logits& logits, RowState& state, float (&scores)[Config::kScores]) {
  const float before = state.reference[kRow];
  state.reference[kRow] = maximum(before, largest);
  const float shift = kRowTerm ? logits.row[kRow] - state.reference[kRow] : -state.reference[kRow];
  const float rescale = ex2_approx(before - state.reference[kRow]);
  state.sum[kRow] = add_exponentials<kRow, Config>(state.sum[kRow] * rescale, logits.factor[kRow], shift, scores);
  return rescale;
}

/// `value`, not before `earlier` is known, through a zero that the compiler does not know.
FLEXC_DEVICE float after(float earlier, float value, u32 zero) { return float_of((bits_of(earlier) & zero) | bits_of(value)); }

/// Both rows. Row 1's maximum is made to depend on two of row 0's exponentials: so row 0's maximum comes first, and row 1's is woven into row 0's
/// exponentials instead of delaying them (at 128x128 the first comes 139 clocks after the wait for QK; made to depend on row 0's maximum, 228).
template <class Config, bool kRowTerm>
FLEXC_DEVICE void softmax_tile(const Logits& logits, u32 zero, RowState& state, float (&scores)[Config::kScores], float (&rescale)[2]) {
  const float own0 = own_maximum<0, Config>(scores, scores[0], scores[1]);
  // Lanes are compared as logits: with affine scores a row's constant differs from lane to lane, by where the lane's columns begin.
  const float largest0 = row_maximum(SITE(maximum0_first), SITE(maximum0_second), fma_rn(own0, logits.factor[0], logits.row[0]));
  rescale[0] = exponentials<0, kRowTerm, Config>(largest0, logits, state, scores);
  const float own1 = own_maximum<1, Config>(scores, after(scores[4], scores[2], zero), after(scores[5], scores[3], zero));
  const float largest1 = row_maximum(SITE(maximum1_first), SITE(maximum1_second), fma_rn(own1, logits.factor[1], logits.row[1]));
  rescale[1] = exponentials<1, kRowTerm, Config>(largest1, logits, state, scores);
}

/// Multiplies the output by the rows' factors where any row of the warp has one other than 1: for most tiles the maximum stays.
template <class Config>
FLEXC_DEVICE void rescale_output(const float (&rescale)[2], float (&output)[Config::kOutputs]) {
  if (warp_any(SITE(rescale_vote), (rescale[0] != 1.0f) | (rescale[1] != 1.0f))) scale_output<Config>(rescale[0], rescale[1], output);
}

}  // namespace flexc::device
