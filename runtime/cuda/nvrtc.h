// NVIDIA's run-time compiler behind dlopen: CUDA C++ text to PTX and a cubin, in this process.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/library.h"

namespace flexc::runtime {

/// A translation unit. Its includes are the templates that are embedded in this library, by their names in the repository.
struct CudaProgram {
  std::string name;  ///< shown in messages: "alibi.cu"
  std::string text;
  std::string architecture = "sm_90a";
  bool is_last = false;  ///< the process ends soon: what NVRTC holds is left to that, which saves the time of freeing it
};

struct CudaBinary {
  std::string ptx;
  std::vector<std::byte> cubin;
  std::string log;  ///< of the front end and of ptxas
};

class Nvrtc {
 public:
  /// Environment, with what was looked for, where there is none or it lacks a function.
  static Result<Nvrtc> open();

  std::string version() const { return version_; }
  std::string path() const { return path_; }

  /// Environment for an architecture that this NVRTC does not know. flexc's own text: whatever is rejected, and any message of ptxas that wgmma was serialised (C75xx), is Internal, with the log. The
  /// compiler's own cache is off, because ptxas says nothing on a hit.
  Result<CudaBinary> compile(const CudaProgram& program) const;

 private:
  struct Functions;
  std::string message(int status) const;
  Result<void> check_architecture(std::string_view architecture) const;
  CudaLibrary library_;
  std::shared_ptr<const Functions> functions_;
  std::string version_, path_;
};

/// What every compilation passes, beside the architecture: part of what names a kernel in the cache.
std::span<const char* const> nvrtc_options();

/// Codes of ptxas by which a kernel would lose its overlap or its registers: "C7510" to "C7519" in a log; empty if there is none.
std::string forbidden_message(const std::string& log);

}  // namespace flexc::runtime
