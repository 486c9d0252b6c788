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
    if (!rows_.is_done()) rows_.call([&](std::int64_t) { bring_row(plan); });
  }

 private:
  /// Rows that lie evenly apart: K or V of a unit, Q or outputs of a group.
  struct Rows {
    const std::byte* next = nullptr;
    std::int64_t left = 0, step = 0, bytes = 0;
    bool to_write = false;
  };

  void follow(std::int64_t unit, std::int64_t kv_rows, std::int64_t first_group, std::int64_t groups, std::int64_t visits) {
    unit_ = unit, first_group_ = first_group, groups_ = groups;
    piece_ = kv_rows != 0 ? 0 : kFirstGroupPiece;
    now_.left = 0;
    rows_.start(kv_rows + 2 * groups * kGroupRows, visits);
  }

  /// The lines of the next row. Its address follows from the last one's: found anew for each row it took a twentieth of a short call.
  void bring_row(const Plan& plan) {
    if (now_.left == 0) {
      now_ = next_rows(plan);
      if (now_.left == 0) return;  // the last group has fewer rows
    }
    for (std::int64_t i = 0; i < now_.bytes; i += kLine) now_.to_write ? bring_line<1>(now_.next + i) : bring_line<0>(now_.next + i);
    now_.next += now_.step;
    --now_.left;
  }
  Rows next_rows(const Plan& plan);

  static constexpr std::int64_t kFirstGroupPiece = 2;  ///< pieces 0 and 1 are K and V, then come Q and outputs of each group
  std::int64_t unit_ = 0, first_group_ = 0, groups_ = 0, piece_ = 0;
  Rows now_;
  Pace rows_;
  const std::byte *line_ = nullptr, *lines_end_ = nullptr, *other_ = nullptr, *other_end_ = nullptr;  ///< of a tile, what is not fetched yet
  std::int64_t lines_bytes_ = 0;                            ///< at a step
};

}  // namespace flexc::cpu
