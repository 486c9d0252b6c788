// How long a cold compilation takes: from a variant's text to loadable code, in a process that has neither parsed nor loaded
// anything yet, with an empty cache.
#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace flexc::cli {

/// Calls `compilation` in `processes` children, one after the other, and returns the seconds that each reports, in order of
/// size. The children are forked: each begins as this process is now, so that process start is no part of the time, and whatever
/// the first compilation has to load and to set up is. Must be called while there is one thread, before anything is parsed.
/// Shorter than `processes` where a child fails; then the same compilation, done here, says why.
std::vector<double> cold_compile_seconds(int processes, const std::function<double()>& compilation);

}  // namespace flexc::cli
