#include "runtime/kernel/block_masks.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "runtime/kernel/arguments.h"
#include "runtime/kernel/bindings.h"
#include "flexc/runtime/bind_dims.h"
#include "runtime/mask/verify_mask.h"
#include "runtime/tile/classify.h"
#include "runtime/tile/expression.h"
#include "runtime/tile/remote.h"
#include "runtime/tile/undecided.h"

namespace flexc {
namespace {

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

Result<void> check_mask_shape(const MaskShape& shape) {
  if (shape.batch < 1 || shape.heads < 1) return input_error(fmt::format("a block mask needs at least one batch and one head; {} and {} were asked for", shape.batch, shape.heads));
  if (shape.q_len < 0 || shape.kv_len < 0) return input_error(fmt::format("a block mask cannot have the lengths {} and {}", shape.q_len, shape.kv_len));
  if (shape.kv_heads < 0 || (shape.kv_heads && shape.heads % shape.kv_heads != 0))
    return input_error(fmt::format("H = {} is not a multiple of HKV = {}", shape.heads, shape.kv_heads));
  if (shape.block_q < 1 || shape.block_kv < 1) return input_error(fmt::format("the block {} x {} is not possible; both sides must be at least 1", shape.block_q, shape.block_kv));
  const std::int64_t q_blocks = (shape.q_len - 1) / shape.block_q + 1, kv_blocks = (shape.kv_len - 1) / shape.block_kv + 1;
  std::int64_t tiles = 0;
  if (__builtin_mul_overflow(q_blocks, kv_blocks, &tiles) || __builtin_mul_overflow(tiles, shape.batch, &tiles) || __builtin_mul_overflow(tiles, shape.heads, &tiles) ||
      kv_blocks > std::numeric_limits<std::int32_t>::max())
    return input_error("the block mask has too many tiles; take larger blocks");
  return {};
}

tile::Refine refine_of(MaskShape::Refine refine) {
  switch (refine) {
    case MaskShape::Refine::None: return tile::Refine::None;
    case MaskShape::Refine::Default: return tile::Refine::Default;
    case MaskShape::Refine::Exact: return tile::Refine::Exact;
  }
  return tile::Refine::Default;
}

tile::Launch launch_of(const runtime::Environment& environment, const std::vector<std::int64_t>& fresh) {
  tile::Launch launch;
  launch.captures = environment.captures;
  for (const runtime::ParamValue& value : environment.params) launch.params.push_back({value.integer, value.real});
  const runtime::Problem& problem = environment.problem;
  launch.symbols = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
  launch.fresh_dims = fresh;
  return launch;
}

tile::Names names_of(const runtime::Signature& signature) {
  tile::Names names;
  for (const runtime::CaptureInfo& info : signature.captures) names.captures.push_back(info.name);
  for (const runtime::ParamInfo& info : signature.params) names.params.push_back(info.name);
  names.fresh_dims = signature.fresh_dims;
  return names;
}

/// What proof, or the refinement that was asked for, left undecided, and why.
Result<void> explain(const tile::Program& program, const tile::Launch& launch, const BlockMask& found, const BlockMask& frame, const tile::Names& names, MaskReport& report) {
  const auto exact = tile::classify(program, launch, frame, {.refine = tile::Refine::Exact});
  if (!exact) return std::unexpected(exact.error());
  const tile::UndecidedTiles open = tile::undecided_tiles(program, launch, found, *exact);
  report.undecided_tiles = open.tiles;
  report.undecided_examined = open.examined;
  report.undecided.clear();
  for (const tile::Culprit& culprit : open.culprits) {
    UndecidedCause cause{tile::expression(program, culprit.at, names), {}, culprit.tiles, culprit.example.q0, culprit.example.k0, culprit.in_rows};
    for (const std::uint32_t number : tile::captures_of(program, culprit.at)) cause.captures.push_back(names.captures[number]);
    report.undecided.push_back(std::move(cause));
  }
  return {};
}

/// Of a length up to 1 the step is 1, so that equal masks are equal.
void set_positions(BlockMask& frame, const PositionMap& q, const PositionMap& kv) {
  frame.q_offset = q.offset, frame.kv_offset = kv.offset;
  frame.q_step = q.of_length(frame.q_len).step, frame.kv_step = kv.of_length(frame.kv_len).step;
}

/// Where a call's captures are: one place for all, which binding then insists on.
MemoryKind memory_of(const Captures& captures) {
  const bool in_cuda = std::ranges::any_of(captures.tensors(), [](const auto& entry) { return entry.second.memory == MemoryKind::Cuda; });
  return in_cuda ? MemoryKind::Cuda : MemoryKind::Host;
}

bool reads_captures(const tile::Program& program) {
  return std::ranges::any_of(program.instructions, [](const tile::Instruction& instruction) { return tile::operands_of(instruction.op) == "*"; });
}

/// The mask of captures in a device's memory.
Result<BlockMask> classify_there(const tile::Program& program, tile::Launch launch, const BlockMask& frame, const tile::ClassifyOptions& options, tile::ClassifyReport* report,
                                 const TileDeviceSource& source) {
  const auto device = source();
  if (!device) return std::unexpected(device.error());
  tile::Remote remote(**device);
  launch.remote = &remote;
  if (auto status = tile::check_launch(program, launch); !status) return std::unexpected(status.error());
  return tile::classify(program, launch, frame, options, report);
}

}  // namespace

Result<const MaskBuilder::Compiled*> MaskBuilder::compiled() const {
  const std::lock_guard lock(mutex_);
  if (compiled_) return compiled_.get();
  auto program = source_();
  if (!program) return std::unexpected(program.error());
  compiled_ = std::make_unique<const Compiled>(std::move(*program));
  return compiled_.get();
}

Result<BlockMask> MaskBuilder::build(const MaskShape& shape, const Captures& captures, MaskReport* report, const TileDeviceSource& device) const {
  if (auto status = check_mask_shape(shape); !status) return std::unexpected(status.error());
  const PositionMap q_positions{shape.q_offset, shape.q_step}, kv_positions{shape.kv_offset, shape.kv_step};
  const auto q_total = total_length("q", q_positions, shape.q_len, shape.q_total);
  if (!q_total) return std::unexpected(q_total.error());
  const auto kv_total = total_length("kv", kv_positions, shape.kv_len, shape.kv_total);
  if (!kv_total) return std::unexpected(kv_total.error());
  const std::int64_t kv_heads = shape.kv_heads ? shape.kv_heads : shape.heads;
  const MemoryKind memory = device ? memory_of(captures) : MemoryKind::Host;
  const auto environment = bind(*signature_, captures, {shape.batch, shape.heads, kv_heads, *q_total, *kv_total}, memory);
  if (!environment) return std::unexpected(environment.error());
  const auto fresh = runtime::bind_dims(*signature_, *environment, memory);
  if (!fresh) return std::unexpected(fresh.error());
  const auto compiled = this->compiled();
  if (!compiled) return std::unexpected(compiled.error());
  const auto& [program, identity] = **compiled;
  const tile::Launch launch = launch_of(*environment, *fresh);
  const bool is_remote = memory == MemoryKind::Cuda && reads_captures(program);
  if (is_remote && shape.explain) return input_error("why tiles are undecided is explained for captures in host memory alone");
  if (!is_remote)
    if (auto status = tile::check_launch(program, launch); !status) return std::unexpected(status.error());

  BlockMask frame;
  frame.batches = shape.batch, frame.heads = shape.heads;
  frame.q_len = shape.q_len, frame.kv_len = shape.kv_len;
  set_positions(frame, q_positions, kv_positions);
  frame.block_q = shape.block_q, frame.block_kv = shape.block_kv;
  const tile::ClassifyOptions options{.refine = refine_of(shape.refine)};
  const bool cached = cache_ && shape.cached && !is_remote;
  const auto start = std::chrono::steady_clock::now();
  tile::ClassifyReport found;
  auto source = runtime::MaskSource::Built;
  auto mask = is_remote ? classify_there(program, launch, frame, options, &found, device)
              : cached  ? cache_->classify(identity, program, launch, frame, options, &found, &source)
                        : tile::classify(program, launch, frame, options, &found);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (mask && !cached && !is_remote) mask->origin = runtime::origin_of(identity.text(launch, frame));
  if (mask && report) {
    report->build_s = seconds;
    report->source = std::string(runtime::name_of(source));
    report->kept_pairs = found.kept_pairs;
    report->evaluations = found.effort.evaluations;
    report->pair_evaluations = found.effort.pair_evaluations;
    report->method = std::string(tile::name_of(found.method));
    report->budget_exhausted = found.budget_exhausted;
    if (shape.explain)
      if (auto status = explain(program, launch, *mask, frame, names_of(*signature_), *report); !status) return std::unexpected(status.error());
  }
  return mask;
}

Result<void> MaskBuilder::verify(const RunArguments& arguments, const runtime::Environment& environment) const {
  if (!arguments.checked || arguments.mask == nullptr) return {};
  const auto fresh = runtime::bind_dims(*signature_, environment);
  if (!fresh) return std::unexpected(fresh.error());
  const auto compiled = this->compiled();
  if (!compiled) return std::unexpected(compiled.error());
  const tile::Launch launch = launch_of(environment, *fresh);
  if (auto status = tile::check_launch((*compiled)->program, launch); !status) return status;
  BlockMask frame;
  frame.batches = environment.problem.batch, frame.heads = environment.problem.heads;
  frame.q_len = arguments.mask->q_len, frame.kv_len = arguments.mask->kv_len;
  set_positions(frame, {arguments.q_offset, arguments.q_step}, {arguments.kv_offset, arguments.kv_step});
  return runtime::verify_mask(*arguments.mask, (*compiled)->identity, (*compiled)->program, launch, frame);
}

}  // namespace flexc
