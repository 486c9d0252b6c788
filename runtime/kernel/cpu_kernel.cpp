#include "runtime/kernel/cpu_kernel.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "flexc/io.h"
#include "flexc/runtime/bind_dims.h"
#include "runtime/kernel/bindings.h"
#include "runtime/kernel/row_members.h"
#include "templates/cpu/attention.h"

namespace flexc {
namespace {

/// A dimension of extent 1 repeats over the call's batches or heads.
cpu::Strides strides_of(const TensorView& tensor) { return {tensor.shape[0] == 1 ? 0 : tensor.strides[0], tensor.strides[1], tensor.strides[2]}; }

cpu::RowOutput row_output(const TensorView& tensor) {
  if (tensor.absent()) return {};
  return {static_cast<float*>(tensor.data), {tensor.strides[0], tensor.strides[1], tensor.strides[2]}};
}

/// What the row-segment ABI wants of an environment; borrows from it.
struct RowBindings {
  std::vector<flexc_row_capture> captures;
  std::vector<flexc_row_param> params;

  explicit RowBindings(const runtime::Environment& environment) {
    for (const TensorView& view : environment.captures) captures.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const runtime::ParamValue& value : environment.params) params.push_back({value.integer, value.real, 0, {}});
  }
};

/// Positions and lengths that affine rows take.
constexpr std::int64_t kAffineLimit = std::int64_t{1} << 48;

/// A call that passed all checks, and what the mods read in it.
struct BoundCall {
  CallShape shape;
  runtime::Environment environment;
  std::vector<std::int64_t> fresh;
};

class CpuKernel final : public Kernel, public CpuFamily {
 public:
  CpuKernel(CpuKernelParts parts, std::unique_ptr<RowMembers> members)
      : signature_(std::move(parts.signature)), masks_(signature_, std::move(parts.tile_program), std::move(parts.masks)), options_(std::move(parts.options)),
        check_gathers_(std::move(parts.check_gathers)), members_(std::move(members)) {}

  Device device() const override { return Device::cpu(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    const auto call = bind_call(arguments);
    if (!call) return std::unexpected(call.error());
    return run_bound(arguments, *call, choose(*call));
  }

  Result<runtime::Member> member_of(const RunArguments& arguments) const override {
    const auto call = bind_call(arguments);
    if (!call) return std::unexpected(call.error());
    return choose(*call);
  }

  Result<void> run_member(const RunArguments& arguments, runtime::Member member) const override {
    const auto call = bind_call(arguments);
    if (!call) return std::unexpected(call.error());
    if (member == runtime::Member::Narrow && choose(*call) != member)
      return std::unexpected(Error{ErrorKind::Usage, "the call is beyond what the narrow member assumes"});
    return run_bound(arguments, *call, member);
  }

  int compiled() const override { return members_->compiled(); }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    return masks_.build(shape, captures, report);
  }

 private:
  Result<BoundCall> bind_call(const RunArguments& arguments) const {
    const auto shape = check_arguments(arguments, options_);
    if (!shape) return std::unexpected(shape.error());
    auto environment = bind(*signature_, arguments.captures, shape->problem);
    if (!environment) return std::unexpected(environment.error());
    auto fresh = runtime::bind_dims(*signature_, *environment);
    if (!fresh) return std::unexpected(fresh.error());
    return BoundCall{*shape, std::move(*environment), std::move(*fresh)};
  }

  runtime::Member choose(const BoundCall& call) const {
    return members_->choose(call.shape, call.environment, call.fresh);
  }

  Result<void> run_bound(const RunArguments& arguments, const BoundCall& bound, runtime::Member member) const {
    const CallShape* const shape = &bound.shape;
    if (arguments.checked) {
      if (!check_gathers_)
        return std::unexpected(no_gather_check());
      if (auto status = check_gathers_(arguments, *shape, bound.environment); !status) return status;
      if (auto status = masks_.verify(arguments, bound.environment); !status) return status;
    }
    const auto module = members_->module(member);
    if (!module) return std::unexpected(module.error());

    const RowBindings bindings(bound.environment);
    cpu::AttentionArguments call;
    call.dtype = options_.dtype;
    call.batch = shape->batch, call.heads = shape->heads, call.kv_heads = shape->kv_heads;
    call.q_len = shape->q_len, call.kv_len = shape->kv_len;
    call.head_dim = shape->head_dim, call.value_dim = shape->value_dim;
    call.q = {arguments.q.data, strides_of(arguments.q)};
    call.k = {arguments.k.data, strides_of(arguments.k)};
    call.v = {arguments.v.data, strides_of(arguments.v)};
    call.scale = shape->scale;
    call.q_offset = shape->q_positions.offset, call.kv_offset = shape->kv_positions.offset;
    call.q_step = shape->q_positions.step, call.kv_step = shape->kv_positions.step;
    call.q_total = shape->problem.q_total, call.kv_total = shape->problem.kv_total;
    call.lse = row_output(arguments.lse);
    call.max_scores = row_output(arguments.max_scores);
    if (!arguments.sink.absent()) {
      call.sink = static_cast<const float*>(arguments.sink.data);
      call.sink_stride = arguments.sink.strides[0];
    }
    // Sums of an affine row are exact while positions are below 2^48 (docs/contracts.md); beyond, its general form serves.
    flexc_row_module general = **module;
    const auto is_far = [](std::int64_t position) { return position <= -kAffineLimit || position >= kAffineLimit; };
    const auto reach_far = [&](const PositionMap& positions, std::int64_t length) {
      std::int64_t end = 0;
      return !positions.fits(length, &end) || is_far(positions.offset) || is_far(end);
    };
    const bool far = is_far(call.q_total) || is_far(call.kv_total) || reach_far(shape->q_positions, call.q_len) || reach_far(shape->kv_positions, call.kv_len);
    if (far && general.score_class == FLEXC_SCORE_AFFINE) general.score_class = FLEXC_SCORE_GENERAL;
    call.module = &general;
    call.captures = bindings.captures.data();
    call.params = bindings.params.data();
    call.fresh_dims = bound.fresh.data();
    call.mask = arguments.mask;
    call.split = arguments.split;

    // The kernel writes q's dtype; an f32 output beside 16-bit inputs is widened afterwards.
    Tensor narrow;
    const bool widen = arguments.out.dtype != options_.dtype;
    if (widen) narrow = Tensor(options_.dtype, arguments.out.shape);
    const TensorView& out = widen ? narrow.view() : arguments.out;
    call.out = {out.data, {out.strides[0], out.strides[1], out.strides[2]}};
    auto status = run_on_threads(call, thread_count(arguments.threads));
    if (status && widen) widen_into(narrow.view(), arguments.out);
    return status;
  }

  static int thread_count(int asked) { return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

  static void widen_into(const TensorView& from, const TensorView& to) {
    std::int64_t source = 0;
    for (std::int64_t b = 0; b < to.shape[0]; ++b)
      for (std::int64_t h = 0; h < to.shape[1]; ++h)
        for (std::int64_t row = 0; row < to.shape[2]; ++row) {
          float* out = static_cast<float*>(to.data) + b * to.strides[0] + h * to.strides[1] + row * to.strides[2];
          for (std::int64_t i = 0; i < to.shape[3]; ++i) out[i] = static_cast<float>(load_as_double(from, source++));
        }
  }

  Result<void> run_on_threads(const cpu::AttentionArguments& call, int threads) const {
    if (cpu::useful_threads(call, threads) > 1) return cpu::run_attention(call, *pool(threads));
    cpu::WorkerPool caller(1);
    return cpu::run_attention(call, caller);
  }

  /// The threads are kept from call to call, as long as the same number is asked for. A call that others still use keeps its pool.
  std::shared_ptr<cpu::WorkerPool> pool(int threads) const {
    const std::lock_guard lock(mutex_);
    if (!pool_ || threads_ != threads) {
      pool_ = std::make_shared<cpu::WorkerPool>(threads);
      threads_ = threads;
    }
    return pool_;
  }

  std::shared_ptr<const runtime::Signature> signature_;
  MaskBuilder masks_;
  CompileOptions options_;
  GatherCheck check_gathers_;
  std::unique_ptr<RowMembers> members_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<cpu::WorkerPool> pool_;
  mutable int threads_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cpu_kernel(CpuKernelParts parts) {
  auto members = RowMembers::make(parts.signature, std::move(parts.members));
  if (!members) return std::unexpected(members.error());
  return std::make_shared<CpuKernel>(std::move(parts), std::move(*members));
}

}  // namespace flexc
