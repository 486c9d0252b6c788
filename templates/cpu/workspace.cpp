#include "templates/cpu/workspace.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace flexc::cpu {

void AlignedBuffer::Free::operator()(std::byte* memory) const { std::free(memory); }

bool AlignedBuffer::allocate(std::int64_t bytes) {
  if (!allocate_unset(bytes)) return false;
  std::memset(memory_.get(), 0, static_cast<std::size_t>(round_up(std::max<std::int64_t>(bytes, 1), FLEXC_ROW_ALIGNMENT)));
  return true;
}

bool AlignedBuffer::allocate_unset(std::int64_t bytes) {
  const std::int64_t size = round_up(std::max<std::int64_t>(bytes, 1), FLEXC_ROW_ALIGNMENT);
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(FLEXC_ROW_ALIGNMENT, static_cast<std::size_t>(size))));
  return memory_ != nullptr;
}

bool Workspace::allocate(const Plan& plan) {
  constexpr std::int64_t kFloat = sizeof(float);
  const std::int64_t count = std::min(kTaskGroups, plan.groups_per_unit);
  const std::int64_t padded = round_up(plan.call.head_dim, kPanel);
  const std::int64_t q_floats = kGroupRows * padded, o_floats = kGroupRows * plan.value_padded,
                     sum_floats = kGroupRows * kPanel;
  const std::int64_t head_bytes = slots_bytes(plan.module.head_slots), row_bytes = slots_bytes(plan.module.q_side_slots) * kGroupRows;
  const std::int64_t kv_bytes = std::int64_t{plan.module.kv_side_slots} * plan.tile * 8;
  // Groups take a tile in turn and share S, but direct ones take it together.
  const std::int64_t s_floats = (plan.direct ? std::min(kGroupRows, plan.call.q_len) : kGroupRows) * plan.s_stride;
  if (!s_memory_.allocate((plan.direct ? count : 1) * s_floats * kFloat) || !live.allocate(plan.tiles) || !group_memory_.allocate(count * (q_floats + o_floats + sum_floats) * kFloat) ||
      !level_memory_.allocate(kv_bytes + count * (head_bytes + row_bytes)) ||
      !pack_memory_.allocate(kPanel * std::max(padded, plan.value_padded) * kFloat))
    return false;
  try {
    groups.resize(static_cast<std::size_t>(count));
    direct_rows.resize(static_cast<std::size_t>(plan.direct ? plan.task_rows() : 0));
    columns_.resize(static_cast<std::size_t>(plan.direct ? count : 1));
  } catch (const std::bad_alloc&) {
    return false;
  }
  float* floats = group_memory_.as<float>();
  std::byte* levels = level_memory_.as<std::byte>();
  kv_side = levels;
  levels += kv_bytes;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    const std::size_t own = plan.direct ? i : 0;
    group.s = s_memory_.as<float>() + static_cast<std::int64_t>(own) * s_floats;
    group.columns = &columns_[own];
    group.q = floats;
    group.o = floats + q_floats;
    group.sums = floats + q_floats + o_floats;
    floats += q_floats + o_floats + sum_floats;
    group.head = levels;
    group.q_side = levels + head_bytes;
    levels += head_bytes + row_bytes;
  }
  pack_rows = pack_memory_.as<float>();
  return true;
}

}  // namespace flexc::cpu
