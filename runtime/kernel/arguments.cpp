#include "runtime/kernel/arguments.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/mask/sound_rows.h"

namespace flexc {
namespace {

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string wrong_memory(std::string_view name, MemoryKind expected) {
  return expected == MemoryKind::Host ? fmt::format("{} is in CUDA memory, but this kernel works in host memory", name)
                                      : fmt::format("{} is in host memory, but device cuda works in the GPU's: copy it there first (flexc/cuda_memory.h)", name);
}

/// Memory, rank, extents and strides of one tensor on its own.
Result<void> check_view(std::string_view name, std::string_view dims, const TensorView& tensor, std::size_t rank, bool unit_last_stride, MemoryKind memory) {
  if (tensor.absent()) return input_error(fmt::format("{} is missing; it has shape {}", name, dims));
  if (tensor.memory != memory) return input_error(wrong_memory(name, memory));
  if (tensor.rank() != rank) return input_error(fmt::format("{} has shape {}; it must have {} dimensions, {}", name, shape_text(tensor.shape), rank, dims));
  if (tensor.strides.size() != rank) return input_error(fmt::format("{} has {} dimensions but {} strides", name, rank, tensor.strides.size()));
  for (const std::int64_t extent : tensor.shape)
    if (extent < 0) return input_error(fmt::format("{} has shape {}, with a negative extent", name, shape_text(tensor.shape)));
  if (unit_last_stride && tensor.shape.back() > 1 && tensor.strides.back() != 1)
    return input_error(fmt::format("{} has the last stride {}; it must be 1", name, tensor.strides.back()));
  std::int64_t count = 1;
  for (const std::int64_t extent : tensor.shape)
    if (__builtin_mul_overflow(count, extent, &count)) return input_error(fmt::format("{} has shape {}, which is too large", name, shape_text(tensor.shape)));
  if (!tensor.data && count > 0) return input_error(fmt::format("{} has no data (a null pointer)", name));
  return {};
}

Result<void> check_shape(std::string_view name, std::string_view dims, const TensorView& tensor, const std::vector<std::int64_t>& expected) {
  if (tensor.shape == expected) return {};
  return input_error(fmt::format("{} has shape {}; expected {}, that is {}", name, shape_text(tensor.shape), shape_text(expected), dims));
}

/// An optional f32 tensor of a known shape.
Result<void> check_optional(std::string_view name, std::string_view dims, const TensorView& tensor, const std::vector<std::int64_t>& expected, MemoryKind memory) {
  if (tensor.absent()) return {};
  if (auto status = check_view(name, dims, tensor, expected.size(), false, memory); !status) return status;
  if (tensor.dtype != f32) return input_error(fmt::format("{} is {}; it must be f32", name, name_of(tensor.dtype)));
  return check_shape(name, dims, tensor, expected);
}

/// Every element of an output is in a place of its own, as far as that is seen at once.
Result<void> check_output_strides(std::string_view name, const TensorView& tensor) {
  if (tensor.absent() || tensor.element_count() == 0) return {};
  for (std::size_t axis = 0; axis < tensor.rank(); ++axis)
    if (tensor.shape[axis] > 1 && tensor.strides[axis] == 0)
      return input_error(fmt::format("{} has shape {} and the stride 0 in dimension {}; an output needs a place for each of its elements", name, shape_text(tensor.shape), axis));
  return {};
}

Result<void> check_dtypes(const RunArguments& arguments, const CompileOptions& options) {
  const std::pair<std::string_view, const TensorView*> inputs[] = {{"q", &arguments.q}, {"k", &arguments.k}, {"v", &arguments.v}};
  for (const auto& [name, tensor] : inputs)
    if (tensor->dtype != options.dtype)
      return input_error(fmt::format("{} is {}, but the kernel was compiled for {}", name, name_of(tensor->dtype), name_of(options.dtype)));
  if (arguments.out.dtype != options.dtype && arguments.out.dtype != f32)
    return input_error(fmt::format("out is {}; it must be {}{}", name_of(arguments.out.dtype), name_of(options.dtype), options.dtype == f32 ? "" : " or f32"));
  return {};
}

Result<void> check_extents(const CallShape& shape, const CompileOptions& options) {
  const std::pair<std::string_view, std::int64_t> positive[] = {
      {"B (batch)", shape.batch}, {"H (heads)", shape.heads}, {"HKV (key and value heads)", shape.kv_heads}, {"D (head dim)", shape.head_dim}, {"DV (value dim)", shape.value_dim}};
  for (const auto& [name, extent] : positive)
    if (extent == 0) return input_error(fmt::format("{} is 0; it must be at least 1", name));
  if (shape.heads % shape.kv_heads != 0)
    return input_error(fmt::format("q has {} heads and k has {}; H must be a multiple of HKV", shape.heads, shape.kv_heads));
  const std::int64_t value_dim = options.value_dim ? options.value_dim : options.head_dim;
  if (shape.head_dim != options.head_dim || shape.value_dim != value_dim)
    return input_error(fmt::format("q, k and v have head dims D = {} and DV = {}, but the kernel was compiled for {} and {}", shape.head_dim, shape.value_dim,
                                   options.head_dim, value_dim));
  return {};
}

Result<void> check_mask(const BlockMask& mask, const RunArguments& arguments, const CallShape& shape) {
  const auto fits = [](std::int64_t stored, std::int64_t extent) { return stored == 1 || stored == extent; };
  if (!fits(mask.batches, shape.batch) || !fits(mask.heads, shape.heads) || mask.q_len != shape.q_len || mask.kv_len != shape.kv_len)
    return input_error(fmt::format("the block mask covers {} batches, {} heads, {} rows and {} columns; the call has {}, {}, {} and {}", mask.batches, mask.heads,
                                   mask.q_len, mask.kv_len, shape.batch, shape.heads, shape.q_len, shape.kv_len));
  if (mask.q_offset != arguments.q_offset || mask.kv_offset != arguments.kv_offset)
    return input_error(fmt::format("the block mask starts at position ({}, {}), the call at ({}, {})", mask.q_offset, mask.kv_offset, arguments.q_offset, arguments.kv_offset));
  if (mask.q_positions().of_length(mask.q_len) != shape.q_positions || mask.kv_positions().of_length(mask.kv_len) != shape.kv_positions)
    return input_error(fmt::format("the block mask is for the steps {} and {} from one position to the next, the call has {} and {}", mask.q_step, mask.kv_step, arguments.q_step, arguments.kv_step));
  if (mask.block_q < 1 || mask.block_kv < 1 || mask.row_begin.size() != static_cast<std::size_t>(mask.rows()) + 1 || mask.row_begin.back() != mask.runs.size())
    return input_error("the block mask is damaged: its rows do not match its runs");
  if (mask.row_begin.front() != 0 || !runtime::has_sound_rows(mask)) return input_error("the block mask is damaged: the runs of a row are not in order, or lie outside of it");
  return {};
}

}  // namespace

Result<std::int64_t> total_length(std::string_view what, const PositionMap& positions, std::int64_t length, std::int64_t total) {
  const auto& [offset, step] = positions;
  if (step < 1) return input_error(fmt::format("{}_step is {}; the step from one position to the next must be at least 1", what, step));
  std::int64_t end = 0;
  if (!positions.fits(length, &end))
    return input_error(step == 1 ? fmt::format("{}: the offset {} and the length {} do not fit in 64 bits together", what, offset, length)
                                 : fmt::format("{0}: {1} positions from {0}_offset {2} on, with {0}_step {3}, do not fit in 64 bits", what, length, offset, step));
  if (total < 0) return input_error(fmt::format("{}: the total length {} is negative", what, total));
  return total ? total : std::max<std::int64_t>(end, 0);
}

Result<CallShape> check_arguments(const RunArguments& arguments, const CompileOptions& options, MemoryKind memory) {
  const auto& [q, k, v, out] = std::tie(arguments.q, arguments.k, arguments.v, arguments.out);
  Result<void> status;
  if (status = check_view("q", "[B, H, Q, D]", q, 4, true, memory); !status) return std::unexpected(status.error());
  if (status = check_view("k", "[B or 1, HKV, KV, D]", k, 4, true, memory); !status) return std::unexpected(status.error());
  if (status = check_view("v", "[B or 1, HKV, KV, DV]", v, 4, true, memory); !status) return std::unexpected(status.error());
  if (status = check_view("out", "[B, H, Q, DV]", out, 4, true, memory); !status) return std::unexpected(status.error());
  if (status = check_dtypes(arguments, options); !status) return std::unexpected(status.error());

  CallShape shape;
  shape.batch = q.shape[0], shape.heads = q.shape[1], shape.q_len = q.shape[2], shape.head_dim = q.shape[3];
  shape.kv_heads = k.shape[1], shape.kv_len = k.shape[2], shape.value_dim = v.shape[3];
  const std::int64_t k_batch = k.shape[0] == 1 ? 1 : shape.batch, v_batch = v.shape[0] == 1 ? 1 : shape.batch;
  if (status = check_shape("k", "[B or 1, HKV, KV, D]", k, {k_batch, shape.kv_heads, shape.kv_len, shape.head_dim}); !status) return std::unexpected(status.error());
  if (status = check_shape("v", "[B or 1, HKV, KV, DV]", v, {v_batch, shape.kv_heads, shape.kv_len, shape.value_dim}); !status) return std::unexpected(status.error());
  if (status = check_extents(shape, options); !status) return std::unexpected(status.error());
  const std::vector<std::int64_t> rows{shape.batch, shape.heads, shape.q_len};
  if (status = check_shape("out", "[B, H, Q, DV]", out, {shape.batch, shape.heads, shape.q_len, shape.value_dim}); !status) return std::unexpected(status.error());
  if (status = check_optional("lse", "[B, H, Q]", arguments.lse, rows, memory); !status) return std::unexpected(status.error());
  if (status = check_optional("max_scores", "[B, H, Q]", arguments.max_scores, rows, memory); !status) return std::unexpected(status.error());
  if (status = check_optional("sink", "[H]", arguments.sink, {shape.heads}, memory); !status) return std::unexpected(status.error());
  for (const auto& [name, tensor] : {std::pair("out", &out), std::pair("lse", &arguments.lse), std::pair("max_scores", &arguments.max_scores)})
    if (status = check_output_strides(name, *tensor); !status) return std::unexpected(status.error());

  shape.scale = arguments.scale.value_or(1.0 / std::sqrt(static_cast<double>(shape.head_dim)));
  if (!std::isfinite(shape.scale)) return input_error(fmt::format("the scale is {}; it must be finite", shape.scale));
  if (arguments.threads < 0) return input_error(fmt::format("threads is {}; it must be at least 1, or 0 for all cores", arguments.threads));
  if (arguments.split < 0) return input_error(fmt::format("split is {}; it must be at least 1, or 0 for automatic", arguments.split));
  const PositionMap q_positions{arguments.q_offset, arguments.q_step}, kv_positions{arguments.kv_offset, arguments.kv_step};
  const auto q_total = total_length("q", q_positions, shape.q_len, arguments.q_total);
  if (!q_total) return std::unexpected(q_total.error());
  const auto kv_total = total_length("kv", kv_positions, shape.kv_len, arguments.kv_total);
  if (!kv_total) return std::unexpected(kv_total.error());
  shape.q_positions = q_positions.of_length(shape.q_len), shape.kv_positions = kv_positions.of_length(shape.kv_len);
  shape.problem = {shape.batch, shape.heads, shape.kv_heads, *q_total, *kv_total};
  if (arguments.mask) {
    if (status = check_mask(*arguments.mask, arguments, shape); !status) return std::unexpected(status.error());
  }
  return shape;
}

}  // namespace flexc
