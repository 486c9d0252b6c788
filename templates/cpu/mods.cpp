#include "templates/cpu/mods.h"

#include <cmath>

namespace flexc::cpu {
namespace {

/// The kv_side table of the tile, made when a mod is first called there.
const std::byte* kv_side_table(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile) {
  if (plan.module.kv_side_slots == 0) return nullptr;
  if (workspace.kv_side_b != group.place.b || workspace.kv_side_h != group.place.h || workspace.kv_side_tile != tile) {
    workspace.kv_side_b = group.place.b;
    workspace.kv_side_h = group.place.h;
    workspace.kv_side_tile = tile;
    plan.module.kv_side(&plan.launch, plan.module.head_slots ? group.head : nullptr, group.place.b, group.place.h,
                        plan.call.kv_positions().at(tile * plan.tile), plan.call.kv_step, plan.tile_count(tile), workspace.kv_side, static_cast<std::size_t>(plan.tile));
  }
  return workspace.kv_side;
}

/// A row's segment of `count` columns from column `first` of the tile on.
struct Segment {
  flexc_row_levels levels;
  flexc_row_segment place;

  Segment(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first, std::int64_t count) {
    const std::byte* table = kv_side_table(plan, workspace, group, tile);
    levels.head = plan.module.head_slots ? group.head : nullptr;
    levels.q_side = plan.module.q_side_slots ? group.q_side + slots_bytes(plan.module.q_side_slots) * row : nullptr;
    levels.kv_side = table ? table + first * 8 : nullptr;
    levels.kv_stride = table ? static_cast<std::size_t>(plan.tile) : 0;
    place = {group.place.b, group.place.h, plan.call.q_positions().at(group.place.first + row), plan.call.kv_positions().at(tile * plan.tile + first), plan.call.kv_step, count};
  }
};

void rewrite_segment(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first, std::int64_t end) {
  const Segment segment(plan, workspace, group, tile, row, first, end - first);
  plan.module.score_row(&plan.launch, &segment.levels, &segment.place, group.s + row * plan.s_stride + first);
}

}  // namespace

void enter_group(const Plan& plan, Group& group) {
  const flexc_row_module& module = plan.module;
  const GroupPlace& place = group.place;
  const void* const head = module.head_slots ? group.head : nullptr;
  if (module.head_slots) module.head_level(&plan.launch, place.b, place.h, group.head);
  for (int row = 0; row < place.rows; ++row) {
    const std::int64_t q = plan.call.q_positions().at(place.first + row);
    void* const q_side = module.q_side_slots ? group.q_side + slots_bytes(module.q_side_slots) * row : nullptr;
    if (q_side) module.q_side(&plan.launch, head, place.b, place.h, q, q_side);
    if (module.mask_key) module.mask_key(&plan.launch, head, q_side, place.b, place.h, q, &group.mask_keys[row]);
    if (!module.band_row) continue;
    flexc_row_band band{};
    module.band_row(&plan.launch, head, q_side, place.b, place.h, q, &band);
    group.band.rows[row] = columns_of_band(band, plan.call.kv_positions(), plan.call.kv_len);
  }
  module.band_row ? group.band.summarise(place.rows) : group.band.keep_all(plan.call.kv_len);
}

void ask_mask_row(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first, std::int64_t end, KeepWords& keep) {
  const Segment segment(plan, workspace, group, tile, row, first, end - first);
  plan.module.mask_row(&plan.launch, &segment.levels, &segment.place, keep.data());
}

void rewrite_row(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row) {
  std::array<Run, kMaxPanels> runs;
  const int count = runs_of(group.columns->active[row / kBlockRows], runs);
  for (int i = 0; i < count; ++i) {
    const Run& run = runs[static_cast<std::size_t>(i)];
    rewrite_segment(plan, workspace, group, tile, row, run.first * kPanel, std::min(run.end * kPanel, plan.tile_count(tile)));
  }
}

void rewrite_scores(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile) {
  std::array<Run, kMaxPanels> runs;
  for (int block = 0; block < kBlocks; ++block) {
    const int count = runs_of(group.columns->active[block], runs);
    const int end_row = std::min<int>(group.place.rows, (block + 1) * kBlockRows);
    for (int i = 0; i < count; ++i) {
      const std::int64_t first = runs[static_cast<std::size_t>(i)].first * kPanel;
      const std::int64_t end = std::min(runs[static_cast<std::size_t>(i)].end * kPanel, plan.tile_count(tile));
      for (int row = block * kBlockRows; row < end_row; ++row) rewrite_segment(plan, workspace, group, tile, row, first, end);
    }
  }
}

flexc_row_affine affine_of(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first) {
  flexc_row_affine affine{};
  const Segment segment(plan, workspace, group, tile, row, first, plan.tile_count(tile) - first);
  plan.module.affine_row(&plan.launch, &segment.levels, &segment.place, &affine);
  return affine;
}

bool is_usable(const flexc_row_affine& affine, std::int64_t columns) {
  // Sums of the three stay finite below this, whatever their signs; a score beyond it is the mod's own affair. And the row's maximum, from which its weights are counted, is rounded with
  // the row's number in it: below 2^30 by 2^6 at most, so that it alone makes no weight larger than 2^64.
  constexpr float kLargest = 1e37f, kLargestRow = 0x1p30f;
  return std::fabs(affine.factor) < kLargest && std::fabs(affine.row) < kLargestRow && std::fabs(affine.slope) * static_cast<float>(columns) < kLargest;
}

}  // namespace flexc::cpu
