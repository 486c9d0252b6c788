// Whether a call lies within what a compiled member assumes (members.h).
#pragma once

#include <span>

#include "runtime/kernel/arguments.h"
#include "runtime/kernel/members.h"
#include "flexc/runtime/signature.h"

namespace flexc {

/// Checks the assumptions that the manifest names, and no others, in O(captures + params). `fresh` are the sizes that
/// runtime::bind_dims returned for this environment.
bool within(const runtime::Manifest& manifest, const CallShape& shape, const runtime::Signature& signature,
            const runtime::Environment& environment, std::span<const std::int64_t> fresh);

}  // namespace flexc
