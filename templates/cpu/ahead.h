// Reading ahead: what a worker computes next is brought near while it computes, a little at a time.
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

/// Iterations of the product P V by vectors in a tile of which a group keeps 1/part: a column for eight rows and two panels of values.
inline std::int64_t iterations_a_tile(const Plan& plan, std::int64_t part = 1) { return plan.tile * divide_up(plan.value_padded, 2 * kPanel) / part; }

/// What the product P V by vectors brings near while it multiplies: at each of its iterations the line at `at`, which then goes on by `bytes`. Mostly some bytes: a line is asked for more
/// than once, which costs nothing, and never many lines at once, for which the loads of the product would wait. Not Q K too: its loops are short, and their ends cost more with it.
struct LinesAhead {
  const std::byte* at;
  std::int64_t bytes;

  void step() {
    __builtin_prefetch(at, 0, 2);  // into L2; outputs too as if to be read: no other core holds them
    at += bytes;
  }
};

/// What is needed next: rows of Q, and of K and V, that will be packed, and of outputs; with short sequences waiting for them took a tenth of the time. And the next tile, where
/// tasks are large. A little at each step: more at once fills the processor's list of awaited lines, and then the loads of the computation wait too.
/// By vectors the loops of P V bring it, evenly: the next tile, or, where a unit's tiles stay near, the rows, if those of all four tensors follow each other. All else comes a few rows or lines at
/// each step() between products.
class Ahead {
 public:
  /// K, V, Q and outputs of a unit, beside the computation of one whose groups keep 1/part of their tiles.
  void follow_unit(const Plan& plan, std::int64_t unit, std::int64_t part) { follow(plan, unit, true, 0, plan.groups_per_unit, plan.groups_per_unit * plan.tiles, part); }
  /// Q and outputs of a task, beside a tile of another one.
  void follow_task(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t part) {
    const std::int64_t first = task * plan.task_groups;
    follow(plan, unit, false, first, std::min(plan.task_groups, plan.groups_per_unit - first), plan.task_groups, part);
  }
  void follow_nothing() {
    rows_.start(0, 1);
    stop_stream();
  }

  /// A packed tile, into L2, spread over so many steps, besides.
  void follow_tile(const std::byte* tile, std::int64_t bytes, std::int64_t steps) {
    line_ = tile, lines_end_ = tile + bytes;
    lines_bytes_ = divide_up(bytes, kLine * std::max<std::int64_t>(steps, 1)) * kLine;
  }
  /// The same by vectors: it is what the loops of P V bring, and where V of it lies in place that too.
  void stream_tile(const std::byte* tile, std::int64_t bytes, const std::byte* values, std::int64_t value_bytes, std::int64_t iterations) {
    stream_at_ = tile, stream_left_ = bytes, values_ = values, values_left_ = value_bytes, streams_rows_ = false;
    set_stream_pace(bytes + value_bytes, iterations);
  }
  void follow_no_tile() {
    line_ = lines_end_ = nullptr;
    if (!streams_rows_) stop_stream();
  }

  /// What a product of so many iterations brings, each of them 1/parts of eight rows by two panels. At the end of a piece it may be a little more than that.
  LinesAhead take(const Plan& plan, std::int64_t iterations, std::int64_t parts) {
    if (stream_left_ <= 0 && !next_stream(plan)) return {reinterpret_cast<const std::byte*>(this), 0};
    const LinesAhead lines{stream_at_, divide_up(stream_bytes_, parts)};
    stream_at_ += iterations * lines.bytes;
    stream_left_ -= iterations * lines.bytes;
    return lines;
  }

  /// The next few lines of the tile.
  void step_tile() {
    for (std::int64_t left = std::min(lines_bytes_, lines_end_ - line_); left > 0; left -= kLine, line_ += kLine) bring_line<0, 2>(line_);
  }
  /// Whether there is anything for step() to bring.
  bool has_steps() const { return line_ < lines_end_ || !rows_.is_done(); }
  /// The next few rows and lines.
  void step(const Plan& plan) {
    step_tile();
    if (!rows_.is_done()) rows_.call([&](std::int64_t) { bring_row(plan); });
  }

 private:
  /// Rows that lie evenly apart: K or V of a unit, Q or outputs of a head.
  struct Rows {
    const std::byte* next = nullptr;
    std::int64_t left = 0, step = 0, bytes = 0;
    bool to_write = false;
  };

  void follow(const Plan& plan, std::int64_t unit, bool has_kv, std::int64_t first_group, std::int64_t groups, std::int64_t visits, std::int64_t part);
  /// The next piece of the stream; false at its end.
  bool next_stream(const Plan& plan);
  /// So many bytes in so many iterations, but no more than a line in each: in too few some lines are not brought.
  void set_stream_pace(std::int64_t bytes, std::int64_t iterations) { stream_bytes_ = std::min(divide_up(bytes, std::max<std::int64_t>(iterations, 1)), kLine); }
  void stop_stream() { stream_left_ = values_left_ = 0, streams_rows_ = false; }

  /// The lines of the next row. Its address follows from the last one's.
  void bring_row(const Plan& plan) {
    if (now_.left == 0) {
      now_ = next_rows(plan);
      if (now_.left == 0) return;  // a head's last group may have had fewer rows
    }
    for (std::int64_t i = 0; i < now_.bytes; i += kLine) now_.to_write ? bring_line<1>(now_.next + i) : bring_line<0>(now_.next + i);
    now_.next += now_.step;
    --now_.left;
  }
  /// The rows that come next, as far as they are evenly apart.
  Rows next_rows(const Plan& plan);

  std::int64_t unit_ = 0, first_group_ = 0, end_group_ = 0;
  int kind_ = 0;            ///< of the next rows: K, V, Q, outputs
  std::int64_t group_ = 0;  ///< of those of Q, or outputs
  Rows now_;
  Pace rows_;
  const std::byte *line_ = nullptr, *lines_end_ = nullptr;  ///< of a tile, what step() has not brought yet
  std::int64_t lines_bytes_ = 0;                            ///< at a step
  const std::byte *stream_at_ = nullptr, *values_ = nullptr;
  std::int64_t stream_left_ = 0, values_left_ = 0;  ///< bytes of the piece that P V brings; of a tile's values, which come after it
  std::int64_t stream_bytes_ = 0;                   ///< an iteration
  bool streams_rows_ = false;                       ///< after it come the rows of next_rows(), and not values_
};

}  // namespace flexc::cpu
