// The cache on disk: one file an entry, whole or absent. Nothing here is needed for a correct answer: every problem is a miss, or
// an entry that is not stored, and at most one warning for the object's life.
//
// How an entry is written: an O_EXCL temporary in the same folder, locked; all bytes; close; rename. A process killed in between
// leaves at most the temporary, whose lock died with it, so that the next prune removes it. No lock guards entries: a rename is
// atomic, and readers verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/error.h"
#include "runtime/cache/entry.h"

namespace flexc::runtime {

inline constexpr std::uint64_t kDefaultMaxCacheBytes = std::uint64_t{1} << 30;

struct DiskCacheOptions {
  std::string directory;                                ///< empty: default_cache_directory()
  std::uint64_t max_bytes = kDefaultMaxCacheBytes;      ///< all entries together; the least recently used go first
  std::function<void(std::string_view)> warn = {};      ///< called at most once, from whichever thread met the problem
};

/// $FLEXC_CACHE_DIR, else $XDG_CACHE_HOME/flexc, else $HOME/.cache/flexc; empty if none is set.
std::string default_cache_directory();

/// Thread-safe. Several objects and processes may share a directory.
class DiskCache {
 public:
  /// Opens the directory, making it (mode 0700) where it is missing. A directory that is a symbolic link, that another user owns
  /// or that others may write to is refused. Never fails: without a usable directory nothing is stored, after a warning.
  explicit DiskCache(DiskCacheOptions options);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  bool usable() const { return directory_ >= 0; }
  const std::string& directory() const { return options_.directory; }

  /// The payload stored under exactly this key. What fails verification is removed and is a miss.
  std::optional<std::vector<std::byte>> get(EntryKind kind, std::string_view key);
  /// The payload of the most recently used entry of this kind whose key `matches`, verified as get does. Reads the keys of all entries, so it is
  /// for where a part of the key is not known.
  std::optional<std::vector<std::byte>> find(EntryKind kind, const std::function<bool(std::string_view key)>& matches);
  /// Whether it was stored. Prunes if the bound is passed.
  bool put(EntryKind kind, std::string_view key, std::span<const std::byte> payload);

  /// A file of the cache, verified or not.
  struct Listed {
    std::string name;  ///< of the file
    std::uint64_t bytes = 0;
    std::timespec last_use = {};
    std::string problem;         ///< empty if it verifies; set by list(true) only
    std::optional<Entry> entry;  ///< set by list(true) only, if it verifies
  };
  /// Entries by name. `verify` reads and checks each.
  Result<std::vector<Listed>> list(bool verify) const;
  /// Removes an entry by the name of its file.
  bool remove(const std::string& name);
  /// Removes all entries and leftovers; how many files went.
  std::size_t clear();
  /// Removes leftovers of killed writers, and entries until the bound holds; how many files went.
  std::size_t prune();

 private:
  void warn_once(std::string message);
  std::size_t remove_leftovers(const std::vector<std::string>& names, bool all);

  DiskCacheOptions options_;
  int directory_ = -1;
  struct Warned;
  std::unique_ptr<Warned> warned_;
};

}  // namespace flexc::runtime
