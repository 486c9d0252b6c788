// The one disk cache of an engine, opened when something first asks for it: an engine that compiles nothing and builds only quick masks
// touches no directory. Sharing it means one warning, and one bound.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "runtime/cache/disk_cache.h"

namespace flexc::runtime {

/// Thread-safe.
class LazyDiskCache {
 public:
  explicit LazyDiskCache(DiskCacheOptions options) : options_(std::move(options)) {}
  DiskCache& get() {
    std::call_once(opened_, [this] { cache_.emplace(options_); });
    return *cache_;
  }

 private:
  DiskCacheOptions options_;
  std::once_flag opened_;
  std::optional<DiskCache> cache_;
};

}  // namespace flexc::runtime
