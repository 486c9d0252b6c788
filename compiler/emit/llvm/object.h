// LLVM dialect → LLVM IR → machine code. No MLIR here, so that callers do not pay for its headers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "flexc/error.h"
#include "runtime/loader/cpu_level.h"

namespace mlir {
class ModuleOp;
}

namespace flexc::compiler {

using runtime::CpuLevel;
/// Columns that one vector holds.
int vector_width(CpuLevel level);

Result<std::string> print_llvm_ir(mlir::ModuleOp module, CpuLevel level);
Result<std::string> print_assembly(mlir::ModuleOp module, CpuLevel level);
/// One relocatable ELF object without undefined symbols; its symbol `flexc_row_module` is the table of functions.
Result<std::vector<std::byte>> compile_object(mlir::ModuleOp module, CpuLevel level);

}  // namespace flexc::compiler
