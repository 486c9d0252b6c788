// Reading ahead: what a worker computes next is brought near while it computes, a few rows at a time.
#pragma once

#include "templates/cpu/matrix_unit.h"
#include "templates/cpu/pace.h"
#include "templates/cpu/plan.h"

namespace flexc::cpu {

inline constexpr std::int64_t kLine = 64;  ///< bytes

/// Brings a line near, to be read, or written (1); into L1, or L2 (locality 2).
template <int kWrite, int kLocality = 3>
inline void bring_line(const std::byte* address) {
  __builtin_prefetch(address, kWrite, kLocality);
  // GCC 12 takes a function that only prefetches for one without effect, and drops its calls.
  asm volatile("");
}

/// Steps that a group takes in a tile of which it keeps 1/part: one a pair of panels (or more), and one a row; or a group's share of those with each product of parts on the matrix unit.
inline std::int64_t steps_a_tile(const Plan& plan, std::int64_t part = 1) {
  if (!plan.matrix.used) return plan.tile / kPanel / 2 / part + kGroupRows;
  const std::int64_t values = plan.matrix.weighs_ahead() ? divide_up(plan.value_padded, kTileDepth) : 0;
  return plan.tile / kTileDepth * (plan.matrix.depth / kTileDepth + values) * static_cast<std::int64_t>(plan.matrix.products()) / kMatrixGroups / part;
}

/// What is needed next: rows of Q, and of K and V, that will be packed, and of outputs; with short sequences waiting for them took a tenth of the time. And the next tile, where
/// tasks are large. A little at each step: more at once fills the processor's list of awaited lines, and then the loads of the computation wait too.
class Ahead {
 public:
  /// K, V, Q and outputs of a unit, spread over `visits` steps.
  void follow_unit(const Plan& plan, std::int64_t unit, std::int64_t visits) { follow(unit, 2 * plan.call.kv_len, 0, plan.groups_per_unit, visits); }
  /// Q and outputs of a task.
  void follow_task(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t visits) {
    const std::int64_t first = task * plan.task_groups;
    follow(unit, 0, first, std::min(plan.task_groups, plan.groups_per_unit - first), visits);
  }
  void follow_nothing() { rows_.start(0, 1); }

  /// A packed tile, and where V of it lies in place, into L2, spread over so many steps, besides.
  void follow_tile(const std::byte* tile, std::int64_t bytes, const std::byte* values, std::int64_t value_bytes, std::int64_t steps) {
    line_ = tile, lines_end_ = tile + bytes, other_ = values, other_end_ = values + value_bytes;
    lines_bytes_ = divide_up(bytes + value_bytes, kLine * std::max<std::int64_t>(steps, 1)) * kLine;
  }
  void follow_no_tile() { line_ = lines_end_ = other_ = other_end_ = nullptr; }

  /// The next few lines of the tile.
  void step_tile() {
    if (line_ >= lines_end_) line_ = other_, lines_end_ = other_end_, other_ = other_end_ = nullptr;
    for (std::int64_t left = std::min(lines_bytes_, lines_end_ - line_); left > 0; left -= kLine, line_ += kLine) bring_line<0, 2>(line_);
  }
  /// The next few rows and lines.
  void step(const Plan& plan) {
    step_tile();
    if (!rows_.is_done()) rows_.call([&](std::int64_t row) { fetch(plan, row); });
  }

 private:
  void follow(std::int64_t unit, std::int64_t kv_rows, std::int64_t first_group, std::int64_t groups, std::int64_t visits) {
    unit_ = unit, kv_rows_ = kv_rows, first_group_ = first_group;
    q_rows_ = groups * kGroupRows;
    rows_.start(kv_rows + 2 * q_rows_, visits);
  }

  void fetch(const Plan& plan, std::int64_t row) const;

  std::int64_t unit_ = 0, kv_rows_ = 0, q_rows_ = 0, first_group_ = 0;
  Pace rows_;
  const std::byte *line_ = nullptr, *lines_end_ = nullptr, *other_ = nullptr, *other_end_ = nullptr;  ///< of a tile, what is not fetched yet
  std::int64_t lines_bytes_ = 0;                            ///< at a step
};

}  // namespace flexc::cpu
