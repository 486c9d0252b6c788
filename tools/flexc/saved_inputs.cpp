#include "tools/flexc/saved_inputs.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "flexc/io.h"
#include "tools/flexc/failure.h"

namespace flexc::cli {
namespace {

namespace fs = std::filesystem;

bool needs_safetensors(const SavedTensor& saved) { return saved.capture && saved.tensor.dtype == bf16; }

std::string file_stem(const SavedTensor& saved) {
  const bool taken = saved.capture && (saved.name == "q" || saved.name == "k" || saved.name == "v");
  return taken ? "capture_" + saved.name : saved.name;
}

std::string file_name(const SavedTensor& saved) { return file_stem(saved) + (needs_safetensors(saved) ? ".safetensors" : ".npy"); }

/// One row-major bf16 tensor as a safetensors file: length of the header, the header, the data.
std::string safetensors_bytes(const std::string& name, const TensorView& tensor) {
  const std::size_t size = static_cast<std::size_t>(tensor.element_count()) * size_of(tensor.dtype);
  std::string header = nlohmann::json{{name, {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {0, size}}}}}.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.data), size);
  return bytes;
}

[[noreturn]] void refuse(const std::string& directory, const std::string& why, ErrorKind kind = ErrorKind::Input) {
  throw Failure(kind, fmt::format("--save {}: {}", directory, why));
}

}  // namespace

std::string saved_name(const SavedTensor& saved) { return needs_safetensors(saved) ? file_name(saved) + ":" + saved.name : file_name(saved); }

void check_save_directory(const std::string& directory) {
  std::error_code code;
  const fs::file_status status = fs::status(directory, code);
  if (fs::exists(status) && !fs::is_directory(status)) refuse(directory, "it is no directory");
  const fs::path absolute = fs::absolute(directory, code).lexically_normal();
  fs::path existing = fs::exists(status) ? absolute : absolute.has_filename() ? absolute.parent_path() : absolute.parent_path().parent_path();
  if (!fs::is_directory(existing, code)) refuse(directory, fmt::format("there is no directory {}", existing.string()));
  if (access(existing.c_str(), W_OK | X_OK) != 0) refuse(directory, fmt::format("{} is not writable", existing.string()), ErrorKind::Environment);
}

void save_inputs(const std::string& directory, const std::vector<SavedTensor>& tensors, const std::string& description) {
  check_save_directory(directory);
  std::error_code code;
  const bool made = fs::create_directory(directory, code);
  if (code) refuse(directory, "cannot be made: " + code.message(), ErrorKind::Environment);
  Result<void> done;
  {
    OutputFiles files;  // gone before the directory is, with whatever it has staged
    for (const SavedTensor& saved : tensors)
      if (done) done = files.stage(fs::path(directory) / file_name(saved), needs_safetensors(saved) ? safetensors_bytes(saved.name, saved.tensor) : npy_bytes(saved.tensor));
    if (done) done = files.stage(fs::path(directory) / "call.json", description);
    if (done) done = files.commit();
  }
  if (done) return;
  if (made) fs::remove(directory, code);
  throw Failure(std::move(done.error()));
}

}  // namespace flexc::cli
