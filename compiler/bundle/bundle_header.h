// The C header beside a bundle: names that a host would otherwise spell by hand.
#pragma once

#include <string>

#include "flexc/error.h"
#include "runtime/bundle/contents.h"

namespace flexc {

/// Macros with string literals: STEM_VARIANT, STEM_VARIANT_CAPTURE_NAME, STEM_VARIANT_PARAM_NAME, each with what it stands for beside it, and
/// STEM_SHA256. Usage where two names become one in capitals.
Result<std::string> bundle_header(const runtime::BundleContents& contents, const std::string& stem, const std::string& sha256);

}  // namespace flexc
