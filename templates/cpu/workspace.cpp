#include "templates/cpu/workspace.h"

#include <new>
#include <utility>

#include "templates/cpu/live_tiles.h"
#include "templates/cpu/matrix_unit.h"

namespace flexc::cpu {

bool Workspace::allocate(const Plan& plan) {
  constexpr std::int64_t kFloat = sizeof(float);
  const std::int64_t count = std::min(plan.task_groups, plan.groups_per_unit);
  const std::int64_t padded = round_up(plan.call.head_dim, kPanel);
  const std::int64_t q_floats = kGroupRows * padded, o_floats = kGroupRows * plan.value_padded,
                     sum_floats = kGroupRows * kPanel;
  const std::int64_t head_bytes = slots_bytes(plan.module.head_slots), row_bytes = slots_bytes(plan.module.q_side_slots) * kGroupRows;
  const std::int64_t kv_bytes = std::int64_t{plan.module.kv_side_slots} * plan.tile * 8;
  // Groups take a tile in turn and share S, but direct ones take it together, and with the matrix unit some do.
  const std::int64_t together = plan.direct ? count : plan.matrix.used ? kMatrixGroups : 1;
  const std::int64_t s_floats = (plan.direct ? std::min(kGroupRows, plan.call.q_len) : kGroupRows) * plan.s_stride;
  // The matrix unit computes whole tiles, and one group more is kept for what is computed again without it.
  const std::int64_t all = plan.matrix.used ? round_up(count, kMatrixGroups) + 1 : count;
  const std::int64_t held = plan.direct ? 2 : 1;  // tiles
  if (!s_memory_.allocate(held * together * s_floats * kFloat) || !live.allocate(plan.tiles * static_cast<std::int64_t>(sizeof(GroupSet))) ||
      !group_memory_.allocate(all * (q_floats + o_floats + sum_floats) * kFloat) ||
      !level_memory_.allocate(kv_bytes + all * (head_bytes + row_bytes)) ||
      !pack_memory_.allocate(kPanel * std::max(padded, plan.value_padded) * kFloat) || !allocate_matrix(plan))
    return false;
  try {
    groups.resize(static_cast<std::size_t>(all));
    direct_rows.resize(static_cast<std::size_t>(plan.direct ? held * plan.task_rows() : 0));
    columns_.resize(static_cast<std::size_t>(held * together));
  } catch (const std::bad_alloc&) {
    return false;
  }
  float* const floats = group_memory_.as<float>();
  std::byte* levels = level_memory_.as<std::byte>();
  kv_side = levels;
  levels += kv_bytes;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    const auto at = static_cast<std::int64_t>(i), own = at % together;
    group.s = s_memory_.as<float>() + own * s_floats;
    group.columns = &columns_[static_cast<std::size_t>(own)];
    if (plan.direct) {
      group.other_s = group.s + together * s_floats;
      group.other_columns = &columns_[static_cast<std::size_t>(together + own)];
    }
    group.q = floats + at * q_floats;
    group.o = floats + all * q_floats + at * o_floats;
    group.sums = floats + all * (q_floats + o_floats) + at * sum_floats;
    group.head = levels;
    group.q_side = levels + head_bytes;
    levels += head_bytes + row_bytes;
  }
  matrix.again = &groups.back();
  pack_rows = pack_memory_.as<float>();
  return true;
}

bool Workspace::allocate_matrix(const Plan& plan) {
  if (!plan.matrix.used) return true;
  const MatrixPlan& unit = plan.matrix;
  const std::int64_t task_rows = plan.task_groups * kGroupRows;
  // Rows of weights in a chunk: of 32 rows in the chunks at hand and in the next ones, or of 16 in all (matrix_values-inl.h).
  const std::int64_t weight_rows = std::max(2 * kChunksTogether * kMatrixRows, plan.tile / kTileDepth * kTileRows);
  // In floats, each a whole number of cache lines.
  const std::int64_t q = unit.parts * task_rows * unit.depth / 2, p = weight_rows * weight_parts(unit.parts) * kTileDepth / 2, rows = kTileRows * std::min(unit.parts, 2) * unit.depth / 2,
                     wide = 2 * std::max(unit.depth, plan.value_padded), o = kTileRows * plan.value_padded, chunk = unit.parts * kTilePairs * plan.value_padded,
                     tile = plan.by_vectors->tile_floats();
  if (!matrix_memory_.allocate((q + p + rows + wide + o + chunk + tile) * static_cast<std::int64_t>(sizeof(float)))) return false;
  float* memory = matrix_memory_.as<float>();
  const auto take = [&](std::int64_t floats) { return std::exchange(memory, memory + floats); };
  matrix.q = reinterpret_cast<std::uint16_t*>(take(q));
  matrix.p = reinterpret_cast<std::uint16_t*>(take(p));
  matrix.rows = reinterpret_cast<std::uint16_t*>(take(rows));
  matrix.wide = take(wide);
  matrix.o = take(o);
  matrix.chunk = take(chunk);
  matrix.again_tile = take(tile);
  return true;
}

}  // namespace flexc::cpu
