#include "compiler/host/kernel_table.h"

#include <algorithm>

namespace flexc {

std::size_t KernelTable::Hash::operator()(const KernelKey& key) const {
  // The first word is XXH3 already; the options are small numbers, spread by odd multipliers.
  std::uint64_t hash = key.hash[0];
  hash ^= static_cast<std::uint64_t>(key.device) * 0x9e3779b97f4a7c15u;
  hash ^= static_cast<std::uint64_t>(key.dtype) * 0xc2b2ae3d27d4eb4fu;
  hash ^= static_cast<std::uint64_t>(key.head_dim) * 0x165667b19e3779f9u;
  hash ^= static_cast<std::uint64_t>(key.value_dim) * 0x27d4eb2f165667c5u;
  return hash ^ hash >> 32;
}

bool KernelTable::Equal::same(const KernelKey& a, const KernelKey& b) {
  return a.hash == b.hash && a.device == b.device && a.dtype == b.dtype && a.head_dim == b.head_dim && a.value_dim == b.value_dim && a.names == b.names;
}

std::shared_ptr<KernelTable::Slot> KernelTable::find(const KernelKey& key) {
  Shard& shard = shards_[Hash{}(key) % kShards];
  const std::uint64_t now = ++shard.clock;
  {
    const std::shared_lock lock(shard.mutex);
    if (const auto it = shard.slots.find(key); it != shard.slots.end()) {
      it->second->last_use = now;
      return it->second;
    }
  }
  const std::unique_lock lock(shard.mutex);
  if (const auto it = shard.slots.find(key); it != shard.slots.end()) return it->second;
  if (shard.slots.size() >= kMaxPerShard)
    shard.slots.erase(std::ranges::min_element(shard.slots, {}, [](const auto& slot) { return slot.second->last_use.load(); }));
  OwnedKey owned{key, std::make_shared<const std::string>(key.names)};
  owned.key.names = *owned.names;
  auto slot = std::make_shared<Slot>();
  slot->last_use = now;
  return shard.slots.emplace(std::move(owned), std::move(slot)).first->second;
}

}  // namespace flexc
