// From names to positions: the captures and params of a call, checked against what the variant declares.
#pragma once

#include "flexc/engine.h"
#include "flexc/runtime/signature.h"

namespace flexc {

/// The environment of one call. Missing, unknown and wrongly typed bindings are errors with "did you mean"; dims are checked
/// later, by runtime::bind_dims, once the problem symbols are known. Captures are in `memory`.
Result<runtime::Environment> bind(const runtime::Signature& signature, const Captures& captures, const runtime::Problem& problem, MemoryKind memory = MemoryKind::Host);

}  // namespace flexc
