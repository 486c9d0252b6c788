// The keep bits of a segment as a kernel gets them: the row's band, and within it the residual.
#pragma once

#include <algorithm>
#include <cstdint>

#include "templates/cpu/row_segment.h"

namespace flexc {

/// Bit i % 64 of keep[i / 64]: whether column i is kept; 0 from `count` to the end of the last word.
inline void keep_row(const flexc_row_module& module, const flexc_row_launch& launch, const flexc_row_levels& levels, const flexc_row_segment& segment,
                     std::uint64_t* keep) {
  if (module.mask_row) {
    module.mask_row(&launch, &levels, &segment, keep);
  } else {
    std::fill(keep, keep + (segment.count + 63) / 64, 0);
    for (std::int64_t i = 0; i < segment.count; ++i) keep[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  if (!module.band_row) return;
  flexc_row_band band;
  module.band_row(&launch, levels.head, levels.q_side, segment.b, segment.h, segment.q, &band);
  for (std::int64_t i = 0; i < segment.count; ++i) {
    const std::int64_t kv = segment.kv_base + segment.kv_step * i;
    const bool inside = (band.lo0 <= kv && kv < band.hi0) || (band.lo1 <= kv && kv < band.hi1);
    if (!inside) keep[i / 64] &= ~(std::uint64_t{1} << (i % 64));
  }
}

}  // namespace flexc
