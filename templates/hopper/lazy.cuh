// The lazy maximum: an option of the softmax that looks for a tile's maximum only where it has to.
//
// Exponentials may be taken against any reference, as long as they and their sum stay finite: bf16 and f32 reach to 2^127. So a row keeps the reference
// that its first kept scores gave it, and most tiles have no maximum, no shuffle and no rescale. The *exact path* runs for a warp while one of its rows
// has no reference, and for the tile after one that left a sum above kLazyMost. It raises the references of those rows alone, and of these only where the
// tile keeps something of the row. So a row's numbers depend on its own kept scores and on nothing else: not on the rows beside it, nor on whether
// tiles that keep nothing of it were visited.
//
// A sum that grows beyond kLazyEnd, which takes scores more than 126 above the reference (in the log2 domain) before the exact path is reached, makes the
// row NaN, and it is reported as such (epilogue.cuh). f16, where exponentials end at 65504, and max_scores, which the reference no longer is, have no lazy
// maximum.
#pragma once
#include "templates/hopper/row_end.cuh"
#include "templates/hopper/softmax.cuh"

namespace flexc::device {

inline constexpr float kLazyMost = 0x1p40f;  // of a thread's part of a sum; above it, the row is due

/// Whether the next tile takes the exact path, for the whole warp. It depends on all exponentials, and so is the pin too.
FLEXC_DEVICE bool exact_is_due(const RowState& state) {
  return warp_any(SITE(lazy_vote), (state.sum[0] > kLazyMost) | (state.sum[1] > kLazyMost) | (state.reference[0] == kLowest) | (state.reference[1] == kLowest));
}

/// A row's step of the exact path: its new reference, and by what earlier sums and outputs are multiplied. `own` is the largest of the thread's scores.
template <u32 kRow>
FLEXC_DEVICE float raise_reference(Site largest_first, Site largest_second, Site grown_first, Site grown_second, float own, const Logits& logits, RowState& state) {
  const float none = float_of(0xff800000u);  // -inf
  const float before = state.reference[kRow];
  const float largest = row_maximum(largest_first, largest_second, fma_rn(own, logits.factor[kRow], logits.row[kRow]));
  // What the sum amounts to, as a logit: a reference as high as that makes it about 1.
  const float grown = row_maximum(grown_first, grown_second, state.sum[kRow] > kLazyMost ? before + lg2_approx(state.sum[kRow]) : none);
  const bool is_due = (before == kLowest) | (grown > none);
  if (is_due & (largest > none)) state.reference[kRow] = maximum(largest, grown);
  const float rescale = ex2_approx(before - state.reference[kRow]);
  state.sum[kRow] *= rescale;
  return rescale;
}

/// As softmax_tile. `rescale` is set where `exact` is.
template <class Config, bool kRowTerm>
FLEXC_DEVICE void lazy_softmax_tile(bool exact, const Logits& logits, RowState& state, float (&scores)[Config::kScores], float (&rescale)[2]) {
  static_assert(Config::kElement == Element::kBf16, "f16 cannot hold exponentials above 1 for long: it ends at 65504");
  if (exact) {
    const float own0 = own_maximum<0, Config>(scores, scores[0], scores[1]), own1 = own_maximum<1, Config>(scores, scores[2], scores[3]);
    rescale[0] = raise_reference<0>(SITE(lazy0_largest_first), SITE(lazy0_largest_second), SITE(lazy0_grown_first), SITE(lazy0_grown_second), own0, logits, state);
    rescale[1] = raise_reference<1>(SITE(lazy1_largest_first), SITE(lazy1_largest_second), SITE(lazy1_grown_first), SITE(lazy1_grown_second), own1, logits, state);
  }
  const float shift0 = kRowTerm ? logits.row[0] - state.reference[0] : -state.reference[0];
  const float shift1 = kRowTerm ? logits.row[1] - state.reference[1] : -state.reference[1];
  state.sum[0] = add_exponentials<0, Config>(state.sum[0], logits.factor[0], shift0, scores);
  state.sum[1] = add_exponentials<1, Config>(state.sum[1], logits.factor[1], shift1, scores);
}

}  // namespace flexc::device
