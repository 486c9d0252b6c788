#include "tests/hooks/host_mods.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "compiler/stages.h"
#include "runtime/kernel/hopper_call.h"

namespace flexc {
namespace {

std::unexpected<Error> failed(std::string message) { return std::unexpected(Error{ErrorKind::Internal, std::move(message)}); }

std::string read(const std::filesystem::path& path) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

/// A folder that goes with the object.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "flexc-mods-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

}  // namespace

std::vector<std::uint64_t> EmittedMod::params(const dsl::NormalForm& form, const dsl::Environment& environment, std::span<const std::int64_t> fresh, double scale) const {
  return pack_hook_params(hooks.params, hooks.launch, form, environment, fresh, scale).value_or(std::vector<std::uint64_t>{});
}

std::string EmittedMod::launch_difference(const std::vector<std::uint64_t>& words) const {
  if (words.size() != hooks.param_words) return "the words could not be packed";
  std::vector<std::uint64_t> compiled = words;
  std::size_t at = 0;
  for (const compiler::HookWords& piece : hooks.params) {
    const bool of_the_launch = piece.kind == compiler::HookWords::Kind::Launch || piece.kind == compiler::HookWords::Kind::Divisor;
    if (of_the_launch) std::fill_n(compiled.begin() + static_cast<std::ptrdiff_t>(at), piece.count, 0);
    at += piece.count;
  }
  code->fill_launch(compiled.data());
  const auto is_nan = [](std::uint64_t word) { return word >> 32 == 0 && std::isnan(std::bit_cast<float>(static_cast<std::uint32_t>(word))); };
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] != compiled[i] && !(is_nan(words[i]) && is_nan(compiled[i])))
      return "word " + std::to_string(i) + ": the launch program gives " + std::to_string(words[i]) + ", the compiled mods give " + std::to_string(compiled[i]) + "\n" + tile::print(hooks.launch.program);
  return {};
}

HostMods::HostMods(HostMods&& other) noexcept : mods_(std::move(other.mods_)), library_(std::exchange(other.library_, nullptr)) {}

HostMods::~HostMods() {
  if (library_ != nullptr) dlclose(library_);
}

void* HostMods::symbol(const char* name) const { return library_ != nullptr ? dlsym(library_, name) : nullptr; }

Result<HostMods> HostMods::compile(std::span<const dsl::NormalForm> forms, void (*edit)(std::string& text), compiler::Member member, const char* flags) {
  HostMods result;
  std::string text = "#define FLEXC_EMITTED_MODS 1\n#include \"tests/hooks/host_entry.h\"\n", table;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    compiler::CudaHookOptions options;
    options.struct_name = "Hooks" + std::to_string(i);
    options.with_include = false;
    options.member = member;
    auto hooks = compiler::emit_cuda_hooks(forms[i], options);
    if (!hooks) return std::unexpected(hooks.error());
    text += hooks->text;
    table += "  flexc_test::Entry<flexc::mods::" + options.struct_name + ">::table(),\n";
    result.mods_.push_back({std::move(*hooks), nullptr});
  }
  text += "extern \"C\" const flexc_test::HostMod flexc_host_mods[] = {\n" + table + "};\n";
  if (edit != nullptr) edit(text);

  const Folder folder;
  if (folder.path.empty()) return failed("no temporary folder");
  const std::string source = (folder.path / "mods.cpp").string(), library = (folder.path / "mods.so").string(), log = (folder.path / "log").string();
  std::ofstream(source) << text;
  // The strict cone holds as long as nothing is contracted, and as long as the compiler keeps to IEEE 754.
  const std::string command = std::string("'" FLEXC_HOST_CXX "' -std=c++17 -ffp-contract=off ") + flags + " -fPIC -shared -I '" FLEXC_SOURCE_DIR "' '" + source + "' -o '" + library +
                              "' > '" + log + "' 2>&1";
  if (std::system(command.c_str()) != 0) return failed("the host's compiler rejects the emitted mods:\n" + read(log).substr(0, 4000));
  result.library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (result.library_ == nullptr) return failed(std::string("dlopen: ") + dlerror());
  const auto* mods = static_cast<const flexc_test::HostMod*>(dlsym(result.library_, "flexc_host_mods"));
  if (mods == nullptr) return failed("the library has no table");
  for (std::size_t i = 0; i < forms.size(); ++i) result.mods_[i].code = mods + i;
  return result;
}

}  // namespace flexc
