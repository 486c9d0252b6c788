// What this machine has that flexc could use. Nothing here fails: what is missing is said in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flexc {

/// A shared library that is opened at run time, and only when it is asked for.
struct LibraryProbe {
  bool found = false;
  std::string path;     ///< file that the loader chose
  std::string version;  ///< "13.0"; empty if unknown
  std::string problem;  ///< why it cannot be used; empty if it can
};

/// NVIDIA's run-time compiler: by the loader's search path, then under /usr/local/cuda.
LibraryProbe probe_nvrtc();

struct DriverProbe {
  LibraryProbe library;  ///< libcuda.so.1
  std::vector<std::string> devices;  ///< "NVIDIA H100 (sm_90)"
};
DriverProbe probe_cuda_driver();

struct CpuReport {
  std::string model;
  std::vector<std::string> features;  ///< of those that kernels can use: "avx2", "fma", "avx512f", …
  int cores = 0;                      ///< logical cores that this process may use
  std::uint64_t memory_bytes = 0;
};
CpuReport probe_cpu();

struct CacheReport {
  std::string directory;  ///< empty: none of the variables is set
  std::string problem;    ///< why it cannot be used; empty if it can (it is made on first use)
};
/// `$FLEXC_CACHE_DIR`, else `$XDG_CACHE_HOME/flexc`, else `$HOME/.cache/flexc`. Creates nothing.
CacheReport probe_cache();

/// Versions of flexc and of what built it.
struct BuildReport {
  std::string version, compiler, build_type;
};
BuildReport build_report();

}  // namespace flexc
