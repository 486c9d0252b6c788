// A call of a bundle's kernel with drawn inputs: on the host, and the same in a GPU's memory.
#pragma once

#include <cstdint>
#include <vector>

#include "flexc/bundle.h"
#include "flexc/cuda_memory.h"
#include "flexc/io.h"
#include "flexc/kernel.h"

namespace flexc::kit {

struct Extents {
  std::int64_t batch = 1, heads = 1, kv_heads = 1, q_len = 0, kv_len = 0, head_dim = 64;
  std::int64_t q_offset = 0, kv_offset = 0, q_step = 1, kv_step = 1;
  /// The last position + 1, of rows and of keys.
  std::int64_t q_total() const { return q_offset + q_step * (q_len - 1) + 1; }
  std::int64_t kv_total() const { return kv_offset + kv_step * (kv_len - 1) + 1; }
};

/// `arguments` point into the tensors, which share their memory: a moved call is the same call.
struct HostCall {
  Extents extents;
  Tensor q, k, v, out, lse;
  std::vector<Tensor> captured;
  RunArguments arguments;

  /// q, k, v standard normal, captures by the gallery's makers; equal for equal arguments on every machine. Internal for a capture that nothing makes.
  /// `drawn` elements of a tensor are drawn, and repeated in the rest of it: for timings, where drawing would take longer than all else.
  static Result<HostCall> make(const BundledVariant& variant, DType dtype, const Extents& extents, std::uint64_t seed, std::int64_t drawn = kAll);
  static constexpr std::int64_t kAll = INT64_MAX;
};

/// The entry of a bundle by its name. Input where it is not there.
Result<BundledVariant> described(const Bundle& bundle, const std::string& variant);

/// The same call in the GPU's memory, with a workspace, so that its faults can be asked for.
struct GpuCall {
  RunArguments arguments;
  CudaTensor out, lse, workspace;
  std::vector<CudaTensor> inputs;

  static Result<GpuCall> copy(const CudaMemory& memory, const HostCall& host, const Kernel& kernel, const BlockMask* mask = nullptr);
};

}  // namespace flexc::kit
