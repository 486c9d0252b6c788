#include "runtime/cuda/library.h"

#include "runtime/cuda/loader_search.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace flexc::runtime {
namespace {

constexpr std::array<std::string_view, 4> kNvrtcFiles = {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// NVIDIA's wheels unpack into site-packages/nvidia/…/lib, whose middle part differs between major versions.
void add_wheels(const std::filesystem::path& prefix, std::vector<std::string>& names) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::vector<std::string> found;
  for (const char* library_folder : {"lib", "lib64"}) {
    for (const auto& python : fs::directory_iterator(prefix / library_folder, ignored)) {
      if (!python.path().filename().string().starts_with("python3")) continue;
      for (const char* packages : {"site-packages", "dist-packages"})
        for (const char* part : {"nvidia/cuda_nvrtc/lib", "nvidia/cu13/lib", "nvidia/cu12/lib"})
          for (const std::string_view file : kNvrtcFiles)
            if (const fs::path path = python.path() / packages / part / file; fs::exists(path, ignored)) found.push_back(path.string());
    }
  }
  std::ranges::sort(found, std::greater<>());  // the newest Python first, and always the same order
  names.insert(names.end(), found.begin(), found.end());
}

}  // namespace

Result<CudaLibrary> CudaLibrary::open(const std::vector<std::string>& names, const std::string& what) {
  std::string problem;
  for (const std::string& name : names) {
    if (void* const handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
      CudaLibrary library;
      library.handle_ = {handle, [](void* open) { dlclose(open); }};
      return library;
    }
    const char* why = dlerror();
    if (problem.empty() && name.find('/') != std::string::npos && access(name.c_str(), F_OK) == 0 && why) problem = why;
  }
  return std::unexpected(Error{ErrorKind::Environment, problem.empty() ? what : what + ": " + problem});
}

void* CudaLibrary::find(const char* name) const { return dlsym(handle_.get(), name); }

std::string CudaLibrary::path_of(const void* address) const {
  Dl_info info{};
  return address && dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

std::vector<std::string> nvrtc_candidates() {
  if (const std::string chosen = variable("FLEXC_NVRTC"); !chosen.empty()) return {chosen};
  std::vector<std::string> names;
  for (const std::string_view folder : {"", "/usr/local/cuda/lib64/", "/usr/local/cuda/targets/x86_64-linux/lib/"})
    for (const std::string_view file : kNvrtcFiles) names.push_back(std::string(folder) + std::string(file));
  if (const std::string environment = variable("VIRTUAL_ENV"); !environment.empty()) add_wheels(environment, names);
  if (const std::string home = variable("HOME"); !home.empty()) add_wheels(home + "/.local", names);
  add_wheels("/usr", names);
  add_wheels("/usr/local", names);
  return names;
}

std::string nvrtc_file() {
  for (const std::string& name : nvrtc_candidates())
    if (std::string path = find_library(name); !path.empty()) return path;
  return {};
}

}  // namespace flexc::runtime
