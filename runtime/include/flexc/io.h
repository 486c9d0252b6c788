// Tensors in files: .npy and safetensors in, .npy out. Hostile files give an Error, never a crash.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/error.h"
#include "flexc/tensor.h"

namespace flexc {

/// A tensor with its own (64-byte aligned) memory, always row-major.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-initialised.
  Tensor(DType dtype, std::vector<std::int64_t> shape);

  const TensorView& view() const { return view_; }
  TensorView& view() { return view_; }
  void* data() { return view_.data; }
  template <class T> T* as() { return static_cast<T*>(view_.data); }
  template <class T> const T* as() const { return static_cast<const T*>(view_.data); }
  std::size_t byte_count() const { return static_cast<std::size_t>(view_.element_count()) * size_of(view_.dtype); }

 private:
  std::shared_ptr<std::byte[]> storage_;
  TensorView view_;
};

struct LoadedTensor {
  Tensor tensor;
  std::vector<std::string> warnings;  ///< trailing bytes and the like
};

/// `FILE.npy`, or `FILE.safetensors:TENSOR` (split at the last ".safetensors:"). Fortran order and big-endian are converted;
/// object, structured and complex dtypes, overlapping or out-of-range offsets are errors that name the file.
/// .npy dtypes: f2 f4 f8 i4 i8 u1 b1, and i1 i2 u2 u4 (widened: i1, i2, u2 to i32, u4 to i64); u8 (unsigned 64) is refused.
Result<LoadedTensor> load_tensor(std::string_view path);

/// The parsers behind it, on bytes in memory (fuzzed). `name` is for messages.
Result<LoadedTensor> parse_npy(std::string_view bytes, std::string_view name);
Result<LoadedTensor> parse_safetensors(std::string_view bytes, std::string_view tensor_name, std::string_view name);

/// `tensor` (any strides) as .npy bytes, version 1.0. f16 is f2; bf16 is widened to f4 (npy has none).
std::string npy_bytes(const TensorView& tensor);

/// Files that appear whole or not at all, and all together: each is written to a temporary beside its target, and only
/// commit() renames them. Whatever is not committed is removed by the destructor. Targets such as /dev/null or a FIFO are
/// written in place at commit.
class OutputFiles {
 public:
  OutputFiles() = default;
  ~OutputFiles();
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;
  /// Whether stage() could work at all: the target's directory is there and writable, the target no directory. Asked before
  /// long work, so that a mistyped path costs nothing.
  static Result<void> check(const std::filesystem::path& target);
  /// Symbolic links are followed: what they point at is what is replaced. A target that exists keeps its permissions.
  Result<void> stage(const std::filesystem::path& target, std::string_view bytes);
  /// Targets written in place first (they can fail), then all renames. After an error nothing is left staged.
  Result<void> commit();

 private:
  struct Staged { std::filesystem::path target, temporary; std::string in_place; };
  void discard();
  std::vector<Staged> staged_;
};

}  // namespace flexc
