// Where the machine code for Hopper comes from: what this object has in use, the cache on disk, else libflexc_ir and NVRTC.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/host/cuda_compile.h"
#include "flexc/flexc.h"
#include "runtime/cache/lazy_disk_cache.h"
#include "runtime/cuda/helper_kernels.h"
#include "runtime/cuda/tile_kernels.h"
#include "runtime/host/engine_impl.h"

namespace flexc {

/// A kernel and where it came from.
struct CudaKernel {
  std::shared_ptr<const CudaKernelCode> code;
  KernelOrigin origin = KernelOrigin::Compiled;
};

/// Thread-safe. Kernels share it with their engine: a wide member may be compiled long after.
class CudaCompiler {
 public:
  /// `disk` is the engine's. What is compiled and what is found on disk is counted in `counters`.
  CudaCompiler(const EngineOptions& options, std::shared_ptr<runtime::LazyDiskCache> disk, std::shared_ptr<EngineCounters> counters);

  /// The kernel for sm_90a. Threads that ask for one kernel at a time wait for one compilation. Environment for a dtype or head dim without a
  /// template, and where nothing is cached and NVRTC or libflexc_ir is missing; whatever NVRTC or its child does is Internal. With a dump directory
  /// or FLEXC_OVERRIDE the disk is not asked, and under FLEXC_OVERRIDE nothing is stored.
  Result<CudaKernel> kernel(const dsl::NormalForm& form, const CudaKernelRequest& request);

  /// The kernels of block masks of captures in a GPU's memory, which all variants share: kept here once they were asked for, on disk as the others are,
  /// else compiled in this process. Environment where they are on no disk and there is no NVRTC.
  Result<std::shared_ptr<const runtime::TileKernelCode>> tile_kernels();
  /// Likewise those that copy tensors and merge the parts of the keys.
  Result<std::shared_ptr<const runtime::HelperKernelCode>> helper_kernels();

 private:
  /// A kernel in use, or being made. It lives as long as someone holds it.
  struct Slot {
    std::mutex making;
    std::weak_ptr<const CudaKernelCode> code;
  };
  std::shared_ptr<Slot> slot_of(const std::string& key);
  /// With no toolchain, what any compiled.
  std::optional<std::vector<std::byte>> payload_on_disk(const std::string& toolchain, const std::string& key);
  std::shared_ptr<const CudaKernelCode> find_on_disk(const std::string& toolchain, const std::string& key);

  EngineOptions options_;
  std::string dump_directory_;
  std::shared_ptr<runtime::LazyDiskCache> disk_;
  std::shared_ptr<EngineCounters> counters_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>> slots_;
  /// Kernels that all variants share, by the name that their key ends with: `members` say what of the code is stored, in order.
  template <class Code, class Members, class Compile>
  Result<std::shared_ptr<const Code>> fixed_kernels(std::string_view name, const Members& members, const Compile& compile);
  std::mutex fixed_mutex_;
  std::shared_ptr<const runtime::TileKernelCode> tile_kernels_;
  std::shared_ptr<const runtime::HelperKernelCode> helper_kernels_;
};

/// The key of a kernel in the cache, but for its first line, which names the toolchain (docs/cache.md).
std::string cuda_key(const dsl::NormalForm& form, const CudaKernelRequest& request);
/// That line, for NVRTC's file as nvrtc_file() finds it; empty where there is none: then a kernel that any NVRTC compiled serves.
std::string cuda_toolchain_line();

}  // namespace flexc
