#include "compiler/host/dump.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "compiler/host/ir_library.h"
#include "flexc/io.h"

namespace flexc {
namespace {

std::unexpected<Error> failed(const std::string& directory, const std::string& why) {
  return std::unexpected(Error{ErrorKind::Environment, fmt::format("the stages of a kernel cannot be dumped to {} (FLEXC_DUMP): {}", directory, why)});
}

/// DIRECTORY/HASH, with the directory made.
Result<std::string> stem_in(const std::string& directory, const dsl::NormalForm& form) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) return failed(directory, code.message());
  return (std::filesystem::path(directory) / fmt::format("{:016x}{:016x}", form.hash[0], form.hash[1])).string();
}

}  // namespace

std::string dump_directory(const EngineOptions& options) {
  if (!options.dump_dir.empty()) return options.dump_dir;
  const char* variable = std::getenv("FLEXC_DUMP");
  return variable ? variable : "";
}

Result<void> dump_normal_form(const std::string& directory, const dsl::NormalForm& form) {
  if (directory.empty()) return {};
  auto stem = stem_in(directory, form);
  if (!stem) return std::unexpected(stem.error());
  OutputFiles files;
  Result<void> done = files.stage(*stem + ".normal.txt", form.text);
  if (done) done = files.commit();
  if (!done) return failed(directory, done.error().message);
  return {};
}

Result<void> dump_stages(const std::string& directory, const dsl::NormalForm& form, compiler::Member member, std::span<const std::byte> object) {
  if (directory.empty()) return {};
  auto stem = stem_in(directory, form);
  if (!stem) return std::unexpected(stem.error());
  if (member == compiler::Member::Wide) *stem += ".wide";
  const auto functions = ir_functions();
  if (!functions) return failed(directory, functions.error().message);

  OutputFiles files;
  Result<void> done = files.stage(*stem + ".normal.txt", form.text);
  static constexpr std::pair<std::string_view, std::string_view> kStages[] = {{"ir", "mlir"}, {"opt", "mlir"}, {"llvm", "ll"}, {"asm", "s"}};
  for (const auto& [stage, ending] : kStages) {
    const auto text = (*functions)->emit_stage(form, stage, std::nullopt, member);
    if (!text) return failed(directory, text.error().message);
    if (done) done = files.stage(fmt::format("{}.{}.{}", *stem, stage, ending), *text);
  }
  if (done) done = files.stage(*stem + ".o", std::string_view(reinterpret_cast<const char*>(object.data()), object.size()));
  if (done) done = files.commit();
  if (!done) return failed(directory, done.error().message);
  return {};
}

}  // namespace flexc
