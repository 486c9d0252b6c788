// Which tensors of a call the Hopper kernel has to copy.
#pragma once

#include <string_view>
#include <vector>

#include "flexc/kernel.h"

namespace flexc {

/// Of q, k, v and out, those that TMA cannot describe: TMA takes bases at multiples of 16 bytes, and positive strides that are such multiples too. A launch of
/// the Hopper kernel copies them into its workspace first, and out back from there. (Keys in parts are merged to where out is, which takes no copy.)
std::vector<std::string_view> repacked_tensors(const RunArguments& arguments);

}  // namespace flexc
