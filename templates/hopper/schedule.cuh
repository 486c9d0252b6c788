// Which work a CTA does: items (a tile of query rows of one head) and, of each, the tiles of keys to visit.
#pragma once
#include "templates/hopper/control.cuh"
#include "templates/hopper/launch.h"

namespace flexc::device {

FLEXC_DEVICE u32 divide(u32 numerator, const flexc_divisor& divisor) {
  return static_cast<u32>(static_cast<u64>(numerator) * divisor.magic >> divisor.shift);
}

/// A tile of query rows.
struct Coordinates {
  i32 batch, head, q_block;
};

/// Number of a tile of query rows -> coordinates (launch.h): groups of heads, in a group the q-blocks of all its heads, longest rows first.
FLEXC_DEVICE Coordinates coordinates_of(const flexc_hopper_arguments& arguments, u32 item) {
  const u32 group = divide(item, arguments.divide_by_group_items);
  const u32 in_group = item - group * arguments.divide_by_group_items.value;
  const u32 first = group * arguments.group_heads;
  const bool last = first + arguments.group_heads > static_cast<u32>(arguments.batch) * arguments.heads;
  const flexc_divisor& by_heads = last ? arguments.divide_by_last_heads : arguments.divide_by_group_heads;
  const u32 place = divide(in_group, by_heads);
  const u32 pair = first + in_group - place * by_heads.value;
  const u32 batch = divide(pair, arguments.divide_by_heads);
  const u32 q_block = arguments.descending ? arguments.q_blocks - 1 - place : place;
  return {static_cast<i32>(batch), static_cast<i32>(pair - batch * arguments.heads), static_cast<i32>(q_block)};
}

/// Whether a band may have a second interval: hooks that never do may say `kBandIntervals = 1`.
template <class...>
using Void = void;
template <class Hooks, class = void>
struct BandIntervals {
  static constexpr int kCount = 2;
};
template <class Hooks>
struct BandIntervals<Hooks, Void<decltype(Hooks::kBandIntervals)>> {
  static constexpr int kCount = Hooks::kBandIntervals;
};
/// Whether logit2 has loops (it reduces rows): hooks that never do may leave `kScoreIsLong` out.
template <class Hooks, class = void>
struct ScoreIsLong {
  static constexpr bool kValue = false;
};
template <class Hooks>
struct ScoreIsLong<Hooks, Void<decltype(Hooks::kScoreIsLong)>> {
  static constexpr bool kValue = Hooks::kScoreIsLong;
};
template <class Hooks>
inline constexpr bool kScoreIsLong = ScoreIsLong<Hooks>::kValue;
template <class Hooks>
inline constexpr bool kTwoIntervals = Hooks::kHasBand && BandIntervals<Hooks>::kCount > 1;

/// Whether a band's first interval may have a lower bound: hooks of which it never has one may say `kBandBegins = false`.
template <class Hooks, class = void>
struct BandBegins {
  static constexpr bool kValue = true;
};
template <class Hooks>
struct BandBegins<Hooks, Void<decltype(Hooks::kBandBegins)>> {
  static constexpr bool kValue = Hooks::kBandBegins;
};
template <class Hooks>
inline constexpr bool kBandBegins = Hooks::kHasBand && BandBegins<Hooks>::kValue;

/// Whether a member reads block masks: one that has to ask pairs. What a band says alone, it says without metadata.
template <class Hooks>
inline constexpr bool kReadsBlockMask = Hooks::kHasMask;

/// Members with neither band nor block mask count tiles, for their masks and scores, from the first of the item's part of the keys: no register, no instruction
/// of the main loop knows where that is.
template <class Hooks>
inline constexpr bool kCountsFromPart = !Hooks::kHasBand && !kReadsBlockMask<Hooks>;

/// The tiles of keys that an item visits, as numbers: [first0, first0 + count0), then from first1 on, `count` in all, at least one. Tiles ascend.
/// A tile in one of the two full ranges is kept whole by all rows; all others are masked. The first full range is of places in the item's own order, so that
/// a tile that needs no mask does without its number; the second is of tiles' numbers, which a masked tile would have to compute otherwise.
/// With a block mask only `count` and `first_run()` count.
struct TileRanges {
  i32 count, count0, first0, first1;
  i32 full0_begin, full0_end, full1_begin, full1_end;

  static constexpr i32 kNoRuns = -1;
  /// Of the item in the block mask; kNoRuns: the ranges say what is visited. For members that read block masks, which have no full ranges.
  FLEXC_DEVICE i32 first_run() const { return full0_begin; }

  template <class Hooks>
  FLEXC_DEVICE i32 tile(u32 t) const {
    if constexpr (!kTwoIntervals<Hooks>) return static_cast<i32>(t) + first0;
    return static_cast<i32>(t) + (static_cast<i32>(t) < count0 ? first0 : first1 - count0);
  }
  /// The same as the consumers count them.
  template <class Hooks>
  FLEXC_DEVICE i32 own_tile(u32 t) const {
    if constexpr (kCountsFromPart<Hooks>) return static_cast<i32>(t);
    return tile<Hooks>(t);
  }
  /// Whether the item's t-th tile is full.
  template <class Hooks>
  FLEXC_DEVICE bool full(u32 t) const {
    if constexpr (!kBandBegins<Hooks> && !kTwoIntervals<Hooks>) return static_cast<i32>(t) < full0_end;
    // One comparison an interval: below its beginning the difference is a large unsigned number.
    const bool in0 = t - static_cast<u32>(full0_begin) < static_cast<u32>(full0_end - full0_begin);
    if constexpr (!kTwoIntervals<Hooks>) return in0;
    return in0 | (static_cast<u32>(tile<Hooks>(t) - full1_begin) < static_cast<u32>(full1_end - full1_begin));
  }
};

/// The tiles of an item one after the other, as words: 2 * tile, + 1 where it needs no mask. A member that reads no block mask has nothing to remember.
template <class Hooks, bool kReads = kReadsBlockMask<Hooks>>
struct TileWalk {
  const TileRanges& ranges;
  FLEXC_DEVICE TileWalk(const flexc_hopper_arguments&, const TileRanges& of_item) : ranges(of_item) {}
  FLEXC_DEVICE i32 next(u32 t) const { return ranges.template tile<Hooks>(t) << 1; }
};

/// By runs. The run after the one in hand is read ahead of its need.
template <class Hooks>
struct TileWalk<Hooks, true> {
  const flexc_tile_run* run;  // the one ahead; null: the second range
  flexc_tile_run ahead;
  i32 tile, left, full;
  FLEXC_DEVICE TileWalk(const flexc_hopper_arguments& arguments, const TileRanges& ranges) : run(nullptr), tile(ranges.first0), left(ranges.count0), full(0) {
    ahead = {static_cast<u32>(ranges.first1), static_cast<u32>(ranges.count - ranges.count0) << 1};
    if (ranges.first_run() == TileRanges::kNoRuns) return;
    left = 0;
    run = arguments.mask_runs + ranges.first_run();
    ahead = *run;
  }
  FLEXC_DEVICE i32 next(u32) {
    if (left == 0) {
      tile = static_cast<i32>(ahead.first), left = static_cast<i32>(ahead.count_and_full >> 1), full = static_cast<i32>(ahead.count_and_full & 1);
      if (run != nullptr) ahead = *++run;
    }
    --left;
    return tile++ << 1 | full;
  }
};

/// A row's kept columns as numbers of this call's keys: the band's positions less the offset, cut to [0, kv_len].
struct ColumnLimits {
  i32 lo0, hi0, lo1, hi1;
};

template <unsigned kBytes>
struct UnsignedOf {
  using Type = u32;
};
template <>
struct UnsignedOf<8> {
  using Type = u64;
};

/// The difference is taken without a sign: offsets may be negative, and a band's end the largest number.
template <class Position>
FLEXC_DEVICE i32 column_of(Position position, Position offset, i32 kv_len) {
  using Unsigned = typename UnsignedOf<sizeof(Position)>::Type;
  if (position <= offset) return 0;
  const Unsigned column = static_cast<Unsigned>(position) - static_cast<Unsigned>(offset);
  return column >= static_cast<Unsigned>(kv_len) ? kv_len : static_cast<i32>(column);
}

template <class Hooks>
FLEXC_DEVICE ColumnLimits limits_of_row(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params,
                                        const typename Hooks::Row& row) {
  if constexpr (!Hooks::kHasBand) {
    return {0, arguments.kv_len, 0, 0};
  } else {
    using Position = typename Hooks::Position;
    const auto band = Hooks::band(params, row);
    const Position offset = static_cast<Position>(arguments.kv_offset);
    return {kBandBegins<Hooks> ? column_of<Position>(band.lo0, offset, arguments.kv_len) : 0, column_of<Position>(band.hi0, offset, arguments.kv_len),
            column_of<Position>(band.lo1, offset, arguments.kv_len), column_of<Position>(band.hi1, offset, arguments.kv_len)};
  }
}

/// The same columns, with an empty first interval only where both are. So the first ones of many rows together begin where the rows do: one row's second may lie
/// before all the others' first, and its own first be empty, or outside of this call's keys.
FLEXC_DEVICE ColumnLimits first_interval_first(const ColumnLimits& limits) {
  return limits.lo0 < limits.hi0 ? limits : ColumnLimits{limits.lo1, limits.hi1, 0, 0};
}

/// The part of a range of tiles that lies in [begin, end).
FLEXC_DEVICE void clip(i32 begin, i32 end, i32& first, i32& count) {
  const i32 stop = first + count < end ? first + count : end;
  first = first > begin ? first : begin;
  count = stop > first ? stop - first : 0;
}

/// The tiles that part `split` of an item visits, by one warp together: the union of its rows' limits says what is visited, their intersection what is full.
template <class Config, class Hooks>
FLEXC_DEVICE TileRanges tile_ranges(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, const Coordinates& at, u32 split) {
  constexpr i32 kN = Config::kN;
  const i32 kv_len = arguments.kv_len;
  if constexpr (kReadsBlockMask<Hooks>) {
    if (arguments.mask_rows != nullptr) {
      const flexc_tile_row row = arguments.mask_rows[static_cast<u32>(at.batch) * arguments.mask_batch_rows + static_cast<u32>(at.head) * arguments.mask_head_rows +
                                                     static_cast<u32>(at.q_block) * arguments.splits + split];
      return {static_cast<i32>(row.tiles), 0, 0, 0, static_cast<i32>(row.first_run), 0, 0, 0};
    }
  }
  const i32 part = static_cast<i32>(split * arguments.split_tiles), part_end = part + static_cast<i32>(arguments.split_tiles);
  if constexpr (!Hooks::kHasBand) {
    i32 first = 0, tiles = (kv_len + kN - 1) / kN;
    clip(part, part_end, first, tiles);
    return {tiles > 0 ? tiles : 1, tiles > 0 ? tiles : 1, first, 0, Hooks::kHasMask ? TileRanges::kNoRuns : 0, kv_len / kN - first, 0, 0};
  } else {
    using Position = typename Hooks::Position;
    const auto head = Hooks::head(params, at.batch, at.head);
    // Empty intervals leave the union as it is and make the intersection empty.
    i32 least_lo0 = kv_len, most_hi0 = 0, most_lo0 = 0, least_hi0 = kv_len;
    i32 least_lo1 = kv_len, most_hi1 = 0, most_lo1 = 0, least_hi1 = kv_len;
    FLEXC_NO_UNROLL
    for (u32 first = 0; first < Config::kM; first += 32) {
      i32 row = at.q_block * static_cast<i32>(Config::kM) + static_cast<i32>(first + lane_index());
      row = row < arguments.q_len ? row : arguments.q_len - 1;
      const auto side = Hooks::q_side(params, head, static_cast<Position>(arguments.q_offset + row));
      ColumnLimits limits = limits_of_row<Hooks>(arguments, params, side);
      if constexpr (kTwoIntervals<Hooks>) limits = first_interval_first(limits);
      if (limits.lo0 < limits.hi0) {
        least_lo0 = limits.lo0 < least_lo0 ? limits.lo0 : least_lo0;
        most_hi0 = limits.hi0 > most_hi0 ? limits.hi0 : most_hi0;
      }
      if (kTwoIntervals<Hooks> && limits.lo1 < limits.hi1) {
        least_lo1 = limits.lo1 < least_lo1 ? limits.lo1 : least_lo1;
        most_hi1 = limits.hi1 > most_hi1 ? limits.hi1 : most_hi1;
      }
      most_lo0 = limits.lo0 > most_lo0 ? limits.lo0 : most_lo0;
      least_hi0 = limits.hi0 < least_hi0 ? limits.hi0 : least_hi0;
      most_lo1 = limits.lo1 > most_lo1 ? limits.lo1 : most_lo1;
      least_hi1 = limits.hi1 < least_hi1 ? limits.hi1 : least_hi1;
    }
    least_lo0 = warp_minimum(SITE(union_lo0), least_lo0), most_hi0 = warp_maximum(SITE(union_hi0), most_hi0);
    most_lo0 = warp_maximum(SITE(inner_lo0), most_lo0), least_hi0 = warp_minimum(SITE(inner_hi0), least_hi0);
    if constexpr (kTwoIntervals<Hooks>) {
      least_lo1 = warp_minimum(SITE(union_lo1), least_lo1), most_hi1 = warp_maximum(SITE(union_hi1), most_hi1);
      most_lo1 = warp_maximum(SITE(inner_lo1), most_lo1), least_hi1 = warp_minimum(SITE(inner_hi1), least_hi1);
    }

    TileRanges ranges;
    ranges.first0 = least_lo0 / kN;
    ranges.count0 = most_hi0 > least_lo0 ? (most_hi0 + kN - 1) / kN - ranges.first0 : 0;
    const i32 end0 = ranges.first0 + ranges.count0;
    const bool is_first = ranges.count0 > 0;
    clip(part, part_end, ranges.first0, ranges.count0);
    ranges.count = ranges.count0;
    ranges.first1 = ranges.full1_begin = ranges.full1_end = 0;
    ranges.full0_begin = (most_lo0 + kN - 1) / kN - ranges.first0, ranges.full0_end = least_hi0 / kN - ranges.first0;
    if constexpr (kBandBegins<Hooks>) {
      ranges.full0_begin = ranges.full0_begin > 0 ? ranges.full0_begin : 0;
      ranges.full0_end = ranges.full0_end > ranges.full0_begin ? ranges.full0_end : ranges.full0_begin;
    }
    if constexpr (kTwoIntervals<Hooks>) {
      // The second range starts where the first ends if they meet; where there is no first, it is the only one.
      const bool second = most_hi1 > least_lo1;
      const i32 begin1 = second ? least_lo1 / kN : 0, end1 = second ? (most_hi1 + kN - 1) / kN : 0;
      ranges.first1 = is_first && begin1 < end0 ? end0 : begin1;
      i32 count1 = end1 > ranges.first1 ? end1 - ranges.first1 : 0;
      clip(part, part_end, ranges.first1, count1);
      ranges.count += count1;
      const auto not_before = [](i32 end, i32 begin) { return end > begin ? end : begin; };
      ranges.full0_end = not_before(ranges.full0_end < ranges.count0 ? ranges.full0_end : ranges.count0, ranges.full0_begin);
      ranges.full1_begin = (most_lo1 + kN - 1) / kN, ranges.full1_end = not_before(least_hi1 / kN, ranges.full1_begin);
    }
    // Nothing is kept: one masked tile, so that there is always one.
    if (ranges.count == 0) ranges.count = ranges.count0 = 1, ranges.first0 = part, ranges.full0_begin = ranges.full0_end = ranges.full1_begin = ranges.full1_end = 0;
    if constexpr (Hooks::kHasMask) ranges.full0_begin = TileRanges::kNoRuns, ranges.full0_end = 0;  // a pair's own mask leaves no tile known to be full
    return ranges;
  }
}

// An item as the producer hands it over, in words of shared memory.
inline constexpr u32 kNoMoreItems = 0xffffffffu;
struct Item {
  u32 number;  // kNoMoreItems: the CTA is done
  Coordinates at;
  TileRanges ranges;
};

FLEXC_DEVICE void write_item(Barriers barriers, const Item& item) {
  const u32 words[12] = {item.number,
                         static_cast<u32>(item.at.batch),
                         static_cast<u32>(item.at.head),
                         static_cast<u32>(item.at.q_block),
                         static_cast<u32>(item.ranges.count),
                         static_cast<u32>(item.ranges.count0),
                         static_cast<u32>(item.ranges.first0),
                         static_cast<u32>(item.ranges.first1),
                         static_cast<u32>(item.ranges.full0_begin),
                         static_cast<u32>(item.ranges.full0_end),
                         static_cast<u32>(item.ranges.full1_begin),
                         static_cast<u32>(item.ranges.full1_end)};
  FLEXC_UNROLL
  for (u32 i = 0; i < 12; ++i) shared_store(SITE(write_item), barriers.item(i), words[i]);
}

/// Read by a whole warp, after q_full's phase; the shuffles tell the compiler that the words are the same in all lanes.
FLEXC_DEVICE Item read_item(Barriers barriers) {
  i32 words[12];
  FLEXC_UNROLL
  for (u32 i = 0; i < 12; ++i) {
    words[i] = static_cast<i32>(shuffle_index(SITE(share_item), shared_load(SITE(read_item), barriers.item(i)), 0));
  }
  warp_sync(SITE(item_read));  // one lane lets go of the item for all
  return {
      static_cast<u32>(words[0]), {words[1], words[2], words[3]}, {words[4], words[5], words[6], words[7], words[8], words[9], words[10], words[11]}};
}

}  // namespace flexc::device
