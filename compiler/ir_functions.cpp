#include "compiler/ir_functions.h"

namespace {

using namespace flexc;

Result<std::string> emit_without_locations(const dsl::NormalForm& form, std::string_view stage, std::optional<compiler::CpuLevel> level, compiler::Member member) {
  return compiler::emit_stage(form, stage, level, member);
}

}  // namespace

extern "C" const flexc::compiler::IrFunctions flexc_ir_functions = {emit_without_locations, compiler::emit_cuda_hooks, compiler::emit_cuda_kernels, compiler::compile_row_member, compiler::compile_tile_program,
                                                                      compiler::cuda_kernel_facts};
