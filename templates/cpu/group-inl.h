// The algorithm: a group of rows goes through the tiles of its keys, with an online softmax. Included once for each instruction set.
#if defined(FLEXC_CPU_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_GROUP_INL_H_
#undef FLEXC_CPU_GROUP_INL_H_
#else
#define FLEXC_CPU_GROUP_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <span>
#include <type_traits>

#include "templates/cpu/live_tiles.h"
#include "templates/cpu/split-inl.h"
#include "templates/cpu/visit_direct-inl.h"
#include "templates/cpu/visit_matrix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// Starts the groups of a task; returns how many they are.
inline std::int64_t start_groups(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace) {
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  GroupPlace place = place_of(plan, unit, first);
  for (std::int64_t i = 0; i < count; ++i, place = place_after(plan, place)) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    start_group(plan, workspace, place, i, group);
    begin_group(group);
    if (plan.direct || plan.matrix.used) settle_outputs(plan, group);
  }
  return count;
}

/// What is not to be used of a group is computed again, carefully.
template <class Tiles>
inline void mend_group(const Plan& plan, std::int64_t index, const LiveTiles& tiles, Workspace& workspace, const TileSource& source) {
  Group& group = workspace.groups[static_cast<std::size_t>(index)];
  if constexpr (!std::is_same_v<Tiles, NoTiles>)
    if (plan.matrix.used) {
      if (is_refused(plan, group)) compute_again_by_matrix<Tiles>(plan, index, tiles, workspace, source);
      return;
    }
  if (group.end == GroupEnd::Written) return;
  settle_outputs(plan, group);
  if (group.end != GroupEnd::NotFinite && !needs_care(plan, group)) return;
  clear_group(plan, group);
  tiles.visit(index, [&](std::int64_t tile) { visit_tile(plan, workspace, source, tile, group, true); });
}

/// Computes the groups of a task up to their state after the tiles in `range`, then calls done(group) for each. If those are all tiles, `writes` lets last products be written as outputs.
template <class Tiles, class Done>
inline void compute_groups(const Plan& plan, std::int64_t unit, std::int64_t task, const TileRange& range, bool writes, Workspace& workspace, const TileSource& source, const Done& done) {
  const TileSession<Tiles> session(plan);
  const std::int64_t count = start_groups(plan, unit, task, workspace);
  Group* const groups = workspace.groups.data();
  const TileRange all = find_live_tiles(plan, workspace, count, range);
  const LiveTiles tiles{all, workspace.live.as<GroupSet>()};
  if (plan.direct) {
    visit_directly(plan, workspace, all, tiles.live, [](std::int64_t) {});
  } else if (plan.matrix.used) {
    if constexpr (!std::is_same_v<Tiles, NoTiles>) visit_tiles_by_matrix<Tiles>(plan, workspace, source, tiles, count);
  } else {
    for (std::int64_t i = 0; i < count; ++i) groups[i].writes_last = writes && plan.writes_products() && groups[i].place.rows == kGroupRows;
    for (std::int64_t tile = all.first; tile < all.end; ++tile) {
      if (tiles.live[tile] == 0) continue;
      // Within fewer rows there would be more lines at once than can be awaited.
      if (count > kTaskGroups) follow_next_tile(plan, workspace, source, tiles, tile, count);
      for (std::int64_t i = 0; i < count; ++i)
        if ((tiles.live[tile] >> i & 1) != 0) visit_tile(plan, workspace, source, tile, groups[i], false);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    mend_group<Tiles>(plan, i, tiles, workspace, source);
    done(groups[i]);
  }
}

template <class Tiles>
inline void run_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source) {
  compute_groups<Tiles>(plan, unit, task, {0, plan.tiles}, true, workspace, source, [&](const Group& group) { finish_group(plan, group); });
}

/// The states of a group's rows; returns where the next group's go.
inline float* store_states(const Plan& plan, const Group& group, float* states) {
  for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats()) store_state(plan, group, row, states);
  return states;
}

template <class Tiles>
inline void run_split(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t split, Workspace& workspace, const TileSource& source, float* states) {
  const TileRange tiles{split * plan.split_tiles, std::min((split + 1) * plan.split_tiles, plan.tiles)};
  compute_groups<Tiles>(plan, unit, task, tiles, false, workspace, source, [&](const Group& group) { states = store_states(plan, group, states); });
}

/// Splits that follow each other: where K and V are read where they lie the first tile's K is read beside the last V of the split before, as within a split.
template <class Tiles>
inline void run_splits(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t first, std::int64_t end, Workspace& workspace, const TileSource& source, float* states) {
  const auto states_of = [&](std::int64_t split) { return states + (split - first) * plan.task_rows() * plan.state_floats(); };
  if (!plan.direct) {
    for (std::int64_t split = first; split < end; ++split) run_split<Tiles>(plan, unit, task, split, workspace, source, states_of(split));
    return;
  }
  const std::int64_t count = start_groups(plan, unit, task, workspace);
  const std::span<Group> groups(workspace.groups.data(), static_cast<std::size_t>(count));
  const TileRange all = find_live_tiles(plan, workspace, count, {first * plan.split_tiles, std::min(end * plan.split_tiles, plan.tiles)});
  std::int64_t split = first;
  std::uint64_t again = 0;  // splits that are to be computed carefully, once the others are done
  static_assert(kMostSplitsAtOnce <= 64);
  const auto finish_before = [&](std::int64_t limit) {
    for (; split < limit; ++split) {
      if (std::any_of(groups.begin(), groups.end(), [&](const Group& group) { return needs_care(plan, group); })) again |= std::uint64_t{1} << (split - first);
      float* to = states_of(split);
      for (Group& group : groups) {
        to = store_states(plan, group, to);
        clear_group(plan, group);
      }
    }
  };
  visit_directly(plan, workspace, all, workspace.live.as<GroupSet>(), [&](std::int64_t tile) { finish_before(std::min(tile / plan.split_tiles, end)); });
  finish_before(end);
  for (; again != 0; again &= again - 1) {
    const int one = std::countr_zero(again);
    run_split<Tiles>(plan, unit, task, first + one, workspace, source, states_of(first + one));
  }
}

inline void merge_splits(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, float* states) {
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  Group& group = workspace.groups.front();
  for (std::int64_t i = 0; i < count; ++i) {
    group.place = place_of(plan, unit, first + i);
    clear_group(plan, group);
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats())
      for (std::int64_t split = 0; split < plan.splits; ++split)
        merge_state(plan, states + split * plan.task_rows() * plan.state_floats(), row, group);
    finish_group(plan, group);
  }
}

/// The kernels with a matrix unit, or with NoTiles.
template <class Tiles>
inline KernelTable kernels_named(const char* name) {
  return {name, !std::is_same_v<Tiles, NoTiles>, run_task<Tiles>, run_splits<Tiles>, merge_splits};
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
