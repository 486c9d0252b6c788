// A kernel at one stage, as `flexc emit` shows it.
#pragma once

#include <string_view>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

/// `stage` is cuda, ptx, cubin or sass. Cubin and sass go through the cache on disk; ptx, which is not kept, is always compiled.
Result<EmittedKernel> emit_cuda_stage(const dsl::NormalForm& form, std::string_view stage, const EmitOptions& options);

}  // namespace flexc
