// Whether a call lies within what a compiled member assumes (compiler/members.h).
#pragma once

#include <span>

#include "compiler/host/arguments.h"
#include "compiler/members.h"
#include "flexc/dsl/evaluate.h"

namespace flexc {

/// Checks the assumptions that the manifest names, and no others, in O(captures + params). `fresh` are the sizes that
/// dsl::bind_dims returned for this environment.
bool within(const compiler::Manifest& manifest, const RunArguments& arguments, const CallShape& shape, const dsl::NormalForm& form,
            const dsl::Environment& environment, std::span<const std::int64_t> fresh);

}  // namespace flexc
