// Memory that a call computes in, and that later calls take again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flexc::cpu {

/// What the process keeps of it between calls at most, in bytes: 64 MiB, and 2 MiB for each thread that the machine runs at once. Fetched from the system and cleared anew each time it took a
/// tenth of a call of a thousand positions. Nothing where AddressSanitizer is to see the ends of pieces.
std::int64_t most_kept_bytes();

/// Memory in whole cache lines, aligned to FLEXC_ROW_ALIGNMENT. It holds whatever the call before left there, on which no result may depend. Any thread may allocate and free.
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

/// For tests: what is kept now; writes a value into all its bytes.
std::int64_t kept_scratch_bytes();
void fill_kept_scratch(std::byte value);
/// Frees what is kept.
void free_kept_scratch();

}  // namespace flexc::cpu
