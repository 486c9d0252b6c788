#include "runtime/mask/mask_cache.h"

#include <chrono>
#include <dlfcn.h>
#include <iterator>
#include <new>

#include <fmt/format.h>

#include "runtime/cache/file_identity.h"

namespace flexc::runtime {
namespace {

/// Raised by every change to what a key or a payload holds.
constexpr int kMaskSchema = 2;

/// Which build finds masks: the file that this function lies in.
const std::string& own_build() {
  static const std::string identity = [] {
    Dl_info info{};
    const bool found = ::dladdr(reinterpret_cast<const void*>(&mask_key), &info) != 0 && info.dli_fname != nullptr;
    return found ? file_identity(info.dli_fname) : std::string("unknown");
  }();
  return identity;
}

std::string_view text_of(tile::Refine refine) {
  switch (refine) {
    case tile::Refine::None: return "none";
    case tile::Refine::Default: return "default";
    case tile::Refine::Exact: return "exact";
  }
  return "?";
}

}  // namespace

std::string_view name_of(MaskSource source) {
  constexpr std::string_view kNames[] = {"built", "memory", "disk"};
  return kNames[static_cast<std::size_t>(source)];
}

std::string mask_key(const std::string& identity, const BlockMask& frame, const tile::ClassifyOptions& options) {
  return fmt::format("schema: {}\nbuild: {}\nblock: {} {}\nrefine: {}, {} evaluations{}\n{}", kMaskSchema, own_build(), frame.block_q, frame.block_kv, text_of(options.refine),
                     options.node_budget, options.only_descent ? ", descent" : "", identity);
}

Result<BlockMask> MaskCache::classify(const MaskIdentity& identity, const tile::Program& program, const tile::Launch& launch, const BlockMask& frame,
                                      const tile::ClassifyOptions& options, tile::ClassifyReport* report, MaskSource* source) try {
  const std::string text = identity.text(launch, frame);
  std::string key = mask_key(text, frame, options);
  const auto answer = [&](const BuiltMask& built, MaskSource from) {
    if (report) {
      *report = built.report;
      if (from != MaskSource::Built) report->effort = {};
    }
    if (source) *source = from;
    BlockMask mask = built.mask;
    mask.origin = origin_of(text);
    return mask;
  };
  if (const auto found = find(key)) return answer(*found, MaskSource::Memory);
  if (DiskCache* const stored = disk()) {
    if (const auto payload = stored->get(EntryKind::Mask, key))
      if (auto built = mask_of_bytes(*payload, frame)) {
        const auto shared = std::make_shared<const BuiltMask>(std::move(*built));
        keep(std::move(key), shared);
        return answer(*shared, MaskSource::Disk);
      }
  }
  const auto start = std::chrono::steady_clock::now();
  BuiltMask built;
  auto mask = tile::classify(program, launch, frame, options, &built.report);
  if (!mask) return mask;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  built.mask = std::move(*mask);
  const auto shared = std::make_shared<const BuiltMask>(std::move(built));
  // A mask of one value is quick: if it seems not to be, something else was slow.
  if (seconds > options_.disk_after_s && shared->report.method != tile::Method::Constant)
    if (DiskCache* const stored = disk()) stored->put(EntryKind::Mask, key, mask_bytes(*shared));
  keep(std::move(key), shared);
  return answer(*shared, MaskSource::Built);
} catch (const std::bad_alloc&) {
  return std::unexpected(Error{ErrorKind::Environment, "not enough memory for the block mask"});
}

std::uint64_t MaskCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t MaskCache::size() const {
  const std::lock_guard lock(mutex_);
  return by_use_.size();
}

std::shared_ptr<const BuiltMask> MaskCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->built;
}

void MaskCache::keep(std::string key, std::shared_ptr<const BuiltMask> built) {
  const std::uint64_t bytes = key.size() + built->mask.bytes() + sizeof(Kept) + sizeof(BuiltMask);
  if (bytes > options_.max_bytes) return;
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;  // another thread was first
  by_use_.push_front({std::move(key), std::move(built), bytes});
  by_key_.emplace(by_use_.front().key, by_use_.begin());
  bytes_ += bytes;
  while (bytes_ > options_.max_bytes) {
    const auto last = std::prev(by_use_.end());
    bytes_ -= last->bytes;
    by_key_.erase(last->key);
    by_use_.erase(last);
  }
}

DiskCache* MaskCache::disk() {
  std::call_once(opened_, [this] {
    if (open_disk_) disk_ = open_disk_();
  });
  return disk_;
}

}  // namespace flexc::runtime
