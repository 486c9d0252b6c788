#include "compiler/host/ir_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "runtime/cache/file_identity.h"

namespace flexc {
namespace {

Result<const compiler::IrFunctions*> open_library() {
  const std::string path = ir_library_path();
  // Lazy for the references of MLIR's and LLVM's shared libraries, where they are not linked in: 100,000, most of which nothing here ever follows (6 ms of
  // 30). What flexc_ir itself refers to is bound at once (it is linked with -z now), so a compiler of another version is refused here.
  void* const library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return std::unexpected(Error{ErrorKind::Environment, "the compiler cannot be loaded: " + std::string(dlerror())});
  const void* const symbol = dlsym(library, compiler::kIrFunctionsSymbol);
  if (symbol == nullptr) return std::unexpected(Error{ErrorKind::Environment, path + " is no compiler of flexc: " + std::string(dlerror())});
  return static_cast<const compiler::IrFunctions*>(symbol);
}

}  // namespace

std::string ir_library_path() {
  Dl_info self;
  if (dladdr(reinterpret_cast<const void*>(&ir_functions), &self) == 0 || self.dli_fname == nullptr) return "libflexc_ir.so";
  return (std::filesystem::path(self.dli_fname).parent_path() / "libflexc_ir.so").string();
}

std::string compiler_lines() {
  std::string lines = "compiler: " + runtime::file_identity(ir_library_path()) + "\n";
#if defined(FLEXC_LLVM_LIBRARY)
  lines += "llvm: " + runtime::file_identity(FLEXC_LLVM_LIBRARY) + "\nmlir: " + runtime::file_identity(FLEXC_MLIR_LIBRARY) + "\n";
#endif
  return lines;
}

Result<const compiler::IrFunctions*> ir_functions() {
  static const Result<const compiler::IrFunctions*> functions = open_library();  // never closed: LLVM does not unload cleanly
  return functions;
}

}  // namespace flexc
