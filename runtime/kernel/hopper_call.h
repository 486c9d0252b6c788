// A call of the Hopper kernel, as far as the host model and a GPU have it in common: checks, the mods' environment, the launch's arguments.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "flexc/runtime/signature.h"
#include "runtime/cuda/forward_plan.h"
#include "runtime/cuda/mask_metadata.h"
#include "runtime/kernel/arguments.h"
#include "runtime/kernel/assumptions.h"
#include "templates/simt/arguments.h"

namespace flexc {

/// Query rows of the smallest tile, two consumer warpgroups: it bounds the number of a launch's items from above.
inline constexpr std::int64_t kLeastTileRows = 2 * device::kWarpgroupRows;
/// Keys of the smallest tile.
inline constexpr std::int64_t kLeastTileColumns = 32;
/// D and DV; the kernel pads them to whole panels.
inline constexpr std::int64_t kMostHopperHeadDim = 256;
/// Usage for a dtype that the Hopper kernel does not take, Input for head dims. `device` is for messages: "device model".
Result<void> check_hopper_options(std::string_view device, const CompileOptions& options);
/// Input for head dims that the plain kernel (templates/simt) does not take.
Result<void> check_simt_options(std::string_view device, const CompileOptions& options);
/// Whether it takes them.
bool suits_hopper(const CompileOptions& options);

struct HopperCall {
  CallShape shape;
  runtime::Environment environment;
  std::vector<std::int64_t> fresh;
};

/// Parts of the keys that the call wants, by its number or by its shape.
std::int64_t split_of(const RunArguments& arguments, const CallShape& shape);

/// Every check that needs no kernel. Tensors and captures are in `memory`.
Result<HopperCall> bind_hopper_call(std::string_view device, const runtime::Signature& signature, const CompileOptions& options, const RunArguments& arguments, MemoryKind memory);

/// Whether the call's positions have other steps than 1: then it takes a member that is compiled for steps.
bool in_steps(const CallShape& shape);

/// Input for a call that is the plain kernel's: a scale that the variant's members cannot fold into their exponents.
Result<void> check_hopper_call(std::string_view device, const runtime::HopperMember& member, const CallShape& shape);

/// What the plain kernel is given of a plan, or of a launch that marked rows for it.
flexc_simt_arguments simt_arguments(const flexc_hopper_arguments& launch, const CallShape& shape);

/// Input for an output that the member does not have: max_scores with the lazy maximum.
Result<void> check_hopper_outputs(std::string_view device, const runtime::HopperMember& member, const RunArguments& arguments);

/// Every word of Params (templates/hooks.cuh), in the order of `layout`. Capture pointers are the views' own, so they belong to the memory in which the
/// kernel runs. `fresh` is what runtime::bind_dims returned.
Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const runtime::HookWords> layout, const runtime::LaunchProgram& launch, const runtime::Signature& signature,
                                                    const runtime::Environment& environment, std::span<const std::int64_t> fresh, double scale, const PositionMap& q_positions = {},
                                                    const PositionMap& kv_positions = {});

/// The member's second argument.
Result<std::vector<std::uint64_t>> hopper_params(const runtime::HopperMember& member, const runtime::Signature& signature, const HopperCall& call);

/// The extents and the tile.
runtime::ForwardShape forward_shape(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments);

/// The plan with positions and scale; lse and workspace are the caller's to fill. `group_heads` as plan_forward takes it.
runtime::ForwardPlan plan_hopper_call(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments, const runtime::ForwardTensor& q,
                                      const runtime::ForwardTensor& k, const runtime::ForwardTensor& v, const runtime::ForwardTensor& out, std::uint32_t group_heads);

/// What the member needs of the call's block mask: nothing without one, or where bands say all. The plan's arguments are not pointed to it yet.
Result<std::optional<runtime::MaskMetadata>> hopper_mask(const runtime::HopperMember& member, const RunArguments& arguments, const runtime::ForwardPlan& plan);

}  // namespace flexc
