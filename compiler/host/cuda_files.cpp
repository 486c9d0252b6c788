#include "compiler/host/cuda_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "flexc/io.h"

namespace flexc {

std::string cuda_file_stem(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  const unsigned d = tile_head_dim(request), dv = tile_value_dim(request);
  if (request.kernel == runtime::KernelKind::Simt)
    return fmt::format("{:016x}{:016x}.{}.simt.v{}.{}{}", form.hash[0], form.hash[1], name_of(request.dtype), dv, architecture_of(request), request.member == compiler::Member::Wide ? ".wide" : "");
  return fmt::format("{:016x}{:016x}.{}.d{}{}{}", form.hash[0], form.hash[1], name_of(request.dtype), d, dv == d ? "" : fmt::format("v{}", dv), fmt::format("{}{}", request.member == compiler::Member::Wide ? ".wide" : "", request.in_steps ? ".steps" : ""));
}

Result<void> dump_cuda_kernel(const std::string& directory, const dsl::NormalForm& form, const CudaKernelRequest& request, const CudaKernelCode& code) {
  if (directory.empty()) return {};
  const auto failed = [&](const std::string& why) { return std::unexpected(Error{ErrorKind::Environment, fmt::format("a kernel cannot be dumped to {} (FLEXC_DUMP): {}", directory, why)}); };
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) return failed(problem.message());
  const std::string stem = (std::filesystem::path(directory) / cuda_file_stem(form, request)).string();
  OutputFiles files;
  Result<void> done = files.stage(stem + ".cu", code.text);
  if (done) done = files.stage(stem + ".ptx", code.ptx);
  if (done) done = files.stage(stem + ".cubin", std::string_view(reinterpret_cast<const char*>(code.cubin.data()), code.cubin.size()));
  if (done) done = files.commit();
  if (!done) return failed(done.error().message);
  return {};
}

std::string override_directory() {
  const char* const directory = std::getenv("FLEXC_OVERRIDE");
  return directory ? directory : "";
}

Result<std::optional<std::string>> overriding_text(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  const std::string directory = override_directory();
  if (directory.empty()) return std::nullopt;
  std::error_code problem;
  if (!std::filesystem::is_directory(directory, problem)) return std::unexpected(Error{ErrorKind::Usage, fmt::format("FLEXC_OVERRIDE is `{}`, which is no directory", directory)});
  const std::string path = (std::filesystem::path(directory) / (cuda_file_stem(form, request) + ".cu")).string();
  if (!std::filesystem::exists(path, problem)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return std::unexpected(Error{ErrorKind::Environment, fmt::format("{} (FLEXC_OVERRIDE) cannot be read", path)});
  return text;
}

}  // namespace flexc
