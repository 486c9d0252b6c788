#include "templates/cpu/ahead.h"

namespace flexc::cpu {
namespace {

/// Brings the lines of `bytes` bytes near.
template <bool kToWrite>
void bring_lines(const std::byte* address, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += kLine) bring_line<kToWrite ? 1 : 0>(address + i);
}

}  // namespace

void Ahead::fetch(const Plan& plan, std::int64_t row) const {
  const auto bring = [&](const std::byte* address, std::int64_t width) {
    bring_lines<false>(address, width * static_cast<std::int64_t>(element_size(plan)));
  };
  if (row < kv_rows_) {
    const bool is_k = row < plan.call.kv_len;
    const std::int64_t b = unit_ / plan.call.kv_heads, h = unit_ % plan.call.kv_heads;
    bring(row_address(plan, is_k ? plan.call.k : plan.call.v, b, h, is_k ? row : row - plan.call.kv_len), is_k ? plan.call.head_dim : plan.call.value_dim);
    return;
  }
  const bool is_q = row < kv_rows_ + q_rows_;
  const std::int64_t own = row - kv_rows_ - (is_q ? 0 : q_rows_);
  const GroupPlace place = place_of(plan, unit_, first_group_ + own / kGroupRows);
  if (own % kGroupRows >= place.rows) return;
  const std::int64_t at = place.first + own % kGroupRows;
  if (is_q) {
    bring(row_address(plan, plan.call.q, place.b, place.h, at), plan.call.head_dim);
  } else {
    const Input out{plan.call.out.data, plan.call.out.strides};
    bring_lines<true>(row_address(plan, out, place.b, place.h, at), plan.call.value_dim * static_cast<std::int64_t>(element_size(plan)));
  }
}

}  // namespace flexc::cpu
