#include "compiler/host/cpu_kernel.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "compiler/host/arguments.h"
#include "compiler/host/bindings.h"
#include "compiler/host/block_masks.h"
#include "compiler/host/ir_library.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/io.h"
#include "runtime/loader/row_object.h"
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

  explicit RowBindings(const dsl::Environment& environment) {
    for (const TensorView& view : environment.captures) captures.push_back({view.data, view.shape.data(), view.strides.data()});
    for (const dsl::ParamValue& value : environment.params) params.push_back({value.integer, value.real, 0, {}});
  }
};

class CpuKernel final : public Kernel {
 public:
  CpuKernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, runtime::RowObject object)
      : form_(std::move(form)), options_(std::move(options)), object_(std::move(object)) {}

  Device device() const override { return Device::cpu(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    const auto shape = check_arguments(arguments, options_);
    if (!shape) return std::unexpected(shape.error());
    const auto environment = bind(*form_, arguments.captures, shape->problem);
    if (!environment) return std::unexpected(environment.error());
    const auto fresh = dsl::bind_dims(*form_, *environment);
    if (!fresh) return std::unexpected(fresh.error());
    if (arguments.checked)
      if (auto status = check_gathers(arguments, *shape, *environment); !status) return status;

    const RowBindings bindings(*environment);
    cpu::AttentionArguments call;
    call.dtype = options_.dtype;
    call.batch = shape->batch, call.heads = shape->heads, call.kv_heads = shape->kv_heads;
    call.q_len = shape->q_len, call.kv_len = shape->kv_len;
    call.head_dim = shape->head_dim, call.value_dim = shape->value_dim;
    call.q = {arguments.q.data, strides_of(arguments.q)};
    call.k = {arguments.k.data, strides_of(arguments.k)};
    call.v = {arguments.v.data, strides_of(arguments.v)};
    call.scale = shape->scale;
    call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
    call.q_total = shape->problem.q_total, call.kv_total = shape->problem.kv_total;
    call.lse = row_output(arguments.lse);
    call.max_scores = row_output(arguments.max_scores);
    if (!arguments.sink.absent()) {
      call.sink = static_cast<const float*>(arguments.sink.data);
      call.sink_stride = arguments.sink.strides[0];
    }
    call.module = &object_.module();
    call.captures = bindings.captures.data();
    call.params = bindings.params.data();
    call.fresh_dims = fresh->data();
    call.mask = arguments.mask;

    // The kernel writes q's dtype; an f32 output beside 16-bit inputs is widened afterwards.
    Tensor narrow;
    const bool widen = arguments.out.dtype != options_.dtype;
    if (widen) narrow = Tensor(options_.dtype, arguments.out.shape);
    const TensorView& out = widen ? narrow.view() : arguments.out;
    call.out = {out.data, {out.strides[0], out.strides[1], out.strides[2]}};
    auto status = cpu::run_attention(call, *pool(arguments.threads));
    if (status && widen) widen_into(narrow.view(), arguments.out);
    return status;
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    return masks_.build(shape, captures, report);
  }

 private:
  /// Compiled gathers do not report; the interpreter, which does, goes over the call first.
  Result<void> check_gathers(const RunArguments& arguments, const CallShape& shape, const dsl::Environment& environment) const {
    dsl::AttentionCall call;
    Tensor scratch(f64, arguments.out.shape);
    call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.out = scratch.view();
    call.scale = shape.scale;
    call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
    call.checked = true;
    call.threads = thread_count(arguments.threads);
    return dsl::evaluate_attention(*form_, environment, call);
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

  /// The threads are kept from call to call, as long as the same number is asked for. A call that others still use keeps its pool.
  std::shared_ptr<cpu::WorkerPool> pool(int asked) const {
    const int threads = thread_count(asked);
    const std::lock_guard lock(mutex_);
    if (!pool_ || threads_ != threads) {
      pool_ = std::make_shared<cpu::WorkerPool>(threads);
      threads_ = threads;
    }
    return pool_;
  }

  std::shared_ptr<const dsl::NormalForm> form_;
  MaskBuilder masks_{form_};
  CompileOptions options_;
  runtime::RowObject object_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<cpu::WorkerPool> pool_;
  mutable int threads_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options) {
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  const auto code = (*functions)->compile_row_object(*form, std::nullopt);
  if (!code) return std::unexpected(code.error());
  auto object = runtime::RowObject::load(*code);
  if (!object) return std::unexpected(Error{ErrorKind::Internal, "the compiled mods cannot be loaded: " + object.error().message});
  return std::make_shared<CpuKernel>(std::move(form), std::move(options), std::move(*object));
}

}  // namespace flexc
