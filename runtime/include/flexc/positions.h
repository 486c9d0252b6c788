// PositionMap: which positions of the sequence the rows, or the keys, of a call have.
#pragma once

#include <cstdint>

namespace flexc {

/// Row (key) i is at position offset + step·i. A part of a sequence that begins somewhere has an offset; a striped shard, as ring attention cuts
/// them (rank r of W has the positions r, r + W, r + 2·W, …), has the offset r and the step W.
struct PositionMap {
  std::int64_t offset = 0;
  std::int64_t step = 1;  ///< at least 1
  bool operator==(const PositionMap&) const = default;

  /// Of row i. Wraps beyond 64 bits, where checked calls have no rows.
  constexpr std::int64_t at(std::int64_t i) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(i));
  }
  /// How many of the rows 0 … length − 1 are at positions below this one: rows ascend, so it is the first one that is not.
  constexpr std::int64_t rows_below(std::int64_t position, std::int64_t length) const {
    if (position <= offset) return 0;
    // Less than 2^64, whatever the two are.
    const std::uint64_t beyond = static_cast<std::uint64_t>(position) - static_cast<std::uint64_t>(offset) - 1, most = static_cast<std::uint64_t>(length);
    // Nothing is divided where rows are neighbours. In two statements: of one with a choice GCC makes a division by 1.
    if (step == 1) return beyond < most ? static_cast<std::int64_t>(beyond + 1) : length;
    const std::uint64_t row = beyond / static_cast<std::uint64_t>(step);
    return row < most ? static_cast<std::int64_t>(row + 1) : length;
  }
  /// Whether `length` rows' positions, and the one behind the last, are 64-bit integers; `end` is then that one behind (offset without rows).
  constexpr bool fits(std::int64_t length, std::int64_t* end) const {
    *end = offset;
    if (length <= 0) return true;
    // Where the offset is negative the last row may be further from it than the largest integer.
    std::uint64_t distance = 0;
    return !__builtin_mul_overflow(static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(length - 1), &distance) &&
           !__builtin_add_overflow(offset, distance, end) && !__builtin_add_overflow(*end, 1, end);
  }
  /// The same positions with the step 1 where there are no two of them to show another.
  constexpr PositionMap of_length(std::int64_t length) const { return {offset, length > 1 ? step : 1}; }
};

}  // namespace flexc
