// Reading ahead: what a worker computes next is brought near while it computes, a few rows at a time.
#pragma once

#include "templates/cpu/plan.h"

namespace flexc::cpu {

/// Brings the lines of `bytes` bytes near, to be read or to be written.
template <bool kToWrite>
inline void bring_lines(const std::byte* address, std::int64_t bytes) {
  constexpr std::int64_t kLine = 64;
  for (std::int64_t i = 0; i < bytes; i += kLine) {
    __builtin_prefetch(address + i, kToWrite ? 1 : 0, 3);
    // GCC 12 takes a function that only prefetches for one without effect, and drops its calls.
    asm volatile("");
  }
}

/// Rows of Q, and of K and V, that will be packed next, and of outputs. With short sequences waiting for them took a tenth of the time.
class Ahead {
 public:
  /// K, V, Q and outputs of a unit, spread over `visits` steps.
  void follow_unit(const Plan& plan, std::int64_t unit, std::int64_t visits) { follow(unit, 2 * plan.call.kv_len, 0, plan.groups_per_unit, visits); }
  /// Q and outputs of a task.
  void follow_task(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t visits) {
    const std::int64_t first = task * plan.task_groups;
    follow(unit, 0, first, std::min(plan.task_groups, plan.groups_per_unit - first), visits);
  }
  void follow_nothing() { next_ = end_ = 0; }

  /// The next few rows.
  void step(const Plan& plan) {
    for (std::int64_t left = std::min(step_, end_ - next_); left > 0; --left) fetch(plan, next_++);
  }

 private:
  void follow(std::int64_t unit, std::int64_t kv_rows, std::int64_t first_group, std::int64_t groups, std::int64_t visits) {
    unit_ = unit, kv_rows_ = kv_rows, first_group_ = first_group;
    q_rows_ = groups * kGroupRows;
    next_ = 0, end_ = kv_rows + 2 * q_rows_;
    step_ = divide_up(end_, std::max<std::int64_t>(visits, 1));
  }

  void fetch(const Plan& plan, std::int64_t row) const {
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

  std::int64_t unit_ = 0, kv_rows_ = 0, q_rows_ = 0, first_group_ = 0;
  std::int64_t next_ = 0, end_ = 0, step_ = 0;
};

}  // namespace flexc::cpu
