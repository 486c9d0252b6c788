// The launch's own checks: do the captures and params that were bound fit the variant's declarations?
#pragma once

#include <cstdint>
#include <vector>

#include "flexc/error.h"
#include "flexc/runtime/signature.h"

namespace flexc::runtime {

/// Checks dtypes, ranks, dims against symbols and constants, equal fresh names, equal row lengths. Returns the sizes of the fresh dims.
Result<std::vector<std::int64_t>> bind_dims(const Signature& signature, const Environment& environment, MemoryKind memory = MemoryKind::Host);

}  // namespace flexc::runtime
