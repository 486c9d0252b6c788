// Masks that were built before, found by all that they follow from (mask_identity.h): in memory, and on disk where building one took
// long enough. A mask of captures that changed is another mask; nothing here is needed for a correct answer.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/cache/disk_cache.h"
#include "runtime/mask/mask_bytes.h"
#include "runtime/mask/mask_identity.h"

namespace flexc::runtime {

struct MaskCacheOptions {
  std::uint64_t max_bytes = std::uint64_t{64} << 20;  ///< keys and masks in memory together; the least recently used go first
  double disk_after_s = 0.010;                        ///< a mask that took longer to build is kept on disk too
};

/// Where a mask came from.
enum class MaskSource : std::uint8_t { Built, Memory, Disk };
std::string_view name_of(MaskSource source);

/// Thread-safe.
class MaskCache {
 public:
  /// `disk` is asked once, when it is first needed; it may return null. An empty function: masks are kept in memory alone.
  explicit MaskCache(MaskCacheOptions options, std::function<DiskCache*()> disk = {}) : options_(options), open_disk_(std::move(disk)) {}

  /// What tile::classify gives, from the cache where it has been asked before. `frame` as for classify. The mask carries its origin.
  /// A report of a mask that was not built anew tells what building it told, without the effort.
  Result<BlockMask> classify(const MaskIdentity& identity, const tile::Program& program, const tile::Launch& launch, const BlockMask& frame,
                             const tile::ClassifyOptions& options, tile::ClassifyReport* report = nullptr, MaskSource* source = nullptr);

  /// Keys and masks in memory.
  std::uint64_t bytes() const;
  std::size_t size() const;

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<const BuiltMask> built;
    std::uint64_t bytes = 0;
  };
  std::shared_ptr<const BuiltMask> find(const std::string& key);
  void keep(std::string key, std::shared_ptr<const BuiltMask> built);
  DiskCache* disk();

  MaskCacheOptions options_;
  std::function<DiskCache*()> open_disk_;
  std::once_flag opened_;
  DiskCache* disk_ = nullptr;
  mutable std::mutex mutex_;
  std::list<Kept> by_use_;  ///< the last used first
  std::unordered_map<std::string_view, std::list<Kept>::iterator> by_key_;  ///< views of the list's keys
  std::uint64_t bytes_ = 0;
};

/// The whole key of a mask: identity, blocks, refinement and the build of this library, which decides what is proved.
std::string mask_key(const std::string& identity, const BlockMask& frame, const tile::ClassifyOptions& options);

}  // namespace flexc::runtime
