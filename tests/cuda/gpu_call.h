// One call, on the host and on "the GPU": for hosts of flexc::runtime too, so it includes nothing of the compiler.
#pragma once

#include "flexc/cuda_memory.h"
#include "flexc/kernel.h"
#include "flexc/random.h"
#include "flexc/tensor.h"

namespace flexc::test {

/// A call's tensors on the host, with room for what comes back.
struct HostCall {
  Tensor q, k, v, out, lse{f32, {2, 4, 150}}, slopes{f32, {4}};
  explicit HostCall(std::int64_t head_dim = 64, std::int64_t value_dim = 64)
      : q(bf16, {2, 4, 150, head_dim}), k(bf16, {2, 2, 200, head_dim}), v(bf16, {1, 2, 200, value_dim}), out(bf16, {2, 4, 150, value_dim}) {
    fill_normal(q.view(), 1, "q"), fill_normal(k.view(), 1, "k"), fill_normal(v.view(), 1, "v"), fill_normal(slopes.view(), 1, "slopes");
  }
};

/// The same call with its tensors on "the GPU".
struct GpuCall {
  RunArguments arguments;
  CudaTensor q, k, v, out, lse, slopes;

  static Result<GpuCall> copy(const CudaMemory& memory, const HostCall& host) {
    GpuCall call;
    const std::pair<const Tensor*, CudaTensor*> inputs[] = {{&host.q, &call.q}, {&host.k, &call.k}, {&host.v, &call.v}, {&host.slopes, &call.slopes}};
    for (const auto& [from, to] : inputs) {
      auto copied = memory.copy_of(from->view());
      if (!copied) return std::unexpected(copied.error());
      *to = std::move(*copied);
    }
    auto out = memory.allocate(bf16, host.out.view().shape), lse = memory.allocate(f32, host.lse.view().shape);
    if (!out || !lse) return std::unexpected(!out ? out.error() : lse.error());
    call.out = std::move(*out), call.lse = std::move(*lse);
    call.arguments = {.q = call.q.view(), .k = call.k.view(), .v = call.v.view(), .out = call.out.view(), .lse = call.lse.view()};
    call.arguments.captures.set("slopes", call.slopes.view());
    call.arguments.captures.set_param("period", 7);
    call.arguments.q_offset = 40, call.arguments.kv_offset = 3;
    return call;
  }
};

}  // namespace flexc::test
