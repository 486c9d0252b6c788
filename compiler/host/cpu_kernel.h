// The kernel of Device::cpu(): mods compiled to machine code, called by the tiled kernel of templates/cpu.
#pragma once

#include <expected>
#include <memory>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

/// Compiles `form` for this machine. Environment where it has no AVX2; everything else is Internal.
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options);

}  // namespace flexc
