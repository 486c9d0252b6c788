// The algorithm: a group of rows goes through the tiles of its keys, with an online softmax. Included once for each instruction set.
#if defined(FLEXC_CPU_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_GROUP_INL_H_
#undef FLEXC_CPU_GROUP_INL_H_
#else
#define FLEXC_CPU_GROUP_INL_H_
#endif

#include "templates/cpu/finish.h"
#include "templates/cpu/kernels.h"
#include "templates/cpu/mods.h"
#include "templates/cpu/direct-inl.h"
#include "templates/cpu/split-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

inline void start_group(const Plan& plan, Workspace& workspace, std::int64_t unit, std::int64_t index, Group& group) {
  group.place = place_of(plan, unit, index);
  plan.direct ? copy_q(plan, group) : pack_q(plan, group, workspace.pack_rows);
  enter_group(plan, group);
}

inline void clear_group(const Plan& plan, Group& group) {
  std::fill(group.o, group.o + kGroupRows * plan.value_padded, 0.0f);
  std::fill(group.sums, group.sums + kGroupRows * kPanel, 0.0f);
  std::fill(group.top, group.top + kGroupRows, kMinusInfinity);
}

inline PackedTile packed_tile(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile) {
  const std::int64_t floats = plan.k_floats + plan.v_floats;
  if (source.shared) return {source.shared + tile * floats, source.shared + tile * floats + plan.k_floats};
  const std::int64_t slot = tile % source.slots;
  float* memory = source.own + slot * floats;
  if (source.held[slot] != tile) {
    pack_tile(plan, unit, tile, workspace.pack_rows, memory);
    source.held[slot] = tile;
  }
  return {memory, memory + plan.k_floats};
}

/// S = Q K for the active panels. Both blocks of rows take a panel while it is in L1. What lies in S elsewhere is never looked at.
inline void products_qk(const Plan& plan, const Group& group, const TileColumns& columns, const float* k, float* s) {
  const auto width = static_cast<std::size_t>(plan.call.head_dim), stride = static_cast<std::size_t>(plan.s_stride);
  const auto s_block = static_cast<std::size_t>(kBlockRows) * stride, q_block = static_cast<std::size_t>(kBlockRows) * width;
  constexpr int kPanelsAtOnce = kLanes == static_cast<std::size_t>(kPanel) ? 2 : 1;
  for (PanelSet rest = columns.active[0] | columns.active[1]; rest != 0;) {
    const int first = std::countr_zero(rest);
    rest &= rest - 1;
    PanelSet taken = PanelSet{1} << first;
    int second = first;
    if (kPanelsAtOnce == 2 && rest != 0) {
      second = std::countr_zero(rest);
      rest &= rest - 1;
      taken |= PanelSet{1} << second;
    }
    const auto k_at = [&](int panel) { return k + static_cast<std::size_t>(panel * kPanel) * width; };
    for (std::size_t block = 0; block < static_cast<std::size_t>(kBlocks); ++block) {
      const PanelSet mine = columns.active[block] & taken;
      if (mine == 0) continue;
      const float* q = group.q + block * q_block;
      float* const s_row = s + block * s_block;
      // Next to a diagonal the block may need one of the two alone.
      const int only = (mine >> first & 1) != 0 ? first : second;
      if constexpr (kPanelsAtOnce == 2) {
        if (second != first && mine == taken)
          multiply_qk<2>(q, k_at(first), k_at(second), width, s_row + first * kPanel, s_row + second * kPanel, stride);
        else
          multiply_qk<1>(q, k_at(only), k_at(only), width, s_row + only * kPanel, s_row + only * kPanel, stride);
      } else {
        for (std::size_t lane = 0; lane < static_cast<std::size_t>(kPanel); lane += 2 * kLanes)
          multiply_qk<2>(q, k_at(only) + lane, k_at(only) + lane + kLanes, width, s_row + only * kPanel + lane, s_row + only * kPanel + lane + kLanes, stride);
      }
    }
  }
}

/// O = O alpha + P V for a block of rows.
inline void products_pv(const Plan& plan, const float* p, const float* v, const Run* runs, int run_count, const float* alpha, float* o) {
  const auto stride = static_cast<std::size_t>(plan.s_stride), width = static_cast<std::size_t>(plan.value_padded);
  const auto panel_floats = static_cast<std::size_t>(plan.tile * kPanel);
  constexpr std::size_t kStep = 2 * kLanes;
  const auto v_at = [&](std::size_t column) { return v + column / kPanel * panel_floats + column % kPanel; };
  std::size_t column = 0;
  for (; column + kStep <= width; column += kStep)
    multiply_pv<2>(p, stride, v_at(column), v_at(column + kLanes), runs, run_count, alpha, o + column, o + column + kLanes, width);
  for (; column < width; column += kLanes)
    multiply_pv<1>(p, stride, v_at(column), v_at(column), runs, run_count, alpha, o + column, o + column, width);
}

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

/// One group, one tile. With `careful`, nothing of a removed pair can reach the result; clean rows come out the same either way.
inline void visit_tile(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile, Group& group,
                       bool careful) {
  if (!find_columns(plan, workspace, group, tile)) return;
  TileColumns& columns = workspace.columns;
  // The careful product is the packed one alone; the direct one adds in the same order.
  const PackedTile packed = plan.direct && !careful ? PackedTile{} : packed_tile(plan, workspace, source, unit, tile);
  float* const s = workspace.s.as<float>();
  if (plan.direct)
    with_element(plan.call.dtype, [&](auto element) {
      direct_qk<decltype(element)>(plan, workspace.pack_rows, group, columns.active[0] | columns.active[1], tile, s);
    });
  else
    products_qk(plan, group, columns, packed.k, s);
  const int rows_computed = plan.direct ? group.place.rows : static_cast<int>(kGroupRows);

  std::array<Run, kMaxPanels> runs[kBlocks];
  int run_count[kBlocks];
  for (int block = 0; block < kBlocks; ++block) {
    run_count[block] = runs_of(columns.active[block], runs[block]);
    if (plan.s_factor == 1.0f) continue;
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, rows_computed); ++row)
      multiply_scores(s + row * plan.s_stride, runs[block].data(), run_count[block], plan.s_factor);
  }
  const bool is_affine = plan.module.score_class == FLEXC_SCORE_AFFINE;
  if (plan.module.score_class == FLEXC_SCORE_GENERAL) rewrite_scores(plan, workspace, group, tile);

  for (int block = 0; block < kBlocks; ++block) {
    if (columns.active[block] == 0) continue;
    RowPanels panels;
    panels.full_run_count = runs_of(columns.active[block] & columns.full[block], panels.full_runs);
    panels.masked = columns.active[block] & ~columns.full[block];
    float alpha[kBlockRows];
    const int block_rows = std::clamp<int>(rows_computed - block * kBlockRows, 0, kBlockRows);
    for (int i = 0; i < block_rows; ++i) {
      const int row = block * kBlockRows + i;
      float* const scores = s + row * plan.s_stride;
      flexc_row_affine affine{1, 0, 0};
      float top;
      if (is_affine) {
        // Rows beyond the last one have no position: they take the last one's numbers, and are thrown away.
        // Counted from the row's first kept column, no term is much larger than the largest kept score: from the tile's first one,
        // a window far into the tile would be the small difference of two large numbers.
        const int origin = first_kept(columns.keep[row]);
        affine = affine_of(plan, workspace, group, tile, std::min(row, group.place.rows - 1), origin);
        if (is_usable(affine, plan.tile) || !plan.module.score_row) {
          top = finish_scores<true>(scores, panels, columns.keep[row], {affine.factor, affine.slope, static_cast<float>(origin)}) + affine.row;
        } else {
          affine = {1, 0, 0};
          multiply_scores(scores, runs[block].data(), run_count[block], plan.launch.scale);
          if (row < group.place.rows) rewrite_row(plan, workspace, group, tile, row);
          top = finish_scores<false>(scores, panels, columns.keep[row], {});
        }
      } else {
        top = finish_scores<false>(scores, panels, columns.keep[row], {});
      }
      if (careful) inspect_scores(scores, group, row, columns.keep[row]);
      const float old_top = group.top[row];
      const float new_top = top > old_top ? top : old_top;
      const float base = new_top == kMinusInfinity ? 0.0f : new_top;
      alpha[i] = exp2_of_scalar(old_top - base);
      group.top[row] = new_top;
      exponentials(scores, runs[block].data(), run_count[block], base - affine.row, alpha[i], group.sums + row * kPanel);
    }
    const float* p = s + block * kBlockRows * plan.s_stride;
    float* o = group.o + block * kBlockRows * plan.value_padded;
    if (careful) {
      for (int i = 0; i < block_rows; ++i)
        multiply_pv_carefully(p + i * plan.s_stride, packed.v, static_cast<std::size_t>(plan.tile * kPanel), columns.keep[block * kBlockRows + i],
                              alpha[i], o + i * plan.value_padded, static_cast<std::size_t>(plan.value_padded));
    } else {
      trim_runs(columns.any[block], runs[block], run_count[block]);
      if (plan.direct)
        with_element(plan.call.dtype, [&](auto element) {
          for (int i = 0; i < block_rows; ++i)
            direct_pv<decltype(element)>(plan, group.place, tile, p + i * plan.s_stride, runs[block].data(), run_count[block], alpha[i], o + i * plan.value_padded);
        });
      else
        products_pv(plan, p, packed.v, runs[block].data(), run_count[block], alpha, o);
    }
  }
}

/// Whether some sum or output of the group is not finite. In a product 0 * NaN is NaN, so what was removed may have leaked.
inline bool needs_care(const Plan& plan, const Group& group) {
  return !all_finite(group.o, group.place.rows * plan.value_padded) || !all_finite(group.sums, group.place.rows * kPanel);
}

/// Tiles first to end - 1.
struct TileRange {
  std::int64_t first = 0, end = 0;
};

/// The tiles of `columns` within `tiles`.
inline TileRange within(const Plan& plan, const ColumnRange& columns, const TileRange& tiles) {
  return {std::max(columns.first / plan.tile, tiles.first), std::min(divide_up(columns.end, plan.tile), tiles.end)};
}

/// The groups of a task, up to their state after `tiles`; returns how many they are.
inline std::int64_t compute_groups(const Plan& plan, std::int64_t unit, std::int64_t task, const TileRange& tiles, Workspace& workspace,
                                   const TileSource& source) {
  const std::int64_t first = task * kTaskGroups, count = std::min(kTaskGroups, plan.groups_per_unit - first);
  Group* const groups = workspace.groups.data();
  for (std::int64_t i = 0; i < count; ++i) {
    start_group(plan, workspace, unit, first + i, groups[i]);
    clear_group(plan, groups[i]);
  }
  ColumnRange reach;
  for (std::int64_t i = 0; i < count; ++i) reach = hull(reach, groups[i].band.reach);
  const TileRange all = within(plan, reach, tiles);
  for (std::int64_t tile = all.first; tile < all.end; ++tile)
    for (std::int64_t i = 0; i < count; ++i) visit_tile(plan, workspace, source, unit, tile, groups[i], false);
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = groups[i];
    std::fill(group.saw_nan, group.saw_nan + kGroupRows, false);
    std::fill(group.saw_infinity, group.saw_infinity + kGroupRows, false);
    if (!needs_care(plan, group)) continue;
    clear_group(plan, group);
    const TileRange own = within(plan, group.band.reach, tiles);
    for (std::int64_t tile = own.first; tile < own.end; ++tile) visit_tile(plan, workspace, source, unit, tile, group, true);
  }
  return count;
}

inline void run_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source) {
  const std::int64_t count = compute_groups(plan, unit, task, {0, plan.tiles}, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) finish_group(plan, workspace.groups[static_cast<std::size_t>(i)]);
}

inline void run_split(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t split, Workspace& workspace, const TileSource& source,
                      float* states) {
  const TileRange tiles{split * plan.split_tiles, std::min((split + 1) * plan.split_tiles, plan.tiles)};
  const std::int64_t count = compute_groups(plan, unit, task, tiles, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) {
    const Group& group = workspace.groups[static_cast<std::size_t>(i)];
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats()) store_state(plan, group, row, states);
  }
}

inline void merge_splits(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, float* states) {
  const std::int64_t first = task * kTaskGroups, count = std::min(kTaskGroups, plan.groups_per_unit - first);
  Group& group = workspace.groups.front();
  for (std::int64_t i = 0; i < count; ++i) {
    group.place = place_of(plan, unit, first + i);
    clear_group(plan, group);
    std::fill(group.saw_nan, group.saw_nan + kGroupRows, false);
    std::fill(group.saw_infinity, group.saw_infinity + kGroupRows, false);
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats())
      for (std::int64_t split = 0; split < plan.splits; ++split)
        merge_state(plan, states + split * plan.task_rows() * plan.state_floats(), row, group);
    finish_group(plan, group);
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
