#include "templates/cpu/scratch.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <tuple>
#include <utility>

#include "templates/cpu/plan.h"

namespace flexc::cpu {
namespace {

/// A piece that is asked for takes one of up to so many times its size.
constexpr std::int64_t kLargestFit = 2;

/// Pieces that nobody uses. Of the same size the one that has lain longest is given out: workers then mostly get their own again, which is near their cores.
class Store {
 public:
  static Store& instance() {
    // Never destroyed: other objects' destructors may still free what they hold.
    static Store* const store = new Store;
    return *store;
  }

  /// A piece of at least `bytes`, and its size; null where none fits.
  std::pair<std::byte*, std::int64_t> take(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = pieces_.lower_bound(bytes);
    if (found == pieces_.end() || found->first > kLargestFit * bytes) return {};
    const std::pair<std::byte*, std::int64_t> piece{found->second, found->first};
    pieces_.erase(found);
    kept_ -= piece.second;
    return piece;
  }

  /// Keeps a piece, and gives back the largest ones where it is too much then. False where the caller is to free it.
  bool give(std::byte* memory, std::int64_t bytes) {
    if (bytes > kMostKeptBytes) return false;  // and the others need not go for it
    const std::lock_guard lock(mutex_);
    try {
      pieces_.emplace(bytes, memory);
    } catch (const std::bad_alloc&) {
      return false;
    }
    for (kept_ += bytes; kept_ > kMostKeptBytes;) drop(std::prev(pieces_.end()));
    return true;
  }

  std::int64_t kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  void fill(std::byte value) {
    const std::lock_guard lock(mutex_);
    for (const auto& [bytes, memory] : pieces_) std::fill_n(memory, bytes, value);
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    while (!pieces_.empty()) drop(pieces_.begin());
  }

 private:
  using Pieces = std::multimap<std::int64_t, std::byte*>;  // by size

  void drop(Pieces::iterator piece) {
    kept_ -= piece->first;
    std::free(piece->second);
    pieces_.erase(piece);
  }

  std::mutex mutex_;
  Pieces pieces_;
  std::int64_t kept_ = 0;
};

}  // namespace

Scratch::Scratch(Scratch&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Scratch::~Scratch() {
  if (memory_ && !Store::instance().give(memory_, bytes_)) std::free(memory_);
}

bool Scratch::allocate(std::int64_t bytes) {
  *this = Scratch();
  const std::int64_t size = round_up(std::max<std::int64_t>(bytes, 1), FLEXC_ROW_ALIGNMENT);
  std::tie(memory_, bytes_) = Store::instance().take(size);
  if (memory_) return true;
  memory_ = static_cast<std::byte*>(std::aligned_alloc(FLEXC_ROW_ALIGNMENT, static_cast<std::size_t>(size)));
  bytes_ = memory_ ? size : 0;
  return memory_ != nullptr;
}

std::int64_t kept_scratch_bytes() { return Store::instance().kept(); }
void fill_kept_scratch(std::byte value) { Store::instance().fill(value); }
void free_kept_scratch() { Store::instance().clear(); }

}  // namespace flexc::cpu
