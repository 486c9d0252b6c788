// A group's products of a tile become finished scores, and weights. Included once for each instruction set.
#if defined(FLEXC_CPU_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_SCORES_INL_H_
#undef FLEXC_CPU_SCORES_INL_H_
#else
#define FLEXC_CPU_SCORES_INL_H_
#endif

#include <cmath>
#include <limits>

#include "templates/cpu/flush_tiny.h"
#include "templates/cpu/mods.h"
#include "templates/cpu/pack-inl.h"
#include "templates/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// The careful path's look at a row of finished scores: notes NaN and +inf, and takes scores of -inf out of `keep`.
inline void inspect_scores(const float* s, Group& group, int row, KeepWords& keep) {
  for (std::size_t word = 0; word < kKeepWords; ++word)
    for (std::uint64_t bits = keep[word]; bits != 0; bits &= bits - 1) {
      const float score = s[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
      if (score != score)
        group.saw_nan[row] = true;
      else if (score == -kMinusInfinity)
        group.saw_infinity[row] = true;
      else if (score == kMinusInfinity)
        keep[word] &= ~(bits & -bits);
    }
}

/// The panels of a block of rows, as finishing its scores takes them.
inline RowPanels row_panels(const TileColumns& columns, int block) {
  RowPanels panels;
  panels.full_run_count = runs_of(columns.active[block] & columns.full[block], panels.full_runs);
  panels.masked = columns.active[block] & ~columns.full[block];
  return panels;
}

/// Replaces a row's products in `columns`, where is_wrong(product), by what they are without the matrix unit: of q times q_factor, and times s_factor.
template <class IsWrong>
inline void compute_products(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const Group& group, int row, const KeepWords& columns, float q_factor, float s_factor,
                             const IsWrong& is_wrong) {
  const GroupPlace& place = group.place;
  const std::int64_t width = plan.call.head_dim;
  float *const scores = group.s + row * plan.s_stride, *const q = memory.wide, *const k = memory.wide + width;
  bool has_q = false;
  for (std::size_t word = 0; word < kKeepWords; ++word)
    for (std::uint64_t bits = columns[word]; bits != 0; bits &= bits - 1) {
      const std::int64_t column = static_cast<std::int64_t>(word) * 64 + std::countr_zero(bits);
      if (!is_wrong(scores[column])) continue;
      if (!has_q) widen_row(plan.call.dtype, row_address(plan, plan.call.q, place.b, place.h, place.first + std::min(row, place.rows - 1)), width, q);
      has_q = true;
      widen_row(plan.call.dtype, row_address(plan, plan.call.k, place.b, place.kv_h, tile * plan.tile + column), width, k);
      // In the sums of multiply_qk_chunks: another order might overflow where that one does not.
      const std::int64_t chunk = width <= static_cast<std::int64_t>(kLongestSum) ? width : static_cast<std::int64_t>(kChunk);
      float product = 0;
      for (std::int64_t first = 0; first < width; first += chunk) {
        float sum = 0;
        for (std::int64_t i = first; i < std::min(first + chunk, width); ++i) sum = std::fma(q[i] * q_factor, k[i], sum);
        product = first == 0 ? sum : product + sum;
      }
      scores[column] = product * s_factor;
    }
}

/// The same for the kept products that are not finite. On the unit a product may leave f32's range that the scale would have kept in it, and in parts an infinity times 0 is a NaN.
inline void mend_products(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const Group& group, int row, float q_factor, float s_factor) {
  compute_products(plan, memory, tile, group, row, group.columns->keep[row], q_factor, s_factor, [](float product) { return !std::isfinite(product); });
}

/// Up to here a factor may come with the exponential.
inline constexpr float kLargestLateScore = 0x1p24f;

/// Mends the products of a group before a mod sees them: it need not let a NaN be seen.
inline void mend_group_products(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const Group& group) {
  for (int block = 0; block < kBlocks; ++block) {
    if (group.columns->active[block] == 0) continue;
    const RowPanels panels = row_panels(*group.columns, block);
    for (int row = block * kBlockRows; row < (block + 1) * kBlockRows; ++row)
      if (some_not_finite(group.s + row * plan.s_stride, panels, group.columns->keep[row]))
        mend_products(plan, memory, tile, group, row, plan.by_vectors->q_factor, plan.by_vectors->s_factor);
  }
}

/// Finishes a row of the unit's products where there is no score_mod, and returns the largest score. `factor` is what they are still to be multiplied by: it may come
/// with the exponential, or be used up here.
inline float finish_unit_row(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const Group& group, int row, const RowPanels& panels, const BlockRuns& runs, float& factor) {
  float* const scores = group.s + row * plan.s_stride;
  const KeepWords& keep = group.columns->keep[row];
  // The product of a kept pair that is -inf would only weigh nothing, and not be noticed.
  bool lost = false;
  const float top = factor * finish_scores<false, true>(scores, panels, keep, {}, &lost);
  // With a late factor the largest score's exponent is not 0 but what the product's rounding left, which must be small beside 2^7. Larger scores, and inf - inf, are
  // to be as they are without the unit.
  const bool is_large = factor != 1.0f && !(std::abs(top) < kLargestLateScore) && top != kMinusInfinity;
  if (!lost && !is_large) return top;
  multiply_scores(scores, runs.runs.data(), runs.count, factor);
  if (lost) mend_products(plan, memory, tile, group, row, plan.by_vectors->q_factor, plan.by_vectors->s_factor);
  factor = 1.0f;
  return finish_scores<false>(scores, panels, keep, {});
}

/// Whether products are scores, and whole panels' largest ones were noted while they were computed (Group::seen).
inline bool notes_largest(const Plan& plan) {
  return kBothBlocks && !plan.direct && !plan.matrix.used && plan.module.score_class == FLEXC_SCORE_IDENTITY && plan.s_factor == 1.0f;
}

/// Products → finished scores, and the tile's maxima.
inline void finish_group_scores(const Plan& plan, Workspace& workspace, std::int64_t tile, Group& group, bool careful) {
  Weighted& result = group.weighted;
  TileColumns& columns = *group.columns;
  float* const s = group.s;
  BlockRuns(&runs)[kBlocks] = result.runs;
  const int rows_computed = result.rows = plan.direct ? group.place.rows : static_cast<int>(kGroupRows);
  const bool is_affine = plan.module.score_class == FLEXC_SCORE_AFFINE;
  const bool is_mended = plan.matrix.used && !plan.matrix.has_reach();
  // Where nobody looks at the scores the factor comes with the exponential, as long as it keeps their order.
  const bool is_late = is_mended && plan.module.score_class == FLEXC_SCORE_IDENTITY && plan.s_factor > 0;
  for (int block = 0; block < kBlocks; ++block) {
    runs[block].count = runs_of(columns.active[block], runs[block].runs);
    if (plan.s_factor == 1.0f || is_late) continue;
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, rows_computed); ++row)
      multiply_scores(s + row * plan.s_stride, runs[block].runs.data(), runs[block].count, plan.s_factor);
  }
  if (plan.module.score_class == FLEXC_SCORE_GENERAL) {
    if (is_mended) mend_group_products(plan, workspace.matrix, tile, group);
    rewrite_scores(plan, workspace, group, tile);
  }

  // All maxima first, then all factors, then all exponentials: none waits for another's end.
  float(&factors)[kPanel] = result.factors, (&tops)[kPanel] = result.tops, (&row_terms)[kPanel] = result.row_terms;
  std::fill(factors, factors + kPanel, is_late ? plan.s_factor : 1.0f);
  std::fill(tops, tops + kPanel, kMinusInfinity);
  std::fill(row_terms, row_terms + kPanel, 0.0f);
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  if (notes_largest(plan)) {
    const PanelSet rest[kBlocks] = {columns.active[0] & ~group.seen[0], columns.active[1] & ~group.seen[1]};
    finish_noted_scores(s, static_cast<std::size_t>(plan.s_stride), rest, columns.keep, group.seen_tops, tops);
    for (int row = 0; careful && row < kGroupRows; ++row)
      if (columns.active[row / kBlockRows] != 0) inspect_scores(s + row * plan.s_stride, group, row, columns.keep[row]);
    return;
  }
#endif
  for (int block = 0; block < kBlocks; ++block) {
    if (columns.active[block] == 0) continue;
    const RowPanels panels = row_panels(columns, block);
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, rows_computed); ++row) {
      float* const scores = s + row * plan.s_stride;
      if (is_affine) {
        // Rows beyond the last one have no position: they take the last one's numbers, and are thrown away.
        // Counted from the row's first kept column, no term is much larger than the largest kept score: from the tile's first one,
        // a window far into the tile would be the small difference of two large numbers.
        const int origin = first_kept(columns.keep[row]);
        const flexc_row_affine affine = affine_of(plan, workspace, group, tile, std::min(row, group.place.rows - 1), origin);
        if (is_usable(affine, plan.tile) || !plan.module.score_row) {
          const Affine numbers{affine.factor, affine.slope, static_cast<float>(origin)};
          bool lost = false;
          tops[row] = (is_mended ? finish_scores<true, true>(scores, panels, columns.keep[row], numbers, &lost) : finish_scores<true>(scores, panels, columns.keep[row], numbers)) + affine.row;
          if (lost) {  // perhaps by the unit, whose order of sums is another one
            compute_products(plan, workspace.matrix, tile, group, row, columns.keep[row], 1.0f, 1.0f, [](float) { return true; });
            tops[row] = finish_scores<true>(scores, panels, columns.keep[row], numbers) + affine.row;
          }
          row_terms[row] = affine.row;
        } else {
          multiply_scores(scores, runs[block].runs.data(), runs[block].count, plan.launch.scale);
          if (is_mended && some_not_finite(scores, panels, columns.keep[row])) mend_products(plan, workspace.matrix, tile, group, row, 1.0f, plan.launch.scale);
          if (row < group.place.rows) rewrite_row(plan, workspace, group, tile, row);
          tops[row] = finish_scores<false>(scores, panels, columns.keep[row], {});
        }
      } else if (is_mended && plan.module.score_class == FLEXC_SCORE_IDENTITY) {
        tops[row] = finish_unit_row(plan, workspace.matrix, tile, group, row, panels, runs[block], factors[row]);
      } else {
        tops[row] = finish_scores<false>(scores, panels, columns.keep[row], {});
      }
      if (careful) inspect_scores(scores, group, row, columns.keep[row]);
    }
  }
}

/// Then the rows' maxima so far, and how their weights follow. With FlushTiny.
inline void raise_group(Group& group) {
  Weighted& result = group.weighted;
  raise_tops(result.tops, result.row_terms, group.top, result.shifts, result.alpha);
}

/// Finished scores → weights, and the rows' maxima and sums. A row is a step of reading ahead, but where K and V are read in an order of their own. With FlushTiny.
inline void weigh_scores(const Plan& plan, Workspace& workspace, Group& group) {
  raise_group(group);
  const Weighted& result = group.weighted;
  const auto weigh = [&](const BlockRuns& runs, int first, int rows) {
    exponentials(group.s + first * plan.s_stride, static_cast<std::size_t>(plan.s_stride), rows, runs.runs.data(), runs.count, result.factors + first, result.shifts + first, result.alpha + first,
                 group.sums + first * kPanel);
  };
  const bool is_stepped = !plan.direct && workspace.ahead.has_steps();
  for (int block = 0; block < kBlocks; ++block) {
    if (group.columns->active[block] == 0) continue;
    const int first = block * kBlockRows, rows = std::min(result.rows - first, static_cast<int>(kBlockRows));
    if (!is_stepped) {
      weigh(result.runs[block], first, rows);
      continue;
    }
    for (int row = first; row < first + rows; ++row) {
      workspace.ahead.step(plan);
      weigh(result.runs[block], row, 1);
    }
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
