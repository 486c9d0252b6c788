// libflexc_ir, opened at its first use.
#pragma once

#include "compiler/ir_functions.h"
#include "flexc/error.h"

namespace flexc {

/// The library's functions; Environment where it (or the MLIR and LLVM that it needs) cannot be opened. Thread-safe.
Result<const compiler::IrFunctions*> ir_functions();

/// Where it is, or would be: beside the library that this code is in.
std::string ir_library_path();

/// The lines by which a key names the compiler's files: the library, and MLIR's and LLVM's where they are files of their own.
std::string compiler_lines();

}  // namespace flexc
