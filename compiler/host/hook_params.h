// The Params words of templates/hooks.cuh for one call, from what the host binds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flexc/dsl/evaluate.h"
#include "runtime/cuda/hook_params.h"

namespace flexc {

/// Every word, in the order of `layout`. Capture pointers are the views' own, so they belong to the memory in which the kernel runs. `fresh` is what
/// dsl::bind_dims returned.
Result<std::vector<std::uint64_t>> pack_hook_params(std::span<const runtime::HookWords> layout, const runtime::LaunchProgram& launch, const dsl::NormalForm& form,
                                                    const dsl::Environment& environment, std::span<const std::int64_t> fresh, double scale);

}  // namespace flexc
