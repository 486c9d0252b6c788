// What a mask key promises: of two rows of one (b, h) with the same key mask_row gives the same bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "templates/cpu/row_segment.h"

namespace flexc {

/// Rows that were found to have the key of another one, and the first of them whose bits are others, if there is one.
struct LikeRows {
  std::int64_t count = 0;
  std::optional<std::int64_t> wrong;
};

/// Compares the segment's row with rows `first` to `end` - 1, in the segment's columns, by the levels of these.
inline LikeRows compare_like_rows(const flexc_row_module& module, const flexc_row_launch& launch, const flexc_row_levels& levels, const flexc_row_segment& segment, std::int64_t first,
                                  std::int64_t end) {
  LikeRows result;
  if (!module.mask_row || !module.mask_key) return result;
  const auto key_of = [&](std::int64_t q) {
    std::int64_t key = 0;
    module.mask_key(&launch, levels.head, levels.q_side, segment.b, segment.h, q, &key);
    return key;
  };
  const auto words = static_cast<std::size_t>((segment.count + 63) / 64);
  std::vector<std::uint64_t> bits(words), others(words);
  module.mask_row(&launch, &levels, &segment, bits.data());
  for (std::int64_t q = first; q < end && !result.wrong; ++q) {
    if (q == segment.q || key_of(q) != key_of(segment.q)) continue;
    flexc_row_segment other = segment;
    other.q = q;
    module.mask_row(&launch, &levels, &other, others.data());
    ++result.count;
    if (bits != others) result.wrong = q;
  }
  return result;
}

}  // namespace flexc
