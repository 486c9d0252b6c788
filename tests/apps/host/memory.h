// How much memory this process holds.
#pragma once

#include <cstddef>

/// What malloc has given out and has not got back.
std::size_t heap_bytes();
/// Pages in memory.
std::size_t resident_bytes();

/// ThreadSanitizer brings an allocator of its own and keeps shadow memory, so that neither figure means anything.
#ifdef __SANITIZE_THREAD__
inline constexpr bool kMemoryIsJudged = false;
#else
inline constexpr bool kMemoryIsJudged = true;
#endif
