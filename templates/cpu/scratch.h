// Memory that a call computes in, and that later calls take again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flexc::cpu {

/// What the process keeps of it between calls at most. Fetched from the system and cleared anew each time it took a tenth of a call of a thousand positions. Nothing where AddressSanitizer
/// is to see the ends of pieces.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::int64_t kMostKeptBytes = 0;
#elif defined(__has_feature)
inline constexpr std::int64_t kMostKeptBytes = __has_feature(address_sanitizer) ? 0 : std::int64_t{64} << 20;
#else
inline constexpr std::int64_t kMostKeptBytes = std::int64_t{64} << 20;
#endif

/// Memory in whole cache lines, aligned to FLEXC_ROW_ALIGNMENT. Nothing is read of it that was not written: it holds whatever the call before left there. Any thread may allocate and free.
class Scratch {
 public:
  Scratch() = default;
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&& other) noexcept;
  ~Scratch();

  /// False where there is no memory.
  bool allocate(std::int64_t bytes);
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(memory_);
  }

 private:
  std::byte* memory_ = nullptr;
  std::int64_t bytes_ = 0;
};

/// What is kept now; writes a value into all its bytes; gives it back to the system.
std::int64_t kept_scratch_bytes();
void fill_kept_scratch(std::byte value);
void free_kept_scratch();

}  // namespace flexc::cpu
