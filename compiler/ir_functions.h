// The door of libflexc_ir: what the host API calls of it. The library carries MLIR and LLVM (195 MB of dylibs, 35 ms to load), so
// it is opened only when something is compiled: `flexc check` and hosts that load bundles never pay for it.
#pragma once

#include "compiler/stages.h"

namespace flexc::compiler {

/// Functions of stages.h, by pointer.
struct IrFunctions {
  Result<std::string> (*emit_stage)(const dsl::NormalForm& form, std::string_view stage, std::optional<CpuLevel> level, Member member);
  Result<CudaHooks> (*emit_cuda_hooks)(const dsl::NormalForm& form, const CudaHookOptions& options);
  Result<CudaKernels> (*emit_cuda_kernels)(const dsl::NormalForm& form, const CudaHookOptions& options, DType dtype, unsigned head_dim, unsigned value_dim);
  Result<RowMember> (*compile_row_member)(const dsl::NormalForm& form, Member member, std::optional<CpuLevel> level);
  Result<std::vector<std::byte>> (*compile_tile_program)(const dsl::NormalForm& form);
  Result<KernelFacts> (*cuda_kernel_facts)(const dsl::NormalForm& form);
};

/// Name of the symbol, an IrFunctions, that libflexc_ir.so exports.
inline constexpr const char* kIrFunctionsSymbol = "flexc_ir_functions";

}  // namespace flexc::compiler
