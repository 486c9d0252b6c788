// A built mask as bytes, for the cache on disk. Entries carry a digest of their own; what is read here is checked all the same, since
// a kernel walks runs without looking.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "flexc/block_mask.h"
#include "runtime/tile/classify.h"

namespace flexc::runtime {

/// A mask, and what its building told.
struct BuiltMask {
  BlockMask mask;
  tile::ClassifyReport report;
};

std::vector<std::byte> mask_bytes(const BuiltMask& built);

/// Nothing where the bytes are no mask for `frame`, whose batches and heads are the call's: other lengths, offsets or blocks, rows out
/// of order, runs that overlap, touch without need or leave the row.
std::optional<BuiltMask> mask_of_bytes(std::span<const std::byte> bytes, const BlockMask& frame);

}  // namespace flexc::runtime
