// The compiler from a normal form to text of any stage, or to machine code. Free of MLIR: the host API and tests include it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/emit/cuda/kernel_facts.h"
#include "compiler/emit/cuda/kernel_source.h"
#include "compiler/emit/llvm/object.h"
#include "compiler/members.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/error.h"

namespace flexc::compiler {

/// `stage` "ir" (as imported), "opt" (after the pipeline), "tile" (the mask_mod's tile program), "llvm" or "asm" (for this machine, or for `level`), of the narrow member
/// unless told otherwise. With `locations`, ir and opt say of each operation where it was written, as `flexc-opt
/// -mlir-print-debuginfo` does. Another stage is an error of kind Usage.
Result<std::string> emit_stage(const dsl::NormalForm& form, std::string_view stage, std::optional<CpuLevel> level = std::nullopt, Member member = Member::Narrow,
                               bool locations = false);

/// The mask_mod as a tile program, in the bytes of runtime/tile/program.h. A variant without one keeps every pair.
Result<std::vector<std::byte>> compile_tile_program(const dsl::NormalForm& form);

/// The mods for the CPU. A wide member assumes nothing; nor does a narrow one where nothing is gained by it, which then serves every call.
Result<RowMember> compile_row_member(const dsl::NormalForm& form, Member member, std::optional<CpuLevel> level = std::nullopt);
/// The wide member's object.
Result<std::vector<std::byte>> compile_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level = std::nullopt);

/// The same by the passes that emission needs and no others: every score is general, nothing is simplified and nothing has a slot.
/// For tests of what the optimising passes must not change.
Result<std::vector<std::byte>> compile_plain_row_object(const dsl::NormalForm& form, std::optional<CpuLevel> level = std::nullopt);

/// The mods as the CUDA struct of templates/hooks.cuh.
Result<CudaHooks> emit_cuda_hooks(const dsl::NormalForm& form, const CudaHookOptions& options);

/// Where the narrow CUDA member computes what.
Result<KernelFacts> cuda_kernel_facts(const dsl::NormalForm& form);

/// Whole units. For sm_90a one for each tile of the ladder, the choice first (emit/cuda/tiles.h); of the plain kernel one. Head dims are padded to
/// whole panels. Usage for a dtype or head dims without a tile.
struct CudaKernels {
  CudaHooks hooks;
  std::vector<cuda::HopperSource> sources;
};
Result<CudaKernels> emit_cuda_kernels(const dsl::NormalForm& form, const CudaHookOptions& options, DType dtype, unsigned head_dim, unsigned value_dim);

}  // namespace flexc::compiler
