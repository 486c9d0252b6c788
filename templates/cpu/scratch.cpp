#include "templates/cpu/scratch.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "templates/cpu/plan.h"

namespace flexc::cpu {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsSome = false;
#elif defined(__has_feature)
constexpr bool kKeepsSome = !__has_feature(address_sanitizer);
#else
constexpr bool kKeepsSome = true;
#endif

/// A piece that is asked for takes one of up to so many times its size.
constexpr std::int64_t kLargestFit = 2;
/// How often a caller tries to get at the pieces before it does without. Nobody has them for long, unless the process was forked meanwhile: then nobody ever lets go.
constexpr int kTries = 10000;

struct Piece {
  std::byte* memory = nullptr;
  std::int64_t bytes = 0;
};

/// Pieces that nobody uses. Of the same size the one that has lain longest is given out: workers then mostly get their own again, which is near their cores.
class Store {
 public:
  static Store& instance() {
    // Never destroyed: other objects' destructors may still free what they hold.
    alignas(Store) static std::byte place[sizeof(Store)];
    static Store* const store = new (place) Store;
    return *store;
  }

  /// A piece of at least `bytes`; none where none fits.
  Piece take(std::int64_t bytes) {
    const std::unique_lock lock = locked();
    if (!lock) return {};
    const auto found = pieces_.lower_bound(bytes);
    if (found == pieces_.end() || found->first > kLargestFit * bytes) return {};
    return remove(found);
  }

  /// Keeps a piece. Gives back what is too much then: what has lain longest, or the piece itself.
  void give(Piece piece) {
    const std::int64_t most = most_kept_bytes();
    if (piece.bytes > most || !keep(piece)) return std::free(piece.memory);
    for (;;) {
      Piece oldest;
      if (const std::unique_lock lock = locked(); lock && kept_ > most)
        oldest = remove(std::min_element(pieces_.begin(), pieces_.end(), [](const auto& a, const auto& b) { return a.second.age < b.second.age; }));
      if (!oldest.memory) return;
      std::free(oldest.memory);
    }
  }

  std::int64_t kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  void fill(std::byte value) {
    const std::lock_guard lock(mutex_);
    for (const auto& [bytes, entry] : pieces_) std::fill_n(entry.memory, bytes, value);
  }
  void clear() {
    const std::unique_lock lock = locked();
    while (lock && !pieces_.empty()) std::free(remove(pieces_.begin()).memory);
  }

 private:
  struct Entry {
    std::byte* memory;
    std::uint64_t age;  ///< the less, the longer it has lain
  };
  using Pieces = std::multimap<std::int64_t, Entry>;  // by size

  std::unique_lock<std::mutex> locked() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    for (int i = 0; i < kTries && !lock; ++i) std::this_thread::yield(), lock.try_lock();
    return lock;
  }
  bool keep(Piece piece) {
    const std::unique_lock lock = locked();
    if (!lock) return false;
    try {
      pieces_.emplace(piece.bytes, Entry{piece.memory, next_age_++});
    } catch (const std::bad_alloc&) {
      return false;
    }
    kept_ += piece.bytes;
    return true;
  }
  Piece remove(Pieces::iterator at) {
    const Piece piece{at->second.memory, at->first};
    pieces_.erase(at);
    kept_ -= piece.bytes;
    return piece;
  }

  std::mutex mutex_;
  Pieces pieces_;
  std::int64_t kept_ = 0;
  std::uint64_t next_age_ = 0;
};

}  // namespace

std::int64_t most_kept_bytes() {
  static const std::int64_t most = kKeepsSome ? (64 + 2 * static_cast<std::int64_t>(std::thread::hardware_concurrency())) * 1024 * 1024 : 0;
  return most;
}

Scratch::Scratch(Scratch&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Scratch::~Scratch() {
  if (memory_) Store::instance().give({memory_, bytes_});
}

bool Scratch::allocate(std::int64_t bytes) {
  *this = Scratch();
  Store& store = Store::instance();
  const std::int64_t size = round_up(std::max<std::int64_t>(bytes, 1), FLEXC_ROW_ALIGNMENT);
  Piece piece = store.take(size);
  const auto fetch = [&] { piece = {static_cast<std::byte*>(std::aligned_alloc(FLEXC_ROW_ALIGNMENT, static_cast<std::size_t>(size))), size}; };
  if (!piece.memory) fetch();
  if (!piece.memory) store.clear(), fetch();  // perhaps what is kept is in the way
  if (!piece.memory) return false;
  memory_ = piece.memory, bytes_ = piece.bytes;
  return true;
}

std::int64_t kept_scratch_bytes() { return Store::instance().kept(); }
void fill_kept_scratch(std::byte value) { Store::instance().fill(value); }
void free_kept_scratch() { Store::instance().clear(); }

}  // namespace flexc::cpu
