// This machine's C++ compiler, for the host model.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "flexc/error.h"

namespace flexc {

struct SourceFile {
  std::string name, text;  ///< name: relative, with folders
};

/// A shared object that was compiled and loaded; closed with the last owner.
class LoadedObject {
 public:
  explicit LoadedObject(void* handle) : handle_(handle) {}
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;
  /// Null where there is none of that name.
  void* symbol(const char* name) const;

 private:
  void* handle_;
};

/// Compiles `main` (one of `files`) with $CXX, else c++, in a private temporary folder that is gone afterwards. Environment where there is no compiler
/// or no temporary folder; Internal where it rejects the text. A copy of the object goes to the file `keep`, if that is not empty.
Result<std::shared_ptr<const LoadedObject>> compile_and_load(std::span<const SourceFile> files, std::string_view main, const std::string& keep = {});

}  // namespace flexc
