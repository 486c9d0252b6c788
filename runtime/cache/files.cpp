#include "runtime/cache/files.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace flexc::runtime {
namespace {

/// Calls that are interrupted, or that move nothing, are tried this often in a row.
constexpr int kMostTries = 100;
constexpr std::size_t kLargestTransfer = std::size_t{1} << 30;

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

int Descriptor::close() {
  const int number = std::exchange(number_, -1);
  return number < 0 || ::close(number) == 0 ? 0 : errno;
}

Descriptor open_at(int directory, const char* name, int flags, mode_t mode) {
  for (int tries = 0;; ++tries) {
    const int number = ::openat(directory, name, flags | O_CLOEXEC, mode);
    if (number >= 0 || errno != EINTR || tries == kMostTries) return Descriptor(number);
  }
}

int write_all(int descriptor, std::span<const std::byte> bytes) {
  for (int idle = 0; !bytes.empty();) {
    const ssize_t put = ::write(descriptor, bytes.data(), std::min(bytes.size(), kLargestTransfer));
    if (put < 0 && errno != EINTR) return errno;
    if (put > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      idle = 0;
    } else if (++idle > kMostTries) {
      return EIO;
    }
  }
  return 0;
}

int read_all(int descriptor, std::span<std::byte> bytes) {
  std::byte beyond;
  for (int idle = 0;;) {
    const bool at_end = bytes.empty();
    const ssize_t got = at_end ? ::read(descriptor, &beyond, 1) : ::read(descriptor, bytes.data(), std::min(bytes.size(), kLargestTransfer));
    if (got < 0) {
      if (errno != EINTR) return errno;
      if (++idle > kMostTries) return EIO;
    } else if (at_end) {
      return got == 0 ? 0 : EIO;
    } else if (got == 0) {
      return EIO;
    } else {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
      idle = 0;
    }
  }
}

int list_names(int directory, std::vector<std::string>& names) {
  // A descriptor of its own, because reading moves its position.
  Descriptor copy = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!copy) return errno;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy.number()), ::closedir);
  if (!folder) return errno;
  copy.release();
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) return errno;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
}

}  // namespace flexc::runtime
