// The kernel of Device::cpu(): mods compiled to machine code, called by the tiled kernel of templates/cpu.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <vector>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

/// Compiles `form` for this machine; `object` receives the code as it was before loading. Environment where the machine has no
/// AVX2; everything else is Internal.
Result<std::shared_ptr<const Kernel>> make_cpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::vector<std::byte>& object);

}  // namespace flexc
