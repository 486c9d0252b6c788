// From names to positions: the captures and params of a call, checked against what the variant declares.
#pragma once

#include "flexc/dsl/evaluate.h"
#include "flexc/flexc.h"

namespace flexc {

/// The environment of one call. Missing, unknown and wrongly typed bindings are errors with "did you mean"; dims are checked
/// later, by dsl::bind_dims, once the problem symbols are known. Captures are in `memory`.
Result<dsl::Environment> bind(const dsl::NormalForm& form, const Captures& captures, const dsl::Problem& problem, MemoryKind memory = MemoryKind::Host);

}  // namespace flexc
