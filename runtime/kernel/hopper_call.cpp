#include "runtime/kernel/hopper_call.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "flexc/runtime/bind_dims.h"
#include "runtime/cuda/hook_params.h"
#include "runtime/cuda/splits.h"
#include "runtime/kernel/bindings.h"
#include "templates/simt/tile.h"

namespace flexc {
namespace {

constexpr std::int64_t kMostLength = std::int64_t{1} << 30;
constexpr std::int64_t kMostItems = (std::int64_t{1} << 31) - 1;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

Result<void> check_extents(std::string_view device, const RunArguments& arguments, const CallShape& shape) {
  if (shape.q_len > kMostLength || shape.kv_len > kMostLength) return failed(ErrorKind::Input, fmt::format("{}: lengths are at most 2^30", device));
  std::int64_t items = (shape.q_len + kLeastTileRows - 1) / kLeastTileRows;
  const std::int64_t parts = std::min(split_of(arguments, shape), std::max<std::int64_t>((shape.kv_len + kLeastTileColumns - 1) / kLeastTileColumns, 1));
  if (__builtin_mul_overflow(items, shape.batch, &items) || __builtin_mul_overflow(items, shape.heads, &items) || __builtin_mul_overflow(items, parts, &items) || items > kMostItems)
    return failed(ErrorKind::Input, fmt::format("{}: batch x heads x length {} x {} x {}{} is more than one launch takes", device, shape.batch, shape.heads, shape.q_len,
                                                parts > 1 ? fmt::format(" in {} parts", parts) : ""));
  return {};
}

}  // namespace

std::int64_t split_of(const RunArguments& arguments, const CallShape& shape) {
  return arguments.split > 0 ? arguments.split : runtime::automatic_split(shape.batch * shape.heads, shape.q_len, shape.kv_len);
}

Result<void> check_hopper_options(std::string_view device, const CompileOptions& options) {
  if (options.dtype != bf16 && options.dtype != f16)
    return failed(ErrorKind::Usage, fmt::format("{}: the Hopper kernel takes bf16 and f16, not {}; give --dtype bf16", device, name_of(options.dtype)));
  const std::int64_t value_dim = options.value_dim != 0 ? options.value_dim : options.head_dim;
  if (options.head_dim > kMostHopperHeadDim || value_dim > kMostHopperHeadDim)
    return failed(ErrorKind::Input, fmt::format("{}: the Hopper kernel has head dims up to {}, not {} and {}; use device cpu", device, kMostHopperHeadDim, options.head_dim, value_dim));
  return {};
}

Result<void> check_simt_options(std::string_view device, const CompileOptions& options) {
  const std::int64_t value_dim = options.value_dim != 0 ? options.value_dim : options.head_dim;
  if (options.head_dim < 1 || options.head_dim > device::kMostSimtHeadDim || value_dim < 1 || value_dim > device::kMostSimtValueDim)
    return failed(ErrorKind::Input, fmt::format("{}: head dim {} and value dim {}; it takes head dims up to {} and value dims up to {}; use device cpu", device, options.head_dim, value_dim,
                                                device::kMostSimtHeadDim, device::kMostSimtValueDim));
  return {};
}

bool suits_hopper(const CompileOptions& options) { return check_hopper_options("", options).has_value(); }

Result<HopperCall> bind_hopper_call(std::string_view device, const runtime::Signature& signature, const CompileOptions& options, const RunArguments& arguments, MemoryKind memory) {
  const auto shape = check_arguments(arguments, options, memory);
  if (!shape) return std::unexpected(shape.error());
  if (auto status = check_extents(device, arguments, *shape); !status) return std::unexpected(status.error());
  auto environment = bind(signature, arguments.captures, shape->problem, memory);
  if (!environment) return std::unexpected(environment.error());
  auto fresh = runtime::bind_dims(signature, *environment, memory);
  if (!fresh) return std::unexpected(fresh.error());
  return HopperCall{*shape, std::move(*environment), std::move(*fresh)};
}

bool in_steps(const CallShape& shape) { return shape.q_positions.step != 1 || shape.kv_positions.step != 1; }

Result<void> check_hopper_call(std::string_view device, const runtime::HopperMember& member, const CallShape& shape) {
  if (member.kernel == runtime::KernelKind::Simt) return {};
  const auto scale = static_cast<float>(shape.scale);
  if (member.score_class == runtime::ScoreClass::General || (scale > 0 && std::isfinite(scale))) return {};
  return failed(ErrorKind::Input, fmt::format("{}: the Hopper kernel takes a positive, finite scale for this variant; use device cpu", device));
}

flexc_simt_arguments simt_arguments(const flexc_hopper_arguments& launch, const CallShape& shape) {
  return {.call = launch, .q_step = shape.q_positions.step, .kv_step = shape.kv_positions.step};
}

Result<void> check_hopper_outputs(std::string_view device, const runtime::HopperMember& member, const RunArguments& arguments) {
  if (member.lazy_maximum && !arguments.max_scores.absent())
    return failed(ErrorKind::Input, fmt::format("{}: a kernel with the lazy maximum (FLEXC_HOPPER_FORMS) has no max_scores; leave one of the two out", device));
  return {};
}

Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const runtime::HookWords> layout, const runtime::LaunchProgram& launch, const runtime::Signature& signature,
                                                    const runtime::Environment& environment, std::span<const std::int64_t> fresh, double scale, const PositionMap& q_positions,
                                                    const PositionMap& kv_positions) {
  const runtime::Problem& problem = environment.problem;
  std::vector<runtime::HookCall::Param> params;
  for (std::size_t i = 0; i < environment.params.size(); ++i)
    params.push_back({environment.params[i].integer, environment.params[i].real, signature.params[i].type == DType::F32});
  runtime::HookCall call;
  call.symbols = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
  call.captures = environment.captures;
  call.params = params;
  call.fresh_dims = fresh;
  call.scale = scale;
  call.q_positions = q_positions, call.kv_positions = kv_positions;
  return runtime::pack_hook_params(layout, launch, call);
}

Result<std::vector<std::uint64_t>> hopper_params(const runtime::HopperMember& member, const runtime::Signature& signature, const HopperCall& call) {
  auto params = pack_hook_params(member.params, member.launch, signature, call.environment, call.fresh, call.shape.scale, call.shape.q_positions, call.shape.kv_positions);
  if (params && params->size() != member.param_words)
    return failed(ErrorKind::Internal, fmt::format("the packed params have {} words, the kernel takes {}", params->size(), member.param_words));
  return params;
}

runtime::ForwardShape forward_shape(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments) {
  runtime::ForwardShape extents;
  extents.batch = static_cast<int>(shape.batch), extents.heads = static_cast<int>(shape.heads), extents.kv_heads = static_cast<int>(shape.kv_heads);
  extents.q_len = static_cast<int>(shape.q_len), extents.kv_len = static_cast<int>(shape.kv_len);
  extents.head_dim = static_cast<int>(shape.head_dim), extents.value_dim = static_cast<int>(shape.value_dim);
  extents.k_batched = arguments.k.shape[0] == shape.batch, extents.v_batched = arguments.v.shape[0] == shape.batch;
  extents.tile_m = member.tile.m, extents.tile_n = member.tile.n;
  extents.element = member.tile.element;
  extents.split = member.kernel == runtime::KernelKind::Hopper ? split_of(arguments, shape) : 1;
  return extents;
}

runtime::ForwardPlan plan_hopper_call(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments, const runtime::ForwardTensor& q,
                                      const runtime::ForwardTensor& k, const runtime::ForwardTensor& v, const runtime::ForwardTensor& out, std::uint32_t group_heads) {
  auto plan = runtime::plan_forward(forward_shape(member, shape, arguments), q, k, v, out, member.has_band, group_heads);
  plan.arguments.q_offset = arguments.q_offset, plan.arguments.kv_offset = arguments.kv_offset;
  plan.arguments.scale_log2 = static_cast<float>(shape.scale * std::numbers::log2e);
  return plan;
}

Result<std::optional<runtime::MaskMetadata>> hopper_mask(const runtime::HopperMember& member, const RunArguments& arguments, const runtime::ForwardPlan& plan) {
  if (arguments.mask == nullptr || !member.has_mask || member.kernel == runtime::KernelKind::Simt) return std::nullopt;
  auto metadata = runtime::mask_metadata(*arguments.mask, plan.arguments, member.tile.m, member.tile.n);
  if (!metadata) return std::unexpected(metadata.error());
  return std::move(*metadata);
}

}  // namespace flexc
