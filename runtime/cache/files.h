// System calls of the cache, made to end: interrupted and short ones go on, but never for ever.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace flexc::runtime {

/// Closes on destruction.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  /// Closes now; 0 or errno. After any answer the number is no longer ours.
  int close();
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// As openat, with O_CLOEXEC; errno is set on failure.
Descriptor open_at(int directory, const char* name, int flags, mode_t mode = 0);
/// 0 or errno.
int write_all(int descriptor, std::span<const std::byte> bytes);
/// Exactly `bytes.size()` bytes and then the end of the file: 0; errno; or EIO if the file is shorter or longer.
int read_all(int descriptor, std::span<std::byte> bytes);
/// Names of the folder's files, without . and ..; 0 or errno.
int list_names(int directory, std::vector<std::string>& names);

}  // namespace flexc::runtime
