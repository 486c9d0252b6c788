#include "runtime/kernel/arguments.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

/// Kernels walk rows and runs without looking.
bool has_sound_rows(const BlockMask& mask) {
  const std::int64_t kv_blocks = mask.kv_blocks();
  for (std::size_t row = 0; row + 1 < mask.row_begin.size(); ++row) {
    const std::uint64_t begin = mask.row_begin[row], end = mask.row_begin[row + 1];
    if (begin > end || end > mask.runs.size()) return false;
    std::int64_t before = 0;  // where the last run ended
    for (std::uint64_t i = begin; i < end; ++i) {
      const TileRun& run = mask.runs[i];
      if (run.first < before || run.count == 0 || run.kind > TileKind::Full) return false;
      before = std::int64_t{run.first} + run.count;
    }
    if (before > kv_blocks) return false;
  }
  return true;
}

Result<void> check_mask(const BlockMask& mask, const RunArguments& arguments, const CallShape& shape) {
  const auto fits = [](std::int64_t stored, std::int64_t extent) { return stored == 1 || stored == extent; };
  if (!fits(mask.batches, shape.batch) || !fits(mask.heads, shape.heads) || mask.q_len != shape.q_len || mask.kv_len != shape.kv_len)
    return input_error(fmt::format("the block mask covers {} batches, {} heads, {} rows and {} columns; the call has {}, {}, {} and {}", mask.batches, mask.heads,
                                   mask.q_len, mask.kv_len, shape.batch, shape.heads, shape.q_len, shape.kv_len));
  if (mask.q_offset != arguments.q_offset || mask.kv_offset != arguments.kv_offset)
    return input_error(fmt::format("the block mask starts at position ({}, {}), the call at ({}, {})", mask.q_offset, mask.kv_offset, arguments.q_offset, arguments.kv_offset));
  if (mask.block_q < 1 || mask.block_kv < 1 || mask.row_begin.size() != static_cast<std::size_t>(mask.rows()) + 1 || mask.row_begin.back() != mask.runs.size())
    return input_error("the block mask is damaged: its rows do not match its runs");
  if (mask.row_begin.front() != 0 || !has_sound_rows(mask)) return input_error("the block mask is damaged: the runs of a row are not in order, or lie outside of it");
  return {};
}

}  // namespace

Result<std::int64_t> total_length(std::string_view what, std::int64_t offset, std::int64_t length, std::int64_t total) {
  std::int64_t end = 0;
  if (__builtin_add_overflow(offset, length, &end)) return input_error(fmt::format("{}: the offset {} and the length {} do not fit in 64 bits together", what, offset, length));
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

  shape.scale = arguments.scale.value_or(1.0 / std::sqrt(static_cast<double>(shape.head_dim)));
  if (!std::isfinite(shape.scale)) return input_error(fmt::format("the scale is {}; it must be finite", shape.scale));
  if (arguments.threads < 0) return input_error(fmt::format("threads is {}; it must be at least 1, or 0 for all cores", arguments.threads));
  if (arguments.split < 0) return input_error(fmt::format("split is {}; it must be at least 1, or 0 for automatic", arguments.split));
  const auto q_total = total_length("q", arguments.q_offset, shape.q_len, arguments.q_total);
  if (!q_total) return std::unexpected(q_total.error());
  const auto kv_total = total_length("kv", arguments.kv_offset, shape.kv_len, arguments.kv_total);
  if (!kv_total) return std::unexpected(kv_total.error());
  shape.problem = {shape.batch, shape.heads, shape.kv_heads, *q_total, *kv_total};
  if (arguments.mask) {
    if (status = check_mask(*arguments.mask, arguments, shape); !status) return std::unexpected(status.error());
  }
  return shape;
}

}  // namespace flexc
