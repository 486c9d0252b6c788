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

#include "templates/cpu/finish.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/split-inl.h"
#include "templates/cpu/visit_direct-inl.h"
#include "templates/cpu/visit_matrix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// Starts the groups of a task; returns how many they are.
inline std::int64_t start_groups(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace) {
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    start_group(plan, workspace, unit, first + i, i, group);
    clear_group(plan, group);
  }
  return count;
}

/// The groups of a task, up to their state after `tiles`; returns how many they are.
template <class Tiles>
inline std::int64_t compute_groups(const Plan& plan, std::int64_t unit, std::int64_t task, const TileRange& range, Workspace& workspace,
                                   const TileSource& source) {
  constexpr bool kMatrix = !std::is_same_v<Tiles, NoTiles>;
  const TileSession<Tiles> session(plan);
  const std::int64_t count = start_groups(plan, unit, task, workspace);
  Group* const groups = workspace.groups.data();
  const TileRange all = find_live_tiles(plan, workspace, count, range);
  const LiveTiles tiles{all, workspace.live.as<GroupSet>()};
  if (plan.direct) {
    visit_directly(plan, workspace, all, tiles.live, [](std::int64_t) {});
  } else if (plan.matrix.used) {
    if constexpr (kMatrix) visit_tiles_by_matrix<Tiles>(plan, workspace, source, unit, tiles, count);
  } else {
    for (std::int64_t tile = all.first; tile < all.end; ++tile) {
      if (tiles.live[tile] == 0) continue;
      // Within fewer rows there would be more lines at once than can be awaited.
      if (count > kTaskGroups) follow_next_tile(plan, workspace, source, unit, tiles, tile, count);
      for (std::int64_t i = 0; i < count; ++i)
        if ((tiles.live[tile] >> i & 1) != 0) visit_tile(plan, workspace, source, unit, tile, groups[i], false);
    }
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

/// Writes the group's rows.
inline void finish_group(const Plan& plan, const Group& group) {
  const Floats d;
  const GroupPlace& place = group.place;
  alignas(64) float totals[kGroupRows], factors[kGroupRows];
  for (int first = 0; first < static_cast<int>(kGroupRows); first += kQuad) {
    Vector sums[kQuad][kPanelVectors];
    for (int row = 0; row < kQuad; ++row)
      for (std::size_t i = 0; i < kPanelVectors; ++i) sums[row][i] = hn::Load(d, group.sums + (first + row) * kPanel + static_cast<std::int64_t>(i * kLanes));
    store_sums(sums, totals + first);
  }
  end_rows(plan, group, totals, factors);
  const Output& out = plan.call.out;
  const std::int64_t size = static_cast<std::int64_t>(element_size(plan)), first_row = place.b * out.strides.batch + place.h * out.strides.head + place.first * out.strides.row;
  for (int row = 0; row < place.rows; ++row)
    store_row(plan.call.dtype, group.o + row * plan.value_padded, factors[row], plan.call.value_dim, static_cast<std::byte*>(out.data) + (first_row + row * out.strides.row) * size);
}

template <class Tiles>
inline void run_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source) {
  const std::int64_t count = compute_groups<Tiles>(plan, unit, task, {0, plan.tiles}, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) finish_group(plan, workspace.groups[static_cast<std::size_t>(i)]);
}

inline void store_states(const Plan& plan, const Workspace& workspace, std::int64_t count, float* states) {
  for (std::int64_t i = 0; i < count; ++i) {
    const Group& group = workspace.groups[static_cast<std::size_t>(i)];
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats()) store_state(plan, group, row, states);
  }
}

template <class Tiles>
inline void run_split(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t split, Workspace& workspace, const TileSource& source, float* states) {
  const TileRange tiles{split * plan.split_tiles, std::min((split + 1) * plan.split_tiles, plan.tiles)};
  store_states(plan, workspace, compute_groups<Tiles>(plan, unit, task, tiles, workspace, source), states);
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
  for (Group& group : groups) forget_scores(group);
  std::int64_t split = first;
  std::uint64_t again = 0;  // splits that are to be computed carefully, once the others are done
  static_assert(kMostSplitsAtOnce <= 64);
  const auto finish_before = [&](std::int64_t limit) {
    for (; split < limit; ++split) {
      if (std::any_of(groups.begin(), groups.end(), [&](const Group& group) { return needs_care(plan, group); })) again |= std::uint64_t{1} << (split - first);
      store_states(plan, workspace, count, states_of(split));
      for (Group& group : groups) clear_group(plan, group);
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
    forget_scores(group);
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
