// What `checked` asks for: going over a call, pair by pair, before it runs.
#pragma once

#include <functional>

#include "runtime/kernel/arguments.h"

namespace flexc {

/// An error where a gather of the call is out of range. Everything is in host memory.
using GatherCheck = std::function<Result<void>(const RunArguments& arguments, const CallShape& shape, const runtime::Environment& environment)>;

/// Where there is none: the answer to a checked call.
inline Error no_gather_check() {
  return {ErrorKind::Environment, "checked mode interprets the variant's text, which a bundle does not carry; compile it with flexc::flexc"};
}

}  // namespace flexc
