// LLVM dialect → LLVM IR → machine code. No MLIR here, so that callers do not pay for its headers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "flexc/error.h"

namespace mlir {
class ModuleOp;
}

namespace flexc::compiler {

/// What code may use: the x86-64 levels by which Linux distributions build (v3: AVX2, FMA, F16C; v4: AVX-512).
enum class CpuLevel { X86_64_v3, X86_64_v4 };

/// This machine's; an error where it has no AVX2.
Result<CpuLevel> detect_cpu_level();
/// Columns that one vector holds.
int vector_width(CpuLevel level);

Result<std::string> print_llvm_ir(mlir::ModuleOp module, CpuLevel level);
Result<std::string> print_assembly(mlir::ModuleOp module, CpuLevel level);
/// One relocatable ELF object without undefined symbols; its symbol `flexc_row_module` is the table of functions.
Result<std::vector<std::byte>> compile_object(mlir::ModuleOp module, CpuLevel level);

}  // namespace flexc::compiler
