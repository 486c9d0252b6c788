// What the machine reads from memory, measured.
#pragma once

#include <cstdint>
#include <span>

namespace flexc::machine {

/// Bytes a second that the calling thread reads, sequentially, from memory that no cache holds: the best of a few passes over `memory`,
/// which must be larger than the thread's share of the last cache.
double measure_read_rate(std::span<const std::uint64_t> memory, int passes);

}  // namespace flexc::machine
