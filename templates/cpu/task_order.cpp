#include "templates/cpu/task_order.h"

#include <algorithm>
#include <tuple>

#include "templates/cpu/mods.h"

namespace flexc::cpu {
namespace {

/// Columns of a block row that are not in empty blocks.
std::int64_t live_columns(const BlockMask& mask, std::size_t row) {
  std::int64_t columns = 0;
  for (std::size_t i = mask.row_begin[row]; i < mask.row_begin[row + 1]; ++i) {
    const TileRun& run = mask.runs[i];
    const std::int64_t first = std::int64_t{run.first} * mask.block_kv;
    if (run.kind != TileKind::Empty) columns += std::min(first + std::int64_t{run.count} * mask.block_kv, mask.kv_len) - first;
  }
  return columns;
}

/// A task below this part of a thread's work is short.
constexpr std::int64_t kShortPart = 32;

}  // namespace

Task estimate_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace) {
  const std::int64_t first = task * plan.task_groups, count = std::min(plan.task_groups, plan.groups_per_unit - first);
  std::int64_t band_columns = plan.call.kv_len;
  if (plan.module.band_row) {
    Group& group = workspace.groups.front();
    group.place = place_of(plan, unit, first + count / 2);
    enter_group(plan, group);
    band_columns = 0;
    for (const ColumnRange& part : group.band.any) band_columns += std::max<std::int64_t>(part.end - part.first, 0);
    band_columns = std::min(band_columns, plan.call.kv_len);  // the hulls may overlap
  }
  // The band is asked for in one place only; the block mask knows of all, also where it says no more than bands do.
  const BlockMask* const mask = plan.module.band_row || plan.module.mask_row ? plan.call.mask : nullptr;
  if (!mask) return {unit, task, count * band_columns};
  Task result{unit, task, 0};
  std::size_t row = mask->row_begin.size();  // none yet
  std::int64_t columns = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const GroupPlace place = place_of(plan, unit, first + i);
    const std::int64_t line = (mask->batches == 1 ? 0 : place.b) * mask->heads + (mask->heads == 1 ? 0 : place.h);
    const auto its_row = static_cast<std::size_t>(line * mask->q_blocks() + place.first / mask->block_q);
    if (its_row != row) columns = live_columns(*mask, row = its_row);
    result.columns += std::min(columns, band_columns);
  }
  return result;
}

bool has_long_task(std::span<const Task> tasks, int threads) {
  std::int64_t longest = 0, total = 0;
  for (const Task& task : tasks) {
    longest = std::max(longest, task.columns);
    total += task.columns;
  }
  return longest > total / (kShortPart * threads);
}

void last_rows_first(std::span<Task> tasks) {
  std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return std::tuple(a.unit, b.task) < std::tuple(b.unit, a.task); });
}

void longest_first(std::span<Task> tasks) {
  std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
    return std::tuple(a.unit, b.columns, b.task) < std::tuple(b.unit, a.columns, a.task);
  });
}

}  // namespace flexc::cpu
