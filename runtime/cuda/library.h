// A shared library of CUDA's, opened at run time. Nothing of CUDA is needed to build or to start flexc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flexc/error.h"

namespace flexc::runtime {

/// An open library; closed with the last copy.
class CudaLibrary {
 public:
  /// The first of `names` that opens. A name without a slash goes through the loader's search path. Environment where none does; a file that
  /// is there but cannot be loaded is named with the loader's reason.
  static Result<CudaLibrary> open(const std::vector<std::string>& names, const std::string& what);

  template <class Function>
  Function* symbol(const char* name) const {
    return reinterpret_cast<Function*>(find(name));
  }
  /// File that the loader chose.
  std::string path_of(const void* address) const;

 private:
  void* find(const char* name) const;
  std::shared_ptr<void> handle_;
};

/// Where NVRTC may be: $FLEXC_NVRTC alone if it is set, else the loader's search path, /usr/local/cuda, and the PyPI wheels of the Pythons
/// under $VIRTUAL_ENV, $HOME/.local and /usr.
std::vector<std::string> nvrtc_candidates();

/// The file of the first candidate that is there, found without loading it: part of what names a kernel in the cache. Empty where there is none.
std::string nvrtc_file();

}  // namespace flexc::runtime
