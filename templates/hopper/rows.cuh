// What a consumer thread knows about its rows and columns, and the masks and scores of a tile in its registers.
//
// A thread of a warpgroup owns parts of two rows, r and r + 8, and of each the columns 8 j + 2 c + e with c = lane % 4, e = 0, 1. Element
// 4 j + 2 i + e of its scores is row i, column 8 j + 2 c + e. `k = 2 j + e` numbers a row's columns in the thread, 0 to N / 4 - 1.
#pragma once
#include "templates/hopper/produce.cuh"

namespace flexc::device {

/// The thread's first column of a tile: 2 c.
FLEXC_DEVICE i32 first_column() { return static_cast<i32>(lane_index() & 3) * 2; }

/// How many of the thread's columns, counted from key 0, lie below key `limit`.
FLEXC_DEVICE i32 own_columns_below(i32 limit, i32 first) {
  const i32 x = limit - first;
  const i32 rest = x & 7;
  return 2 * (x >> 3) + (rest < 2 ? rest : 2);
}

/// By what the exponential's fused operation may multiply elements. A factor that is 0 or NaN, or turns the order round, it leaves to the elements. An
/// infinite one makes the same infinities and NaN here as there.
template <class Hooks>
FLEXC_DEVICE float ordered_factor(const typename Hooks::Params& params) {
  const float factor = Hooks::logit2_factor(params);
  return factor > 0.0f ? factor : 1.0f;
}

/// Opaque, in the thread's own registers: a tile's position is then one multiply-add of the thread, in place of three uniform instructions and a sum.
template <class Position>
FLEXC_DEVICE Position opaque_position(Position position) {
  const u64 bits = static_cast<u64>(static_cast<i64>(position));
  return static_cast<Position>(static_cast<u64>(opaque(static_cast<u32>(bits >> 32))) << 32 | opaque(static_cast<u32>(bits)));
}

/// A thread's rows within an item.
template <class Config, class Hooks>
struct Rows {
  using Position = typename Hooks::Position;
  /// The limits that a row has: the end of its first interval; where there are such, its beginning, and both of the second interval.
  static constexpr u32 kEnd0 = 0, kBegin0 = kBandBegins<Hooks> ? 1 : 0, kEnd1 = kBegin0 + 1, kBegin1 = kBegin0 + 2;
  static constexpr u32 kLimits = kBegin0 + (kTwoIntervals<Hooks> ? 3 : 1);
  typename Hooks::Row side[2];
  i32 limits[2][kLimits];  // own_columns_below them: row 0's end as a number of columns, all others as differences to it
  float factor;  // what elements are multiplied with on their way to the exponential, where a launch brings it (LogitFactor)
  u32 difference;  // of the thread's first row and the tile's first column: its entry of the table of differences

  Position part;  // position of the first key that tiles are counted from: of key 0, but with kCountsFromPart

  /// Position of a tile's first key.
  FLEXC_DEVICE Position base_of(i32 tile) const {
    return static_cast<Position>(part + static_cast<Position>(tile) * static_cast<Position>(Config::kN));
  }

  /// `row` is the thread's first row in the sequence of this call, `row_of_item` in the item. Rows beyond the end repeat the last one; they are never stored.
  /// `first_key`: of the part.
  FLEXC_DEVICE void begin(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, const Coordinates& at, i32 row, u32 row_of_item, i32 first_key) {
    difference = row_of_item + Config::kN - 1;
    // In a register: it would be chosen and copied for each tile. As a value that is the same in all lanes the compiler would know it again.
    if constexpr (kLogitFactor<Hooks> == LogitFactor::kLaunch) factor = float_of(opaque(bits_of(ordered_factor<Hooks>(params)) | (lane_index() & arguments.zero)));
    part = static_cast<Position>(kCountsFromPart<Hooks> ? arguments.kv_offset + first_key : arguments.kv_offset);
    if constexpr (Hooks::kScoreClass != ScoreClass::kIdentity) part = opaque_position(part);
    const auto head = Hooks::head(params, at.batch, at.head);
    const i32 first = first_column();
    FLEXC_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      const i32 own = row + static_cast<i32>(8 * i) < arguments.q_len ? row + static_cast<i32>(8 * i) : arguments.q_len - 1;
      side[i] = Hooks::q_side(params, head, static_cast<Position>(arguments.q_offset + own));
      ColumnLimits columns = limits_of_row<Hooks>(arguments, params, side[i]);
      if constexpr (kCountsFromPart<Hooks>) columns.hi0 -= first_key;
      limits[i][kEnd0] = own_columns_below(columns.hi0, first);
      if constexpr (kBandBegins<Hooks>) limits[i][kBegin0] = own_columns_below(columns.lo0, first);
      if constexpr (kTwoIntervals<Hooks>) {
        limits[i][kEnd1] = own_columns_below(columns.hi1, first);
        limits[i][kBegin1] = own_columns_below(columns.lo1, first);
      }
    }
    // Opaque, or the compiler would compute them again for each masked tile.
    const i32 origin = limits[0][kEnd0];
    FLEXC_UNROLL
    for (u32 k = 0; k < 2 * kLimits; ++k) {
      i32& limit = limits[k / kLimits][k % kLimits];
      limit = static_cast<i32>(opaque(static_cast<u32>(k == 0 ? origin : limit - origin)));
    }
  }
};

/// The thread's keep bits of row kRow by its band, for a word of 32 columns. `origin` is row 0's end, counted from the word's first column.
template <u32 kRow, class Config, class Hooks>
FLEXC_DEVICE u32 band_bits(const Rows<Config, Hooks>& rows, i32 origin) {
  using R = Rows<Config, Hooks>;
  const auto below = [&](Site site, u32 limit) {
    const i32 count = kRow + limit == 0 ? origin : origin + rows.limits[kRow][limit];
    return low_bits(site, static_cast<u32>(count > 0 ? count : 0));
  };
  u32 keep = below(SITE(limit_hi0), R::kEnd0);
  if constexpr (kBandBegins<Hooks>) keep &= ~below(SITE(limit_lo0), R::kBegin0);
  if constexpr (kTwoIntervals<Hooks>) keep |= below(SITE(limit_hi1), R::kEnd1) & ~below(SITE(limit_lo1), R::kBegin1);
  return keep;
}

/// The same by `Hooks::keep`, for `columns` columns from the tile's word `word` on.
template <class Config, class Hooks>
FLEXC_DEVICE u32 pair_bits(const typename Hooks::Params& params, const typename Hooks::Row& row, typename Hooks::Position base, u32 word, u32 columns,
                           const SharedTable<Config>& table) {
  using Position = typename Hooks::Position;
  const i32 first = first_column() + static_cast<i32>(word * 64) * 2;
  const auto column_of = [first](int k) { return first + 8 * (k >> 1) + (k & 1); };
  // Four columns a turn: all 32 at once would take more registers than a large mask leaves.
  constexpr u32 kTurn = 4;
  u32 asked = 0;
  FLEXC_NO_UNROLL
  for (u32 turn = 0; turn < columns; turn += kTurn) {
    u32 bits = 0;
    FLEXC_UNROLL
    for (u32 k = 0; k < kTurn; ++k) {
      const int column = column_of(static_cast<int>(turn + k));
      bits |= static_cast<u32>(Hooks::keep(params, row, static_cast<Position>(base + column), table, column)) << k;
    }
    asked |= bits << turn;
  }
  return asked;
}

/// Sets the scores of removed pairs of a tile to -inf. 32 columns of a row are one word of keep bits.
template <class Config, class Hooks>
FLEXC_DEVICE void mask_tile(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, const Rows<Config, Hooks>& rows, i32 tile,
                            const SharedTable<Config>& table, float (&scores)[Config::kScores]) {
  using Position = typename Hooks::Position;
  constexpr u32 kColumns = Config::kN / 4;  // a row's in this thread
  const i32 origin = rows.limits[0][0] - tile * static_cast<i32>(kColumns);
  FLEXC_UNROLL
  for (u32 word = 0; word * 32 < kColumns; ++word) {
    const u32 columns = kColumns - word * 32 < 32 ? kColumns - word * 32 : 32;
    const i32 from = origin - static_cast<i32>(word * 32);
    u32 keep[2] = {band_bits<0>(rows, from), band_bits<1>(rows, from)};
    if constexpr (Hooks::kHasMask) {
      const Position base = static_cast<Position>(arguments.kv_offset + tile * static_cast<i32>(Config::kN));
      FLEXC_UNROLL
      for (u32 i = 0; i < 2; ++i) keep[i] &= pair_bits<Config, Hooks>(params, rows.side[i], base, word, columns, table);
    }
    FLEXC_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      FLEXC_UNROLL
      for (u32 k = 0; k < columns; ++k) {
        float& score = scores[4 * ((word * 32 + k) / 2) + 2 * i + k % 2];
        score = kept_score(keep[i], k, score);
      }
    }
  }
}

/// How a tile's elements become log2-domain logits: logit2 = x * factor + row for each of the thread's two rows. `row` is the thread's own.
struct Logits {
  float factor[2], row[2];
};

/// The tables of a tile, for one row. `first` is the address of the row's entry of the tile's first column: differences fall as columns rise.
template <class Config>
struct RowTables : SharedTable<Config> {
  u32 first;
  FLEXC_DEVICE u32 relative(int word, int column) const {
    return shared_load(SITE(read_difference), first + (static_cast<u32>(word) * (Config::kDifferences + 1) - static_cast<u32>(column)) * 4);
  }
};

/// The same with the differences' words of the pair in registers.
template <class Config, class Hooks>
struct PairTables : SharedTable<Config> {
  const u32 (&words)[kRelativeWords<Hooks>];
  FLEXC_DEVICE u32 relative(int word, int) const { return words[word]; }
};

/// What becomes of a pair's product: its logit, or what a factor still has to be multiplied with (LogitFactor).
template <class Hooks, class Table>
FLEXC_DEVICE float element_of(const typename Hooks::Params& params, const typename Hooks::Row& row, typename Hooks::Position kv, const Table& table, i32 column, float score) {
  if constexpr (kLogitFactor<Hooks> != LogitFactor::kNone) return Hooks::logit2_element(params, row, kv, table, column, score);
  else return Hooks::logit2(params, row, kv, table, column, score);
}

/// General scores that read a table of differences. The pair of the second row, 8 further down, has the difference of the first row's pair 8 columns before:
/// so a load serves two pairs. Neighbouring rows and columns lie at neighbouring entries, so a warp's loads have no bank conflicts.
template <class Config, class Hooks>
FLEXC_DEVICE void modify_scores_by_difference(const typename Hooks::Params& params, const Rows<Config, Hooks>& rows, typename Hooks::Position base,
                                              const SharedTable<Config>& table, float (&scores)[Config::kScores]) {
  using Position = typename Hooks::Position;
  constexpr int kWords = kRelativeWords<Hooks>;
  const i32 first = first_column();
  // Of the thread's own first column: what is added to it is known at compile time, and stands in the load.
  const RowTables<Config> tables{table, table.address + Config::kColumnBytes + (rows.difference - static_cast<u32>(first)) * 4};
  u32 words[2][2][kWords];  // of the last two groups of 8 columns: [parity][column][word]
  const auto load = [&](u32 parity, i32 column) {
    FLEXC_UNROLL
    for (u32 e = 0; e < 2; ++e) {
      FLEXC_UNROLL
      for (int word = 0; word < kWords; ++word) words[parity][e][word] = tables.relative(word, column + static_cast<i32>(e));
    }
  };
  load(1, -8);
  FLEXC_UNROLL
  for (u32 group = 0; group < Config::kN / 8; ++group) {
    load(group % 2, static_cast<i32>(8 * group));
    FLEXC_UNROLL
    for (u32 e = 0; e < 4; ++e) {
      const i32 column = first + static_cast<i32>(8 * group + e % 2);
      const PairTables<Config, Hooks> pair{table, words[(group + e / 2) % 2][e % 2]};
      float& score = scores[4 * group + e];
      score = element_of<Hooks>(params, rows.side[e / 2], static_cast<Position>(base + column), pair, column, score);
    }
  }
}

/// General scores: each element becomes its modified score, without the factor.
template <class Config, class Hooks>
FLEXC_DEVICE void modify_scores(const typename Hooks::Params& params, const Rows<Config, Hooks>& rows, typename Hooks::Position base,
                                const SharedTable<Config>& table, float (&scores)[Config::kScores]) {
  using Position = typename Hooks::Position;
  const i32 first = first_column();
  FLEXC_UNROLL
  for (u32 k = 0; k < Config::kN / 4; ++k) {
    const i32 column = first + static_cast<i32>(8 * (k / 2) + k % 2);
    FLEXC_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      float& score = scores[4 * (k / 2) + 2 * i + k % 2];
      score = element_of<Hooks>(params, rows.side[i], static_cast<Position>(base + column), table, column, score);
    }
  }
}

/// The same as a loop over the tile's groups of 8 columns, for what is rare or long: unrolled, it would be a fifth of the kernel's code, or take more
/// registers than there are. Registers have no index, so the scores move on by a group each turn; in the end each is back in its place.
template <class Config, class Hooks>
FLEXC_DEVICE void modify_scores_in_turn(const typename Hooks::Params& params, const Rows<Config, Hooks>& rows, typename Hooks::Position base,
                                        const SharedTable<Config>& table, float (&scores)[Config::kScores]) {
  using Position = typename Hooks::Position;
  constexpr u32 kGroup = 4;  // of both rows
  const RowTables<Config> tables{table, table.address + Config::kColumnBytes + rows.difference * 4};
  FLEXC_NO_UNROLL
  for (u32 group = 0; group < Config::kScores / kGroup; ++group) {
    float modified[kGroup];
    FLEXC_UNROLL
    for (u32 e = 0; e < kGroup; ++e) {
      const i32 column = first_column() + static_cast<i32>(8 * group + e % 2);
      const RowTables<Config> row_tables{table, tables.first + e / 2 * 32};
      modified[e] = element_of<Hooks>(params, rows.side[e / 2], static_cast<Position>(base + column), row_tables, column, scores[e]);
    }
    FLEXC_UNROLL
    for (u32 index = 0; index + kGroup < Config::kScores; ++index) scores[index] = scores[index + kGroup];
    FLEXC_UNROLL
    for (u32 e = 0; e < kGroup; ++e) scores[Config::kScores - kGroup + e] = modified[e];
  }
}

/// The score stage of a tile, by class. The elements change in place; what is the same for a row comes back.
template <class Config, class Hooks>
FLEXC_DEVICE Logits score_tile(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, const Rows<Config, Hooks>& rows,
                               i32 tile, const SharedTable<Config>& table, float (&scores)[Config::kScores]) {
  using Position = typename Hooks::Position;
  if constexpr (Hooks::kScoreClass == ScoreClass::kIdentity) {
    return {{arguments.scale_log2, arguments.scale_log2}, {0.0f, 0.0f}};
  } else {
    const Position base = rows.base_of(tile);
    if constexpr (Hooks::kScoreClass == ScoreClass::kAffine) {
      // acc * factor + row + slope * i = (acc + slope / factor * i) * factor + row, with i known at compile time: one fused operation an element.
      Logits logits;
      float ratio[2];
      bool fits = true;
      FLEXC_UNROLL
      for (u32 i = 0; i < 2; ++i) {
        const Affine affine = Hooks::affine(params, rows.side[i], static_cast<Position>(base + first_column()), Position(1));
        logits.factor[i] = affine.factor, logits.row[i] = affine.row;
        ratio[i] = affine.slope * rcp_approx(affine.factor);
        // Comparisons with infinity are false for NaN, so this asks for finite numbers and a positive factor.
        constexpr float kLimit = 1e30f;
        fits = fits && affine.factor > 1.0f / kLimit && affine.factor < kLimit && affine.row > -kLimit && affine.row < kLimit && ratio[i] > -kLimit &&
               ratio[i] < kLimit;
      }
      if (!warp_any(SITE(affine_vote), !fits)) {
        FLEXC_UNROLL
        for (u32 index = 0; index < Config::kScores; ++index) {
          const u32 i = index / 2 % 2;
          scores[index] = fma_rn(ratio[i], static_cast<float>(8 * (index / 4) + index % 2), scores[index]);
        }
        return logits;
      }
    }
    if constexpr (Hooks::kScoreClass == ScoreClass::kAffine || kScoreIsLong<Hooks>) {
      modify_scores_in_turn<Config, Hooks>(params, rows, base, table, scores);
    } else if constexpr (Config::kRelativeWords > 0) {
      modify_scores_by_difference<Config, Hooks>(params, rows, base, table, scores);
    } else {
      modify_scores<Config, Hooks>(params, rows, base, table, scores);
    }
    if constexpr (kLogitFactor<Hooks> != LogitFactor::kNone) {
      const float own = Hooks::logit2_factor(params);
      if (!(own > 0.0f)) {  // rare
        FLEXC_UNROLL
        for (float& score : scores) score *= own;
      }
      const float factor = kLogitFactor<Hooks> == LogitFactor::kLaunch ? rows.factor : ordered_factor<Hooks>(params);
      return {{factor, factor}, {0.0f, 0.0f}};
    }
    return {{1.0f, 1.0f}, {0.0f, 0.0f}};
  }
}

}  // namespace flexc::device
