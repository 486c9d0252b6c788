// The CPU kernel of a variant that is compiled here (runtime/kernel/cpu_kernel.h is the kernel itself).
#pragma once

#include <memory>

#include "compiler/host/row_compiler.h"
#include "flexc/dsl/normal_form.h"
#include "runtime/kernel/cpu_kernel.h"

namespace flexc {

/// Compiles `form` for this machine, or finds it compiled. Environment where it has no AVX2; everything else is Internal.
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<RowCompiler> compiler,
                                                      std::shared_ptr<runtime::MaskCache> masks = nullptr);

}  // namespace flexc
