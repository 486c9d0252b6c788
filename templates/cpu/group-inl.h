// The algorithm: a group of rows goes through the tiles of its keys, with an online softmax. Included once for each instruction set.
#if defined(FLEXC_CPU_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_GROUP_INL_H_
#undef FLEXC_CPU_GROUP_INL_H_
#else
#define FLEXC_CPU_GROUP_INL_H_
#endif

#include <type_traits>

#include "templates/cpu/finish.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/split-inl.h"
#include "templates/cpu/visit_direct-inl.h"
#include "templates/cpu/visit_matrix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// The groups of a task, up to their state after `tiles`; returns how many they are.
template <class Tiles>
inline std::int64_t compute_groups(const Plan& plan, std::int64_t unit, std::int64_t task, const TileRange& range, Workspace& workspace,
                                   const TileSource& source) {
  constexpr bool kMatrix = !std::is_same_v<Tiles, NoTiles>;
  const TileSession<Tiles> session(plan);
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  Group* const groups = workspace.groups.data();
  for (std::int64_t i = 0; i < count; ++i) {
    start_group(plan, workspace, unit, first + i, i, groups[i]);
    clear_group(plan, groups[i]);
  }
  const TileRange all = find_live_tiles(plan, workspace, count, range);
  const LiveTiles tiles{all, workspace.live.as<GroupSet>()};
  if (plan.direct) {
    visit_directly(plan, workspace, all, tiles.live);
  } else if (plan.matrix.used) {
    if constexpr (kMatrix) visit_tiles_by_matrix<Tiles>(plan, workspace, source, unit, tiles, count);
  } else {
    for (std::int64_t tile = all.first; tile < all.end; ++tile)
      for (std::int64_t i = 0; i < count; ++i)
        if ((tiles.live[tile] >> i & 1) != 0) visit_tile(plan, workspace, source, unit, tile, groups[i], false);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = groups[i];
    forget_scores(group);
    if constexpr (kMatrix)
      if (plan.matrix.used) {
        if (is_refused(plan, group)) compute_again_by_matrix<Tiles>(plan, unit, i, tiles, workspace, source);
        continue;
      }
    if (!needs_care(plan, group)) continue;
    clear_group(plan, group);
    tiles.visit(i, [&](std::int64_t tile) { visit_tile(plan, workspace, source, unit, tile, group, true); });
  }
  return count;
}

template <class Tiles>
inline void run_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source) {
  const std::int64_t count = compute_groups<Tiles>(plan, unit, task, {0, plan.tiles}, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) finish_group(plan, workspace.groups[static_cast<std::size_t>(i)], store_row);
}

template <class Tiles>
inline void run_split(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t split, Workspace& workspace, const TileSource& source,
                      float* states) {
  const TileRange tiles{split * plan.split_tiles, std::min((split + 1) * plan.split_tiles, plan.tiles)};
  const std::int64_t count = compute_groups<Tiles>(plan, unit, task, tiles, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) {
    const Group& group = workspace.groups[static_cast<std::size_t>(i)];
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats()) store_state(plan, group, row, states);
  }
}

inline void merge_splits(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, float* states) {
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  Group& group = workspace.groups.front();
  for (std::int64_t i = 0; i < count; ++i) {
    group.place = place_of(plan, unit, first + i);
    clear_group(plan, group);
    forget_scores(group);
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats())
      for (std::int64_t split = 0; split < plan.splits; ++split)
        merge_state(plan, states + split * plan.task_rows() * plan.state_floats(), row, group);
    finish_group(plan, group, store_row);
  }
}

/// The kernels with a matrix unit, or with NoTiles.
template <class Tiles>
inline KernelTable kernels_named(const char* name) {
  return {name, !std::is_same_v<Tiles, NoTiles>, run_task<Tiles>, run_split<Tiles>, merge_splits};
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
