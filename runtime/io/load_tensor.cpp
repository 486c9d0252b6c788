// load_tensor and the parsers on memory: which reader a path belongs to, and the last net under both.
#include <fmt/format.h>
#include <new>

#include "flexc/io.h"
#include "runtime/io/npy.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/text.h"

namespace flexc {
namespace {

constexpr std::string_view kSafetensors = ".safetensors";

/// Sizes are judged before anything is allocated; what a file really holds may still be more than this machine has.
template <class Reader>
Result<LoadedTensor> guarded(std::string_view name, Reader&& reader) {
  try {
    return reader();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("not enough memory for {}", io::in_quotes(name, 4096))});
  }
}

}  // namespace

Result<LoadedTensor> parse_npy(std::string_view bytes, std::string_view name) {
  return guarded(name, [&] { return io::read_npy(*io::memory_source(bytes, name)); });
}

Result<LoadedTensor> parse_safetensors(std::string_view bytes, std::string_view tensor_name, std::string_view name) {
  return guarded(name, [&] { return io::read_safetensors(*io::memory_source(bytes, name), tensor_name); });
}

Result<LoadedTensor> load_tensor(std::string_view path) {
  return guarded(path, [&]() -> Result<LoadedTensor> {
    std::string_view file = path, tensor;
    const std::size_t split = path.rfind(std::string(kSafetensors) + ":");
    const bool safetensors = split != std::string_view::npos || path.ends_with(kSafetensors);
    if (split != std::string_view::npos) {
      file = path.substr(0, split + kSafetensors.size());
      tensor = path.substr(file.size() + 1);
    }
    if (!safetensors && !path.ends_with(".npy"))
      return std::unexpected(Error{ErrorKind::Input, fmt::format("{} is neither FILE.npy nor FILE.safetensors:TENSOR", io::in_quotes(path, 4096))});
    const auto source = io::file_source(std::string(file));
    if (!source) return std::unexpected(source.error());
    return safetensors ? io::read_safetensors(**source, tensor) : io::read_npy(**source);
  });
}

}  // namespace flexc
