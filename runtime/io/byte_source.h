// ByteSource: where a reader's bytes come from. Memory (fuzzers, tests) and files are read through the same few lines, and of a
// large safetensors file only the header and the one tensor asked for are ever read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "flexc/error.h"

namespace flexc::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Copies `count` bytes from `offset` on; fewer than that is an error.
  virtual Result<void> read(std::uint64_t offset, void* destination, std::size_t count) const = 0;
  /// What messages call it: the path, quoted.
  const std::string& name() const { return name_; }

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

/// Borrows `bytes`.
std::unique_ptr<ByteSource> memory_source(std::string_view bytes, std::string_view name);

/// A regular file; directories, FIFOs, devices and missing files are errors that say so. Read with pread and never mapped: a
/// file that shrinks meanwhile is then an error, where a mapping would be a SIGBUS.
Result<std::unique_ptr<ByteSource>> file_source(const std::string& path);

}  // namespace flexc::io
