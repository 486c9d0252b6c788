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
                        plan.call.kv_offset + tile * plan.tile, 1, plan.tile_count(tile), workspace.kv_side, static_cast<std::size_t>(plan.tile));
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
    place = {group.place.b, group.place.h, plan.call.q_offset + group.place.first + row, plan.call.kv_offset + tile * plan.tile + first, 1, count};
  }
};

/// Asks mask_row about the whole words that hold the panels in `open`; elsewhere the block mask's word stands.
void ask_mask(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, PanelSet open) {
  TileColumns& columns = workspace.columns;
  const int first_word = std::countr_zero(open) / kPanelsPerWord, end_word = (31 - std::countl_zero(open)) / kPanelsPerWord + 1;
  const std::int64_t first = first_word * 64, count = std::min(std::int64_t{end_word} * 64, plan.tile_count(tile)) - first;
  for (int row = 0; row < group.place.rows; ++row) {
    const Segment segment(plan, workspace, group, tile, row, first, count);
    plan.module.mask_row(&plan.launch, &segment.levels, &segment.place, columns.keep[row].data() + first_word);
  }
  summarise(group.place.rows, first_word, end_word, columns);
}

void rewrite_segment(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first, std::int64_t end) {
  const Segment segment(plan, workspace, group, tile, row, first, end - first);
  plan.module.score_row(&plan.launch, &segment.levels, &segment.place, workspace.s.as<float>() + row * plan.s_stride + first);
}

}  // namespace

void enter_group(const Plan& plan, Group& group) {
  const flexc_row_module& module = plan.module;
  if (module.head_slots) module.head_level(&plan.launch, group.place.b, group.place.h, group.head);
  if (!module.q_side_slots) return;
  for (int row = 0; row < group.place.rows; ++row)
    module.q_side(&plan.launch, module.head_slots ? group.head : nullptr, group.place.b, group.place.h, plan.call.q_offset + group.place.first + row,
                  group.q_side + slots_bytes(module.q_side_slots) * row);
}

bool find_columns(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile) {
  const GroupPlace& place = group.place;
  const std::int64_t count = plan.tile_count(tile);
  const bool has_mask = plan.module.mask_row != nullptr;
  const PanelSet existing = static_cast<PanelSet>((std::uint64_t{1} << divide_up(count, kPanel)) - 1);
  PanelKinds kinds{existing, has_mask ? 0 : existing};
  if (has_mask && plan.call.mask) kinds = panel_kinds(*plan.call.mask, place.b, place.h, place.first, place.rows, tile * plan.tile, count);
  if ((kinds.live & existing) == 0) return false;
  keep_panels(kinds.full & existing, count, place.rows, workspace.columns);
  const PanelSet open = kinds.live & ~kinds.full & existing;
  if (open != 0) ask_mask(plan, workspace, group, tile, open);
  return !workspace.columns.empty();
}

void rewrite_row(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row) {
  std::array<Run, kMaxPanels> runs;
  const int count = runs_of(workspace.columns.active[row / kBlockRows], runs);
  for (int i = 0; i < count; ++i) {
    const Run& run = runs[static_cast<std::size_t>(i)];
    rewrite_segment(plan, workspace, group, tile, row, run.first * kPanel, std::min(run.end * kPanel, plan.tile_count(tile)));
  }
}

void rewrite_scores(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile) {
  std::array<Run, kMaxPanels> runs;
  for (int block = 0; block < kBlocks; ++block) {
    const int count = runs_of(workspace.columns.active[block], runs);
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
  // Sums of the three stay finite below this, whatever their signs; a score beyond it is the mod's own affair.
  constexpr float kLargest = 1e37f;
  return std::fabs(affine.factor) < kLargest && std::fabs(affine.row) < kLargest && std::fabs(affine.slope) * static_cast<float>(columns) < kLargest;
}

}  // namespace flexc::cpu
