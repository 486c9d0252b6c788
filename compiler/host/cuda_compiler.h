// Where the machine code for Hopper comes from: what this object has in use, the cache on disk, else libflexc_ir and NVRTC.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "compiler/host/cuda_compile.h"
#include "flexc/flexc.h"
#include "runtime/cache/disk_cache.h"

namespace flexc {

/// What tells one kernel of a variant from another: every field is in its key, but `in_child` and `gallery_name`, which change no instruction.
struct CudaKernelRequest {
  DType dtype = bf16;
  std::int64_t head_dim = 64;  ///< D = DV
  compiler::Member member = compiler::Member::Narrow;
  bool in_child = false;         ///< NVRTC in a process of its own, with limits on time and memory
  std::string gallery_name = {};  ///< for the header of the emitted text
};

/// A kernel and where it came from.
struct CudaKernel {
  std::shared_ptr<const CudaKernelCode> code;
  KernelOrigin origin = KernelOrigin::Compiled;
};

/// Thread-safe. Kernels share it with their engine: a wide member may be compiled long after.
class CudaCompiler {
 public:
  explicit CudaCompiler(const EngineOptions& options);

  /// The kernel for sm_90a. Threads that ask for one kernel at a time wait for one compilation. Environment for a dtype or head dim without a
  /// template, and where nothing is cached and NVRTC or libflexc_ir is missing; everything else is Internal. Of a kernel from the cache,
  /// `ptx` and `log` are empty.
  Result<CudaKernel> kernel(const dsl::NormalForm& form, const CudaKernelRequest& request);

 private:
  EngineOptions options_;
};

}  // namespace flexc
