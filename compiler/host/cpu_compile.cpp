#include "compiler/host/cpu_compile.h"

#include <utility>

#include "compiler/host/interpreted_gathers.h"
#include "compiler/host/tile_programs.h"

namespace flexc {
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<RowCompiler> compiler,
                                                      std::shared_ptr<runtime::MaskCache> masks) {
  CpuKernelParts parts;
  parts.signature = form;
  parts.options = std::move(options);
  parts.members = [form, compiler = std::move(compiler)](runtime::Member member) { return compiler->member(*form, member); };
  parts.tile_program = compiled_tile_program(form);
  parts.masks = std::move(masks);
  parts.check_gathers = interpreted_gathers(std::move(form));
  return make_cpu_kernel(std::move(parts));
}

}  // namespace flexc
