// What the host's summaries of captures and the kernel's reading of them have in common: their shape, and how an index range meets a capture.
#pragma once

#include "templates/tile/interval.h"

namespace flexc::tile::summaries {

inline constexpr Int kRun = 64;                      ///< elements of a line of which the least and the greatest are stored
inline constexpr int kCellBits = 4, kMostCells = 6;  ///< a pyramid's lowest cells are 16 x 16; a question reads at most 6 x 6 cells of a level

/// The parts of an index range that lie in [0, n): as they are, and counted from the end; and whether some lie outside.
struct IndexParts {
  IntRange parts[2];
  int count = 0;
  bool outside = false;
};

inline IndexParts split_index(IntRange index, Int n) {
  IndexParts result;
  const IntRange direct{std::max<Int>(index.lo, 0), std::min(index.hi, n - 1)}, wrapped{std::max(index.lo, -n), std::min<Int>(index.hi, -1)};
  if (direct.lo <= direct.hi) result.parts[result.count++] = direct;
  if (wrapped.lo <= wrapped.hi && !sabotaged(Sabotage::GatherForgetsWrap)) result.parts[result.count++] = {wrapped.lo + n, wrapped.hi + n};
  result.outside = index.lo < -n || index.hi >= n || n == 0;
  if (sabotaged(Sabotage::GatherForgetsOutside) && result.count > 0) result.outside = false;
  return result;
}

/// The hull of what was merged so far and of `b`; `any` says whether there was something.
template <class Range>
Range merge(bool& any, Range a, Range b) {
  if (!any) a = b;
  else a = hull(a, b);
  any = true;
  return a;
}

}  // namespace flexc::tile::summaries
