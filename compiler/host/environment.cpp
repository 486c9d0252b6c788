#include "flexc/environment.h"

#include <dlfcn.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "flexc/flexc.h"
#include "runtime/cuda/nvrtc.h"

namespace flexc {
namespace {

struct CloseLibrary {
  void operator()(void* handle) const { dlclose(handle); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

template <class Function>
Function* symbol(const Library& library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library.get(), name));
}

std::string path_of(void* address) {
  Dl_info info{};
  return address && dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

/// The first of `names` that opens. A name that is not there is passed over; one that is there but broken is reported.
Library open_first(std::span<const std::string> names, LibraryProbe& probe) {
  for (const std::string& name : names) {
    if (Library library{dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)}) return library;
    const char* why = dlerror();
    if (name.find('/') != std::string::npos && access(name.c_str(), F_OK) == 0 && why) probe.problem = why;
  }
  return nullptr;
}

}  // namespace

LibraryProbe probe_nvrtc() {
  const auto nvrtc = runtime::Nvrtc::open();
  if (!nvrtc) return {false, "", "", nvrtc.error().message};
  return {true, nvrtc->path(), nvrtc->version(), ""};
}

DriverProbe probe_cuda_driver() {
  DriverProbe report;
  LibraryProbe& probe = report.library;
  const std::string name = "libcuda.so.1";
  const Library library = open_first({&name, 1}, probe);
  if (!library) {
    probe.problem = "libcuda.so.1 is not on the loader's search path";
    return report;
  }
  auto* init = symbol<int(unsigned)>(library, "cuInit");
  auto* get_version = symbol<int(int*)>(library, "cuDriverGetVersion");
  auto* get_count = symbol<int(int*)>(library, "cuDeviceGetCount");
  auto* get_name = symbol<int(char*, int, int)>(library, "cuDeviceGetName");
  auto* get_attribute = symbol<int(int*, int, int)>(library, "cuDeviceGetAttribute");
  probe.found = true;
  probe.path = path_of(reinterpret_cast<void*>(init));
  if (!init || !get_version || !get_count || !get_name || !get_attribute) {
    probe.problem = "libcuda.so.1 lacks functions that every driver has";
    return report;
  }
  int version = 0;
  if (get_version(&version) == 0) probe.version = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  if (const int status = init(0); status != 0) {
    probe.problem = fmt::format("cuInit fails with CUDA error {} (no GPU, or no permission to use it)", status);
    return report;
  }
  int count = 0;
  if (get_count(&count) != 0) count = 0;
  constexpr int kComputeCapabilityMajor = 75, kComputeCapabilityMinor = 76;  // CUdevice_attribute
  for (int device = 0; device < count; ++device) {
    std::array<char, 256> text{};
    int major = 0, minor = 0;
    if (get_name(text.data(), static_cast<int>(text.size()) - 1, device) != 0) continue;
    get_attribute(&major, kComputeCapabilityMajor, device);
    get_attribute(&minor, kComputeCapabilityMinor, device);
    report.devices.push_back(fmt::format("{} (sm_{}{})", text.data(), major, minor));
  }
  if (report.devices.empty()) probe.problem = "the driver reports no GPU";
  return report;
}

CpuReport probe_cpu() {
  CpuReport report;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    if (const std::size_t colon = line.find(": "); colon != std::string::npos) report.model = line.substr(colon + 2);
    break;
  }
#if defined(__x86_64__)
  const auto add = [&](bool has, const char* name) {
    if (has) report.features.emplace_back(name);
  };
  __builtin_cpu_init();
  add(__builtin_cpu_supports("avx2"), "avx2");
  add(__builtin_cpu_supports("fma"), "fma");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx512bw"), "avx512bw");
  add(__builtin_cpu_supports("avx512bf16"), "avx512bf16");
#endif
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  report.cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : static_cast<int>(std::thread::hardware_concurrency());
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page > 0) report.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  return report;
}

CacheReport probe_cache() {
  const auto variable = [](const char* name) { const char* value = std::getenv(name); return std::string(value ? value : ""); };
  CacheReport report;
  if (const std::string flexc_dir = variable("FLEXC_CACHE_DIR"); !flexc_dir.empty()) report.directory = flexc_dir;
  else if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) report.directory = xdg + "/flexc";
  else if (const std::string home = variable("HOME"); !home.empty()) report.directory = home + "/.cache/flexc";
  if (report.directory.empty()) {
    report.problem = "none of FLEXC_CACHE_DIR, XDG_CACHE_HOME, HOME is set";
    return report;
  }
  // The nearest directory that exists decides whether the rest can be made.
  std::string existing = report.directory;
  struct stat status{};
  while (stat(existing.c_str(), &status) != 0 && existing.size() > 1) {
    const std::size_t slash = existing.rfind('/');
    existing = slash == std::string::npos ? "." : slash == 0 ? "/" : existing.substr(0, slash);
    if (existing == ".") {
      stat(".", &status);
      break;
    }
  }
  if (!S_ISDIR(status.st_mode)) report.problem = existing + " is not a directory";
  else if (access(existing.c_str(), W_OK | X_OK) != 0) report.problem = existing + " is not writable";
  else if (existing == report.directory && status.st_uid != geteuid()) report.problem = existing + " belongs to another user";
  else if (existing == report.directory && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) report.problem = existing + " is writable by others";
  return report;
}

BuildReport build_report() {
#if defined(__clang__)
  const std::string compiler = fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler = fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return {std::string(version()), compiler, FLEXC_BUILD_TYPE};
}

}  // namespace flexc
