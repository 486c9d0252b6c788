// The kernels of an engine in memory: found in well under a microsecond, and made once however many threads ask.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "flexc/flexc.h"

namespace flexc {

/// What makes two compilations the same: the identity of the typed normal form, the names by which captures and params are bound
/// (the hash covers neither them nor what is declared but unused), then the options.
struct KernelKey {
  std::array<std::uint64_t, 2> hash{};
  std::string_view names;
  Device::Kind device = Device::Kind::Oracle;
  DType dtype = f32;
  std::int64_t head_dim = 0, value_dim = 0;
};

/// Thread-safe.
class KernelTable {
 public:
  using Made = std::expected<std::shared_ptr<const Kernel>, CompileError>;

  /// The kernel of this key, made by `make` if there is none. Threads that ask for one key at a time wait for one maker; others
  /// go on. What failed is not kept.
  template <class Make>
  Made get_or_make(const KernelKey& key, Make make) {
    const std::shared_ptr<Slot> slot = find(key);
    if (slot->made.load(std::memory_order_acquire)) return slot->kernel;
    const std::lock_guard lock(slot->making);
    if (slot->made.load(std::memory_order_relaxed)) return slot->kernel;
    Made made = make();
    if (made) {
      slot->kernel = *made;
      slot->made.store(true, std::memory_order_release);
    }
    return made;
  }

 private:
  struct Slot {
    std::mutex making;
    /// Written once, before `made` is set, and read only where it is. (libstdc++ 12's atomic<shared_ptr> orders its reads by nothing,
    /// as ThreadSanitizer says.)
    std::shared_ptr<const Kernel> kernel;
    std::atomic<bool> made = false;
    std::atomic<std::uint64_t> last_use = 0;
  };
  struct OwnedKey {
    KernelKey key;
    std::shared_ptr<const std::string> names;  ///< what key.names views
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KernelKey& key) const;
    std::size_t operator()(const OwnedKey& key) const { return (*this)(key.key); }
  };
  struct Equal {
    using is_transparent = void;
    static const KernelKey& of(const KernelKey& key) { return key; }
    static const KernelKey& of(const OwnedKey& key) { return key.key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return same(of(a), of(b));
    }
    static bool same(const KernelKey& a, const KernelKey& b);
  };
  struct Shard {
    std::shared_mutex mutex;
    std::unordered_map<OwnedKey, std::shared_ptr<Slot>, Hash, Equal> slots;
    std::atomic<std::uint64_t> clock = 0;
  };

  std::shared_ptr<Slot> find(const KernelKey& key);

  static constexpr std::size_t kShards = 16;
  /// Kernels in a shard; beyond, the least recently used one goes. Callers keep the kernels that they hold.
  static constexpr std::size_t kMaxPerShard = 64;
  std::array<Shard, kShards> shards_;
};

}  // namespace flexc
