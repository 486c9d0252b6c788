// A tile for a group by vectors. Included once for each instruction set.
#if defined(FLEXC_CPU_VISIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_VISIT_INL_H_
#undef FLEXC_CPU_VISIT_INL_H_
#else
#define FLEXC_CPU_VISIT_INL_H_
#endif

#include <algorithm>
#include <utility>

#include "templates/cpu/columns-inl.h"
#include "templates/cpu/direct-inl.h"
#include "templates/cpu/finish-inl.h"
#include "templates/cpu/scores-inl.h"
#include "templates/cpu/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// What the careful path noted is forgotten.
inline void forget_scores(Group& group) {
  std::fill(group.saw_nan, group.saw_nan + kGroupRows, false);
  std::fill(group.saw_infinity, group.saw_infinity + kGroupRows, false);
}

/// A group before its first tile. Its outputs are not set to 0: the first product sees to that (Group::is_fresh).
inline void begin_group(Group& group) {
  const Floats d;
  // By vectors: for so little the library's way takes longer to start.
  for (std::int64_t i = 0; i < kGroupRows * kPanel; i += static_cast<std::int64_t>(kLanes)) hn::Store(hn::Zero(d), d, group.sums + i);
  for (std::int64_t i = 0; i < kPanel; i += static_cast<std::int64_t>(kLanes)) hn::Store(hn::Set(d, kMinusInfinity), d, group.top + i);
  forget_scores(group);
  group.is_fresh = true;
  group.end = GroupEnd::Open;
}

/// Outputs that no product has touched become 0.
inline void settle_outputs(const Plan& plan, Group& group) {
  if (group.is_fresh) std::fill_n(group.o, kGroupRows * plan.value_padded, 0.0f);
  group.is_fresh = false;
}

inline void clear_group(const Plan& plan, Group& group) {
  begin_group(group);
  settle_outputs(plan, group);
}

/// Whether a row's sums or outputs are not finite. In a product 0 * NaN is NaN, so what was removed may have leaked.
inline bool needs_care(const Plan& plan, const Group& group, int row) {
  return !all_finite(group.o + row * plan.value_padded, plan.value_padded) || !all_finite(group.sums + row * kPanel, kPanel);
}
inline bool needs_care(const Plan& plan, const Group& group) {
  return !all_finite(group.o, group.place.rows * plan.value_padded) || !all_finite(group.sums, group.place.rows * kPanel);
}

/// S = Q K for the active panels. Both blocks of rows take a panel while it is in L1. What lies in S elsewhere is never looked at. Where products are scores, the largest of panels
/// that are all kept are noted while they are in registers (Group::seen).
inline void products_qk(const Plan& plan, Group& group, const TileColumns& columns, const float* k, float* s, Ahead& ahead) {
  const auto width = static_cast<std::size_t>(plan.call.head_dim), stride = static_cast<std::size_t>(plan.s_stride);
  const auto s_block = static_cast<std::size_t>(kBlockRows) * stride, q_stride = static_cast<std::size_t>(round_up(plan.call.head_dim, kPanel)), q_block = static_cast<std::size_t>(kBlockRows) * q_stride;
  const auto k_at = [&](int panel) { return k + static_cast<std::size_t>(panel * kPanel) * width; };
  const bool notes = notes_largest(plan);
  std::fill(group.seen, group.seen + kBlocks, PanelSet{0});
  if (notes) std::fill(group.seen_tops, group.seen_tops + kGroupRows * kPanel, kMinusInfinity);
  // Of these, which both blocks take in the same way, as many pairs as follow each other go together; one at a time where there is something to do between them.
  [[maybe_unused]] const PanelSet alike = width > kLongestSum ? 0 : notes ? columns.full[0] & columns.full[1] : columns.active[0] & columns.active[1];
  [[maybe_unused]] const int most_pairs = ahead.has_steps() ? 1 : static_cast<int>(kMaxPanels / 2);
  for (PanelSet rest = columns.active[0] | columns.active[1]; rest != 0;) {
    const int first = std::countr_zero(rest);
    rest &= rest - 1;
    ahead.step(plan);
    if constexpr (kBothBlocks) {  // two panels of one vector each
      if (const int pairs = std::min(std::countr_one(alike >> first) / 2, most_pairs); pairs > 0) {
        multiply_qk_pairs(group.q, q_stride, k_at(first), pairs, width, s + first * kPanel, stride, notes ? group.seen_tops : nullptr);
        const PanelSet together = panels_between(first, first + 2 * pairs);
        for (PanelSet& seen : group.seen) seen |= notes ? together : 0;
        rest &= ~together;
        continue;
      }
      PanelSet taken = PanelSet{1} << first;
      int second = first;
      if (rest != 0) {
        second = std::countr_zero(rest);
        rest &= rest - 1;
        taken |= PanelSet{1} << second;
      }
      const PanelSet mine[kBlocks] = {columns.active[0] & taken, columns.active[1] & taken};
      // Next to a diagonal a block may need one of the two alone.
      const auto multiply = [&]<int kRows>(PanelSet panels, std::size_t block) {
        const float* const q = group.q + block * q_block;
        float* const s_row = s + block * s_block;
        const int only = (panels >> first & 1) != 0 ? first : second;
        float* tops = nullptr;
        if (notes && (panels & ~columns.full[block]) == 0 && (kRows == kBlockRows || (panels & ~columns.full[1]) == 0)) {
          tops = group.seen_tops + block * kBlockRows * kPanel;
          for (std::size_t i = block; i < block + kRows / kBlockRows; ++i) group.seen[i] |= panels;
        }
        if (second != first && panels == taken)
          multiply_qk_chunks<kRows, 2>(q, q_stride, k_at(first), k_at(second), width, s_row + first * kPanel, s_row + second * kPanel, stride, tops);
        else
          multiply_qk_chunks<kRows, 1>(q, q_stride, k_at(only), k_at(only), width, s_row + only * kPanel, s_row + only * kPanel, stride, tops);
      };
      if (mine[0] == mine[1]) {
        multiply.template operator()<kGroupRows>(taken, 0);
        continue;
      }
      for (std::size_t block = 0; block < static_cast<std::size_t>(kBlocks); ++block)
        if (mine[block] != 0) multiply.template operator()<kBlockRows>(mine[block], block);
    } else {
      for (std::size_t block = 0; block < static_cast<std::size_t>(kBlocks); ++block) {
        if ((columns.active[block] >> first & 1) == 0) continue;
        float* const s_row = s + block * s_block + first * kPanel;
        for (std::size_t lane = 0; lane < static_cast<std::size_t>(kPanel); lane += 2 * kLanes)
          multiply_qk_chunks<kBlockRows, 2>(group.q + block * q_block, q_stride, k_at(first) + lane, k_at(first) + lane + kLanes, width, s_row + lane,
                                            s_row + lane + kLanes, stride, nullptr);
      }
    }
  }
}

/// O = O alpha + P V for kRows rows over runs of columns; false where they are its last products, and not finite.
template <int kRows>
inline bool multiply_values(const Plan& plan, const float* p, const float* v, const Run* runs, int run_count, const ValueRows& rows, Ahead& ahead) {
  const auto stride = static_cast<std::size_t>(plan.s_stride), width = static_cast<std::size_t>(plan.value_padded);
  const auto v_panel = static_cast<std::size_t>(plan.v_panel), v_step = static_cast<std::size_t>(plan.v_step);
  constexpr std::size_t kStep = 2 * kLanes;
  const auto v_at = [&](std::size_t column) { return v + column / kPanel * v_panel + column % kPanel; };
  std::int64_t iterations = 0;
  for (int i = 0; i < run_count; ++i) iterations += runs[i].end - runs[i].first;
  std::size_t column = 0;
  bool is_finite = true;
  for (; column + kStep <= width; column += kStep)
    is_finite &= multiply_pv<kRows, 2>(p, stride, v_at(column), v_at(column + kLanes), v_step, runs, run_count, rows.at(0, static_cast<std::int64_t>(column)), ahead.take(plan, iterations, kPartsOfGroup));
  for (; column < width; column += kLanes)
    is_finite &= multiply_pv<kRows, 1>(p, stride, v_at(column), v_at(column), v_step, runs, run_count, rows.at(0, static_cast<std::int64_t>(column)), ahead.take(plan, iterations, kPartsOfGroup));
  return is_finite;
}

/// O = O alpha + P V for a group, each block over its own runs of columns; a block without runs is left alone. What both need they do together.
inline void products_pv(const Plan& plan, const float* p, const float* v, const BlockRuns (&runs)[kBlocks], const float* alpha, float* o, Ahead& ahead) {
  const auto rows_of = [&](int block, const float* factors) {
    float* const at = o + block * kBlockRows * plan.value_padded;
    return ValueRows{at, factors, at, static_cast<std::size_t>(plan.value_padded)};
  };
  const auto one_block = [&](int block, const Run* its_runs, int count, const float* its_alpha) {
    multiply_values<kBlockRows>(plan, p + block * kBlockRows * plan.s_stride, v, its_runs, count, rows_of(block, its_alpha), ahead);
  };
  if constexpr (kBothBlocks) {
    PhaseList phases;
    if (phases.find(runs[0], runs[1])) {
      // A block's old outputs are scaled in its first phase.
      alignas(64) static constexpr float kOnes[kGroupRows] = {1, 1, 1, 1, 1, 1, 1, 1};
      unsigned scaled = 0;
      for (int i = 0; i < phases.count; ++i) {
        const Phase& phase = phases.phases[static_cast<std::size_t>(i)];
        const Run* const its_runs = phases.runs.data() + phase.first;
        if (phase.blocks != 3) {
          const int block = phase.blocks == 1 ? 0 : 1;
          one_block(block, its_runs, phase.count, (scaled & phase.blocks) != 0 ? kOnes : alpha + block * kBlockRows);
        } else {
          alignas(64) float factors[kGroupRows];
          for (int row = 0; row < kGroupRows; ++row) factors[row] = (scaled >> (row / kBlockRows) & 1) != 0 ? 1.0f : alpha[row];
          multiply_values<kGroupRows>(plan, p, v, its_runs, phase.count, rows_of(0, factors), ahead);
        }
        scaled |= phase.blocks;
      }
      return;
    }
  }
  for (int block = 0; block < kBlocks; ++block)
    if (runs[block].count != 0) one_block(block, runs[block].runs.data(), runs[block].count, alpha + block * kBlockRows);
}

/// The same where both blocks need the same columns. The first products are not added to anything, and the last ones become outputs while they are in registers. What is not finite then is in the
/// products too: a weight that is not, or a sum with one in it, makes them so.
inline void products_pv_together(const Plan& plan, Group& group, std::int64_t tile, const float* v, const BlockRuns& runs, const FlushTiny& flush, Ahead& ahead) {
  const bool is_last = group.writes_last && tile == group.last_tile;
  ValueRows rows{group.is_fresh ? nullptr : group.o, group.weighted.alpha, group.o, static_cast<std::size_t>(plan.value_padded)};
  group.is_fresh = false;
  alignas(64) float ends[kGroupRows];
  if (is_last) {
    find_ends(plan, group, &flush, ends);
    rows.ends = ends, rows.out = reinterpret_cast<float*>(output_address(plan, group.place, 0)), rows.out_step = plan.call.out.strides.row;
  }
  bool is_finite = true;
  constexpr int kRows = kBothBlocks ? kGroupRows : kBlockRows;
  for (std::int64_t row = 0; row < kGroupRows; row += kRows)
    is_finite &= multiply_values<kRows>(plan, group.s + row * plan.s_stride, v, runs.runs.data(), runs.count, rows.at(row, 0), ahead);
  if (is_last) group.end = is_finite ? GroupEnd::Written : GroupEnd::NotFinite;
}

/// One group, one tile. With `careful`, nothing of a removed pair can reach the result; clean rows come out the same either way.
inline void visit_tile(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t tile, Group& group, bool careful) {
  if (!find_columns(plan, workspace, group, tile)) return;
  const TileColumns& columns = *group.columns;
  const PackedTile packed = packed_tile(plan, workspace, source, group.place, tile);
  if (plan.direct) {  // the careful product of P and V is the packed one alone; the direct one adds in the same order
    DirectRow* const rows = workspace.direct_rows.data();
    for (int row = 0; row < group.place.rows; ++row) rows[row] = direct_row(plan, group, row);
    with_element(plan.call.dtype, [&](auto element) {
      for (PanelSet rest = columns.active[0] | columns.active[1]; rest != 0; rest &= rest - 1) {
        const std::int32_t first = std::countr_zero(rest) * static_cast<std::int32_t>(kPanel);
        direct_qk<decltype(element)>(plan, workspace.pack_rows, group.place, rows, group.place.rows, tile, {first, first + static_cast<std::int32_t>(kPanel)}, {});
      }
    });
  } else {
    if (!std::exchange(group.has_q, true)) pack_q(plan, group, kGroupRows);
    products_qk(plan, group, columns, packed.k, group.s, workspace.ahead);
  }
  finish_group_scores(plan, workspace, tile, group, careful);
  const FlushTiny flush;
  weigh_scores(plan, workspace, group);
  Weighted& weighted = group.weighted;
  BlockRuns(&runs)[kBlocks] = weighted.runs;
  if (careful) {
    settle_outputs(plan, group);
    for (int row = 0; row < weighted.rows; ++row)
      if (columns.active[row / kBlockRows] != 0)
        multiply_pv_carefully(group.s + row * plan.s_stride, packed.v, static_cast<std::size_t>(plan.v_panel), static_cast<std::size_t>(plan.v_step), columns.keep[row], weighted.alpha[row],
                              group.o + row * plan.value_padded, static_cast<std::size_t>(plan.value_padded));
    return;
  }
  if (columns.active[0] == columns.active[1]) {
    // A column that one block alone needs, next to a diagonal, weighs 0 in the other: with eight rows at once that costs less than multiplying it apart. All instruction sets do so, and agree.
    KeepWords any;
    for (std::size_t word = 0; word < kKeepWords; ++word) any[word] = columns.any[0][word] | columns.any[1][word];
    trim_runs(any, runs[0].runs, runs[0].count);
    products_pv_together(plan, group, tile, packed.v, runs[0], flush, workspace.ahead);
    return;
  }
  settle_outputs(plan, group);
  for (int block = 0; block < kBlocks; ++block) trim_runs(columns.any[block], runs[block].runs, runs[block].count);
  products_pv(plan, group.s, packed.v, runs, weighted.alpha, group.o, workspace.ahead);
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
