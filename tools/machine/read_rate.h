// Reading memory as fast as the machine does it, for its rate to be measured.
#pragma once

#include <cstdint>
#include <span>

namespace flexc::machine {

/// Reads all of `memory`, its two halves side by side and each some way ahead into the second-level cache: of the orders that were tried, the fastest.
void read_all(std::span<const std::uint64_t> memory);

}  // namespace flexc::machine
