#include "templates/cpu/ahead.h"

namespace flexc::cpu {

Ahead::Rows Ahead::next_rows(const Plan& plan) {
  const auto size = static_cast<std::int64_t>(element_size(plan));
  const std::int64_t piece = piece_++;
  if (piece < kFirstGroupPiece) {
    const Input& tensor = piece == 0 ? plan.call.k : plan.call.v;
    const std::byte* const first = row_address(plan, tensor, unit_ / plan.call.kv_heads, unit_ % plan.call.kv_heads, 0);
    return {first, plan.call.kv_len, tensor.strides.row * size, (piece == 0 ? plan.call.head_dim : plan.call.value_dim) * size, false};
  }
  const std::int64_t group = (piece - kFirstGroupPiece) % std::max<std::int64_t>(groups_, 1);
  const bool is_q = piece - kFirstGroupPiece < groups_;
  if (piece - kFirstGroupPiece >= 2 * groups_) return {};
  const GroupPlace place = place_of(plan, unit_, first_group_ + group);
  const Input tensor = is_q ? plan.call.q : Input{plan.call.out.data, plan.call.out.strides};
  return {row_address(plan, tensor, place.b, place.h, place.first), place.rows, tensor.strides.row * size, (is_q ? plan.call.head_dim : plan.call.value_dim) * size, !is_q};
}

}  // namespace flexc::cpu
