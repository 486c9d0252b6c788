// Whether a bundle's blobs are what its table says they are: what its digest, which anybody can compute, does not vouch for.
#pragma once

#include <optional>
#include <string>

#include "runtime/bundle/loaded_bundle.h"

namespace flexc {

/// Nothing where tile programs, objects, descriptions and cubins of every variant fit it, and each call finds a member; else what does not, in words that
/// fit behind a file's name.
std::optional<std::string> check_blobs(const BundleData& bundle);

}  // namespace flexc
