#include "runtime/io/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "runtime/io/text.h"

namespace flexc::io {
namespace {

std::unexpected<Error> truncated(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  return std::unexpected(Error{ErrorKind::Input, fmt::format("{} is truncated: bytes {} to {} are needed, and it has {}", source.name(), offset,
                                                             offset + count, source.size())});
}

bool fits(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  return offset <= source.size() && count <= source.size() - offset;
}

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string_view bytes, std::string name) : ByteSource(std::move(name)), bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read(std::uint64_t offset, void* destination, std::size_t count) const override {
    if (!fits(*this, offset, count)) return truncated(*this, offset, count);
    if (count > 0) std::memcpy(destination, bytes_.data() + offset, count);
    return {};
  }

 private:
  std::string_view bytes_;
};

class FileSource final : public ByteSource {
 public:
  FileSource(int descriptor, std::uint64_t size, std::string name) : ByteSource(std::move(name)), descriptor_(descriptor), size_(size) {}
  ~FileSource() override { ::close(descriptor_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  std::uint64_t size() const override { return size_; }
  Result<void> read(std::uint64_t offset, void* destination, std::size_t count) const override {
    if (!fits(*this, offset, count)) return truncated(*this, offset, count);
    auto* out = static_cast<char*>(destination);
    constexpr std::size_t kLargestRead = std::size_t{1} << 30;  // Linux moves at most 2 GiB − 4 KiB a call
    while (count > 0) {
      const ssize_t got = ::pread(descriptor_, out, std::min(count, kLargestRead), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        const std::string why = std::generic_category().message(errno);
        return std::unexpected(Error{ErrorKind::Input, fmt::format("cannot read {}: {}", name(), why)});
      }
      if (got == 0)
        return std::unexpected(Error{ErrorKind::Input, fmt::format("{} became shorter while it was read: nothing is left at byte {}", name(), offset)});
      out += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
    return {};
  }

 private:
  int descriptor_;
  std::uint64_t size_;
};

/// What a path that is no regular file is, in words; nullptr for a regular file.
const char* kind_of_other(mode_t mode) {
  if (S_ISREG(mode)) return nullptr;
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

std::unique_ptr<ByteSource> memory_source(std::string_view bytes, std::string_view name) {
  return std::make_unique<MemorySource>(bytes, in_quotes(name, 4096));
}

Result<std::unique_ptr<ByteSource>> file_source(const std::string& path) {
  const std::string name = in_quotes(path, 4096);
  const auto failure = [&](std::string text) { return std::unexpected(Error{ErrorKind::Input, std::move(text)}); };
  if (path.empty()) return failure("a file name is expected, and the text is empty");
  if (path.find('\0') != std::string::npos) return failure(fmt::format("{} is not a file name: it contains a NUL", name));
  // O_NONBLOCK: opening a FIFO for reading would wait for its writer.
  int descriptor;
  do descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    const std::string why = std::generic_category().message(errno);
    return failure(fmt::format("cannot open {}: {}", name, why));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    const std::string why = std::generic_category().message(errno);
    ::close(descriptor);
    return failure(fmt::format("cannot read {}: {}", name, why));
  }
  if (const char* kind = kind_of_other(status.st_mode)) {
    ::close(descriptor);
    return failure(fmt::format("{} is {}; a regular file is expected", name, kind));
  }
  return std::make_unique<FileSource>(descriptor, static_cast<std::uint64_t>(status.st_size), name);
}

}  // namespace flexc::io
