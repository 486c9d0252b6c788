// The Params words of templates/hooks.cuh for one call.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/emit/cuda/hooks_source.h"
#include "flexc/dsl/evaluate.h"

namespace flexc {

/// Every word but those of the launch level (Launch, Divisor), which are 0: who evaluates that level fills them. Capture pointers are the
/// views' own, so they belong to the memory in which the kernel runs. `fresh` is what dsl::bind_dims returned.
std::vector<std::uint64_t> pack_hook_params(const compiler::CudaHooks& hooks, const dsl::NormalForm& form, const dsl::Environment& environment,
                                            std::span<const std::int64_t> fresh, double scale);

}  // namespace flexc
