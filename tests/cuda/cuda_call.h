// A call with tensors of any dtype, run by one variant's kernels on the stand-in's GPU, the host model and the CPU.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/variant_impl.h"
#include "flexc/cuda_memory.h"
#include "flexc/io.h"
#include "flexc/random.h"
#include "tests/cuda/fake/loaded_fake.h"

namespace flexc::test {

inline EngineOptions without_disk() {
  EngineOptions options;
  options.disk_cache = false;
  return options;
}

/// One member's unit for the host model.
inline std::shared_ptr<const LoadedObject> unit_of(const Variant& variant, runtime::KernelKind kind, DType dtype, std::int64_t head_dim, std::int64_t value_dim, bool in_steps = false,
                                                   compiler::Member member = compiler::Member::Narrow) {
  const auto impl = VariantAccess::share(variant);
  REQUIRE(impl->form.has_value());
  compiler::CudaHookOptions options;
  options.member = member, options.kernel = kind, options.in_steps = in_steps;
  const auto kernels = (*ir_functions())->emit_cuda_kernels(*impl->form, options, dtype, static_cast<unsigned>(head_dim), static_cast<unsigned>(value_dim));
  REQUIRE(kernels.has_value());
  const auto object = compile_for_model(kernels->sources.front());
  INFO((object ? "" : object.error().message));
  REQUIRE(object.has_value());
  return *object;
}

struct AnyCall {
  Tensor q, k, v, out, lse, max_scores;
  double scale = 0;  // 0: the default
  std::int64_t q_offset = 0, kv_offset = 0, q_step = 1, kv_step = 1;

  AnyCall(DType dtype, std::int64_t head_dim, std::int64_t value_dim, std::int64_t q_len = 150, std::int64_t kv_len = 200)
      : q(dtype, {2, 4, q_len, head_dim}), k(dtype, {2, 2, kv_len, head_dim}), v(dtype, {1, 2, kv_len, value_dim}), out(dtype, {2, 4, q_len, value_dim}), lse(f32, {2, 4, q_len}),
        max_scores(f32, {2, 4, q_len}) {
    fill_normal(q.view(), 1, "q"), fill_normal(k.view(), 1, "k"), fill_normal(v.view(), 1, "v");
  }

  void set(Tensor& tensor, std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t column, float value) {
    const TensorView view = tensor.view();
    const std::int64_t at = b * view.strides[0] + h * view.strides[1] + row * view.strides[2] + column;
    if (view.dtype == f32) static_cast<float*>(view.data)[at] = value;
    else static_cast<std::uint16_t*>(view.data)[at] = view.dtype == bf16 ? float_to_bf16(value) : float_to_f16(value);
  }
  float get(const Tensor& tensor, std::int64_t at) const {
    const TensorView view = tensor.view();
    if (view.dtype == f32) return static_cast<const float*>(view.data)[at];
    const std::uint16_t bits = static_cast<const std::uint16_t*>(view.data)[at];
    return view.dtype == bf16 ? bf16_to_float(bits) : f16_to_float(bits);
  }

  RunArguments on_host() {
    RunArguments arguments{.q = q.view(), .k = k.view(), .v = v.view(), .out = out.view(), .lse = lse.view(), .max_scores = max_scores.view()};
    finish(arguments);
    return arguments;
  }
  void finish(RunArguments& arguments) const {
    if (scale != 0) arguments.scale = scale;
    arguments.q_offset = q_offset, arguments.kv_offset = kv_offset;
    arguments.q_step = q_step, arguments.kv_step = kv_step;
  }

  /// On the CPU or the host model.
  Result<void> run(const Variant& variant, Device device) {
    Engine engine(without_disk());
    const auto kernel = engine.compile(variant, options(device));
    if (!kernel) return std::unexpected(kernel.error().error);
    return (*kernel)->run(on_host());
  }
  /// On the stand-in's GPU. `change` may alter the views there.
  template <class Change>
  Result<void> run_on_gpu(const Variant& variant, Change change) {
    Engine engine(without_disk());
    const auto kernel = engine.compile(variant, options(Device::cuda()));
    if (!kernel) return std::unexpected(kernel.error().error);
    const auto memory = CudaMemory::open();
    if (!memory) return std::unexpected(memory.error());
    CudaTensor tensors[6];
    const Tensor* const host[6] = {&q, &k, &v, &out, &lse, &max_scores};
    for (int i = 0; i < 6; ++i) {
      auto copied = memory->copy_of(host[i]->view());
      if (!copied) return std::unexpected(copied.error());
      tensors[i] = std::move(*copied);
    }
    RunArguments arguments{.q = tensors[0].view(), .k = tensors[1].view(), .v = tensors[2].view(), .out = tensors[3].view(), .lse = tensors[4].view(), .max_scores = tensors[5].view()};
    finish(arguments);
    change(arguments);
    if (auto status = (*kernel)->run(arguments, fake().stream()); !status) return status;
    const std::pair<const CudaTensor*, Tensor*> outputs[] = {{&tensors[3], &out}, {&tensors[4], &lse}, {&tensors[5], &max_scores}};
    for (const auto& [from, to] : outputs)
      if (auto status = memory->copy_back(*from, to->view(), fake().stream()); !status) return status;
    return {};
  }
  Result<void> run_on_gpu(const Variant& variant) {
    return run_on_gpu(variant, [](RunArguments&) {});
  }

  CompileOptions options(Device device) const { return {.dtype = q.view().dtype, .head_dim = q.view().shape[3], .value_dim = v.view().shape[3], .device = device}; }
};

inline bool same_bits(const Tensor& a, const Tensor& b) { return a.byte_count() == b.byte_count() && std::memcmp(a.view().data, b.view().data, a.byte_count()) == 0; }

/// Elements of `got` that are not `wanted`'s: NaN and infinities must stand where they stand there, the others be within `bound`.
inline std::string differences(const AnyCall& got, const Tensor& got_tensor, const AnyCall& wanted, const Tensor& wanted_tensor, double bound) {
  std::int64_t count = 1, wrong = 0, first = -1;
  for (const std::int64_t size : got_tensor.view().shape) count *= size;
  for (std::int64_t i = 0; i < count; ++i) {
    const float a = got.get(got_tensor, i), b = wanted.get(wanted_tensor, i);
    const bool fits = std::isnan(b) ? std::isnan(a) : std::isinf(b) ? a == b : std::abs(a - b) <= bound * std::max(1.0f, std::abs(b));
    if (!fits && wrong++ == 0) first = i;
  }
  if (wrong == 0) return "";
  return std::to_string(wrong) + " of " + std::to_string(count) + ", the first at " + std::to_string(first) + ": " + std::to_string(got.get(got_tensor, first)) + " instead of " +
         std::to_string(wanted.get(wanted_tensor, first));
}

}  // namespace flexc::test
