// What an Engine holds, for its two halves: loading bundles here, compiling in libflexc_compiler.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "flexc/engine.h"
#include "runtime/cache/lazy_disk_cache.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// What statistics() reads. Shared with kernels, which may compile after their engine is gone.
struct EngineCounters {
  std::atomic<std::uint64_t> kernels_made = 0, compilations = 0, disk_hits = 0;
};

struct Engine::Impl {
  explicit Impl(EngineOptions given)
      : options(std::move(given)),
        disk(std::make_shared<runtime::LazyDiskCache>(runtime::DiskCacheOptions{options.cache_dir, options.cache_bytes, options.on_warning})),
        masks(std::make_shared<runtime::MaskCache>(runtime::MaskCacheOptions{.max_bytes = options.mask_cache_bytes},
                                                   [disk = options.disk_cache ? disk : nullptr]() -> runtime::DiskCache* { return disk ? &disk->get() : nullptr; })) {}

  EngineOptions options;
  std::shared_ptr<EngineCounters> counters = std::make_shared<EngineCounters>();
  std::shared_ptr<runtime::LazyDiskCache> disk;   ///< of kernels and masks
  std::shared_ptr<runtime::MaskCache> masks;      ///< of all kernels
  std::once_flag compiler_made;
  /// The compiler's half, made by the first compile(): this library does not know its type.
  std::shared_ptr<void> compiler;
};

}  // namespace flexc
