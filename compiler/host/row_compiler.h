// Where an engine's machine code for the CPU comes from: the cache on disk, else libflexc_ir.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "compiler/stages.h"
#include "flexc/flexc.h"
#include "runtime/cache/lazy_disk_cache.h"
#include "runtime/host/engine_impl.h"

namespace flexc {

/// Thread-safe. Kernels share it with their engine: a wide member may be compiled long after.
class RowCompiler {
 public:
  /// `disk` is the engine's. What is compiled and what is found on disk is counted in `counters`.
  RowCompiler(const EngineOptions& options, std::shared_ptr<runtime::LazyDiskCache> disk, std::shared_ptr<EngineCounters> counters);

  /// The mods of `form` for this machine. With a dump directory everything is compiled, and leaves its stages there. Environment
  /// where the machine has no AVX2, libflexc_ir is missing or the dump cannot be written; everything else is Internal.
  Result<compiler::RowMember> member(const dsl::NormalForm& form, compiler::Member member);

 private:
  /// Asked for at the first compilation: an engine that only interprets touches no directory.
  runtime::DiskCache& cache();
  std::string key_of(const dsl::NormalForm& form, compiler::Member member, runtime::CpuLevel level);

  EngineOptions options_;
  std::string dump_directory_;
  std::once_flag opened_;
  std::shared_ptr<runtime::LazyDiskCache> disk_;
  std::string toolchain_;  ///< which compiler this is, by its files
  std::shared_ptr<EngineCounters> counters_;
};

}  // namespace flexc
