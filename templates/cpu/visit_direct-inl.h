// The tiles of a task's groups where K and V are read where they lie: each row of them once, for the rows of all heads. K of a tile and V of the one before are read side by side, a few columns
// of each in turn. Included once for each instruction set.
#if defined(FLEXC_CPU_VISIT_DIRECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_VISIT_DIRECT_INL_H_
#undef FLEXC_CPU_VISIT_DIRECT_INL_H_
#else
#define FLEXC_CPU_VISIT_DIRECT_INL_H_
#endif

#include <algorithm>
#include <utility>

#include "templates/cpu/columns-inl.h"
#include "templates/cpu/direct-inl.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// A tile, and those of a task's groups that need it.
struct DirectTile {
  std::int64_t tile = 0;
  Group* groups[kTaskGroups] = {};
  int count = 0, row_count = 0;
  DirectRow* rows = nullptr;
  PanelSet active = 0;

  const GroupPlace& place() const { return groups[0]->place; }
};

/// Finds what the groups in `live` need of a tile; false if that is nothing. What those that need it hold of the tile before stays in their other S, until its products are done.
inline bool enter_directly(const Plan& plan, Workspace& workspace, std::int64_t tile, unsigned live, DirectTile& entered) {
  entered.tile = tile;
  entered.count = entered.row_count = 0;
  entered.active = 0;
  for (std::int64_t i = 0; live >> i != 0; ++i) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    if ((live >> i & 1) == 0) continue;
    const auto swap = [&] {
      std::swap(group.s, group.other_s);
      std::swap(group.columns, group.other_columns);
    };
    swap();
    if (!find_columns(plan, workspace, group, tile)) {
      swap();  // the next tile that is tried must not come upon the S of the one before
      continue;
    }
    entered.groups[entered.count++] = &group;
    entered.active |= group.columns->active[0] | group.columns->active[1];
    for (int row = 0; row < group.place.rows; ++row) entered.rows[entered.row_count++] = direct_row(plan, group, row);
  }
  return entered.count != 0;
}

/// Scores become weights.
inline void weigh_directly(const Plan& plan, Workspace& workspace, DirectTile& entered) {
  DirectRow* row = entered.rows;
  for (int i = 0; i < entered.count; ++i) {
    Group& group = *entered.groups[i];
    finish_group_scores(plan, workspace, entered.tile, group, false);
    {
      const FlushTiny flush;
      weigh_scores(plan, workspace, group);
    }
    for (int block = 0; block < kBlocks; ++block) trim_runs(group.columns->any[block], group.weighted.runs[block].runs, group.weighted.runs[block].count);
    for (int own = 0; own < group.place.rows; ++own, ++row) {
      row->runs = &group.weighted.runs[own / kBlockRows];
      row->alpha = row->runs->count != 0 ? group.weighted.alpha[own] : 1.0f;
    }
  }
  find_rows_alike(entered.rows, entered.row_count);
}

/// S = Q K of `keys`, and O = O * alpha + P V of `values`, a step of columns of each in turn; either may be missing.
inline void multiply_directly(const Plan& plan, Workspace& workspace, const DirectTile* keys, const DirectTile* values) {
  const auto [step, ahead] = reading_order(plan, std::max(keys ? keys->row_count : 0, values ? values->row_count : 0), !keys || !values);
  RowsAhead later_keys, later_values;
  if (keys) later_keys = RowsAhead(plan, plan.call.k, keys->place(), keys->tile * plan.tile, plan.call.head_dim, ahead);
  if (values) later_values = RowsAhead(plan, plan.call.v, values->place(), values->tile * plan.tile, plan.call.value_dim, ahead);
  with_element(plan.call.dtype, [&](auto element) {
    using Element = decltype(element);
    for (std::int64_t column = 0; column < plan.tile; column += step) {
      const std::int64_t panel = column / kPanel;
      const Run columns{static_cast<std::int32_t>(column), static_cast<std::int32_t>(column + step)};
      if (keys && (keys->active >> panel & 1) != 0) direct_qk<Element>(plan, workspace.pack_rows, keys->place(), keys->rows, keys->row_count, keys->tile, columns, later_keys);
      if (!values || (column != 0 && (values->active >> panel & 1) == 0)) continue;
      const FlushTiny flush;
      direct_pv<Element>(plan, values->place(), values->rows, values->row_count, values->tile, columns, column == 0, later_values);
    }
  });
}

/// All tiles of `tiles` for the groups that are live there (live_tiles.h). Calls passed(tile) when all that come before it are done, with what they leave in the groups.
template <class Passed>
inline void visit_directly(const Plan& plan, Workspace& workspace, const TileRange& tiles, const GroupSet* live, const Passed& passed) {
  DirectTile now, next;
  now.rows = workspace.direct_rows.data();
  next.rows = now.rows + plan.task_rows();
  std::int64_t tile = tiles.first;
  const auto enter = [&](DirectTile& entered) {
    for (; tile < tiles.end; ++tile)
      if (live[tile] != 0 && enter_directly(plan, workspace, tile, live[tile], entered)) return ++tile, true;
    return false;
  };
  bool more = enter(now);
  passed(more ? now.tile : tiles.end);
  if (!more) return;
  multiply_directly(plan, workspace, &now, nullptr);
  for (; more; std::swap(now, next)) {
    weigh_directly(plan, workspace, now);
    more = enter(next);
    multiply_directly(plan, workspace, more ? &next : nullptr, &now);
    passed(more ? next.tile : tiles.end);
  }
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
