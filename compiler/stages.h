// The compiler from a normal form to text of any stage, or to machine code. Free of MLIR: the host API and tests include it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/emit/llvm/object.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/error.h"

namespace flexc::compiler {

/// `stage` "ir" (as imported), "opt" (after the pipeline), "llvm" or "asm" (for this machine, or for `level`). Another stage is
/// an error of kind Usage.
Result<std::string> emit_stage(const dsl::NormalForm& form, std::string_view stage, std::optional<CpuLevel> level = std::nullopt);

/// The mods as one relocatable object, which runtime/loader maps.
Result<std::vector<std::byte>> compile_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level = std::nullopt);

/// The mods as the CUDA struct of templates/hooks.cuh.
Result<CudaHooks> emit_cuda_hooks(const dsl::NormalForm& form, const CudaHookOptions& options);

}  // namespace flexc::compiler
