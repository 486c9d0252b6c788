#include "templates/cpu/plan.h"

#include <cmath>

#include "templates/cpu/matrix_unit.h"
#include "templates/cpu/tile_columns.h"

namespace flexc::cpu {
namespace {

/// Scales within this range are folded into q; beyond, products with q would lose what the product with the score keeps.
constexpr double kLeastFoldedScale = 0x1p-40, kMostFoldedScale = 0x1p40;

constexpr std::int64_t kPartBytes = 2;  ///< of a number's part, a bf16

/// Where K and V lie in a tile, and where the scale goes.
void lay_out(Plan& plan) {
  const AttentionArguments& call = plan.call;
  plan.s_stride = plan.tile + kPanel;
  plan.v_in_place = !plan.matrix.used && call.dtype == DType::F32 && call.value_dim % kPanel == 0 && call.v.strides.row == call.value_dim;
  if (plan.matrix.used) {
    // Two bf16 in the place of a float.
    plan.k_floats = plan.tile * plan.matrix.depth * plan.matrix.parts / 2;
    plan.v_floats = plan.tile * plan.value_padded * plan.matrix.parts / 2;
  } else {
    plan.k_floats = plan.tile * call.head_dim;
    plan.v_floats = plan.v_in_place ? 0 : plan.tile * plan.value_padded;
  }
  plan.v_step = plan.v_in_place ? call.value_dim : kPanel;
  plan.v_panel = plan.v_in_place ? kPanel : plan.tile * kPanel;

  plan.note_floats = plan.matrix.used && plan.matrix.has_reach() ? static_cast<std::int64_t>(sizeof(OutOfReach) / sizeof(float)) : 0;

  plan.q_factor = plan.s_factor = 1;
  if (plan.module.score_class == FLEXC_SCORE_AFFINE) return;  // affine rows bring their own factor
  const double factor = plan.module.score_class == FLEXC_SCORE_GENERAL ? call.scale : call.scale * kLog2e;
  const double size = std::abs(factor);
  // For the matrix unit 16-bit q stay exact; times the scale they would not.
  const bool folded = size >= kLeastFoldedScale && size <= kMostFoldedScale && (!plan.matrix.used || call.dtype == DType::F32);
  (folded ? plan.q_factor : plan.s_factor) = static_cast<float>(factor);
}

/// Groups of a task where tiles do not stay near from one task to the next. By vectors Q and outputs, which are f32 and pass by once a tile, take no more than a tile does.
std::int64_t large_task_groups(const Plan& plan, std::int64_t threads) {
  const std::int64_t group_bytes = kGroupRows * (plan.call.head_dim + plan.value_padded) * static_cast<std::int64_t>(sizeof(float));
  const auto fits = [&](std::int64_t groups) {
    return plan.units * divide_up(plan.groups_per_unit, groups) >= kLargeTasksAThread * threads && (plan.matrix.used || groups * group_bytes <= kTileBytes);
  };
  if (fits(kLargestTaskGroups)) return kLargestTaskGroups;
  return fits(kLargeTaskGroups) ? kLargeTaskGroups : kTaskGroups;
}

}  // namespace

Plan make_plan(const AttentionArguments& call, bool matrix_unit, std::int64_t threads) {
  Plan plan;
  plan.call = call;
  std::int64_t q_end = 0, kv_end = 0;
  call.q_positions().fits(call.q_len, &q_end), call.kv_positions().fits(call.kv_len, &kv_end);
  if (plan.call.q_total == 0) plan.call.q_total = q_end;
  if (plan.call.kv_total == 0) plan.call.kv_total = kv_end;
  if (call.module) plan.module = *call.module;
  plan.launch.problem = {call.batch, call.heads, call.kv_heads, plan.call.q_total, plan.call.kv_total};
  plan.launch.captures = call.captures;
  plan.launch.params = call.params;
  plan.launch.fresh_dims = call.fresh_dims;
  plan.launch.scale = static_cast<float>(call.scale);
  plan.launch.scale_log2e = static_cast<float>(call.scale * kLog2e);

  plan.heads_per_unit = call.heads / call.kv_heads;
  plan.direct = call.q_len <= kDirectRows || call.q_len * plan.heads_per_unit <= (call.dtype == DType::F32 ? kDirectUnitRows : kDirectHalfUnitRows);
  plan.short_turns = matrix_unit || has_matrix_unit();  // of the machine, whichever kernels are used
  plan.matrix.used = matrix_unit && !plan.direct && call.q_len * plan.heads_per_unit >= kMatrixRows && (call.dtype != DType::F32 || call.head_dim <= kWidestReach);
  if (plan.matrix.used) {
    plan.matrix.parts = call.dtype == DType::BF16 ? 1 : call.dtype == DType::F16 ? 2 : 3;
    plan.matrix.depth = round_up(call.head_dim, kTileDepth);
  }
  const std::int64_t widths = call.head_dim + call.value_dim;
  plan.tile = plan.matrix.used ? tile_columns(widths * plan.matrix.parts * kPartBytes, kMatrixTileBytes) : tile_columns(widths * static_cast<std::int64_t>(sizeof(float)), kTileBytes);
  plan.tiles = divide_up(call.kv_len, plan.tile);
  plan.value_padded = round_up(call.value_dim, kPanel);
  lay_out(plan);
  plan.units = call.batch * call.kv_heads;
  plan.groups_per_head = divide_up(call.q_len, kGroupRows);
  plan.groups_per_unit = plan.groups_per_head * plan.heads_per_unit;
  const std::int64_t small_tasks = divide_up(plan.groups_per_unit, kTaskGroups);
  if (plan.matrix.used || (!plan.direct && !plan.stays_near())) plan.task_groups = large_task_groups(plan, threads);
  plan.tasks_per_unit = divide_up(plan.groups_per_unit, plan.task_groups);

  std::int64_t pieces = call.split;
  if (pieces == 0 && call.q_len <= kSplitRows && (plan.direct || small_tasks == 1))
    pieces = std::min(divide_up(kSplitPieces, plan.units * small_tasks), plan.tiles / (plan.matrix.used ? divide_up(kLeastSplitColumns, plan.tile) : kLeastSplitTiles));
  if (pieces > 1 && plan.tiles > 1) {
    plan.split_tiles = divide_up(plan.tiles, std::min(pieces, plan.tiles));
    plan.splits = divide_up(plan.tiles, plan.split_tiles);
  }
  return plan;
}

Plan without_matrix_unit(const Plan& plan) {
  Plan other = plan;
  other.matrix.used = false;
  lay_out(other);
  return other;
}

}  // namespace flexc::cpu
