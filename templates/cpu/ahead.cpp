#include "templates/cpu/ahead.h"

#include <utility>

namespace flexc::cpu {
namespace {

enum Kind { kKeys, kValues, kQueries, kOutputs, kNothing };

/// Whether the rows of all tensors follow each other.
bool is_in_one_piece(const AttentionArguments& call) {
  return call.k.strides.row == call.head_dim && call.v.strides.row == call.value_dim && call.q.strides.row == call.head_dim && call.out.strides.row == call.value_dim;
}

}  // namespace

void Ahead::follow(const Plan& plan, std::int64_t unit, bool has_kv, std::int64_t first_group, std::int64_t groups, std::int64_t visits, std::int64_t part) {
  unit_ = unit, first_group_ = group_ = first_group, end_group_ = first_group + groups;
  kind_ = has_kv ? kKeys : kQueries;
  now_.left = 0;
  stop_stream();
  // Where tiles come from afar, they are the stream.
  streams_rows_ = !plan.matrix.used && !plan.direct && plan.stays_near() && is_in_one_piece(plan.call);
  const std::int64_t kv_rows = has_kv ? plan.call.kv_len : 0, q_rows = groups * kGroupRows;
  if (streams_rows_) {
    const std::int64_t bytes = (kv_rows + q_rows) * (plan.call.head_dim + plan.call.value_dim) * static_cast<std::int64_t>(element_size(plan));
    set_stream_pace(bytes, visits * iterations_a_tile(plan, part));
    rows_.start(0, 1);
  } else {
    rows_.start(2 * (kv_rows + q_rows), visits * steps_a_tile(plan, part));
  }
}

bool Ahead::next_stream(const Plan& plan) {
  const std::byte* first = values_;
  std::int64_t bytes = std::exchange(values_left_, 0);
  if (streams_rows_) {
    const Rows rows = next_rows(plan);
    first = rows.next, bytes = rows.left * rows.step;
  }
  if (bytes == 0) {
    stop_stream();
    return false;
  }
  // From the start of the first line to the end of the last one, else that might be left out.
  const auto before = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(first) % kLine);
  stream_at_ = first - before, stream_left_ = round_up(bytes + before, kLine);
  return true;
}

Ahead::Rows Ahead::next_rows(const Plan& plan) {
  const auto size = static_cast<std::int64_t>(element_size(plan));
  const AttentionArguments& call = plan.call;
  if (kind_ == kKeys || kind_ == kValues) {
    const bool is_k = kind_++ == kKeys;
    const Input& tensor = is_k ? call.k : call.v;
    return {row_address(plan, tensor, unit_ / call.kv_heads, unit_ % call.kv_heads, 0), call.kv_len, tensor.strides.row * size, (is_k ? call.head_dim : call.value_dim) * size, false};
  }
  if (kind_ == kNothing) return {};
  const bool is_q = kind_ == kQueries;
  // To the end of the head, or of the task.
  const GroupPlace place = place_of(plan, unit_, group_);
  const std::int64_t rows = std::min((end_group_ - group_) * kGroupRows, call.q_len - place.first);
  group_ += divide_up(rows, kGroupRows);
  if (group_ == end_group_) group_ = first_group_, ++kind_;
  const Input tensor = is_q ? call.q : Input{call.out.data, call.out.strides};
  return {row_address(plan, tensor, place.b, place.h, place.first), rows, tensor.strides.row * size, (is_q ? call.head_dim : call.value_dim) * size, !is_q};
}

}  // namespace flexc::cpu
