// Which columns of a tile a group of rows keeps, as bits: by the bands and the block mask where there are any, then by mask_row where they leave something open.
// By vectors: one word after the other, a causal head of 512 positions took 3 % longer. Included once for each instruction set.
#if defined(FLEXC_CPU_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_COLUMNS_INL_H_
#undef FLEXC_CPU_COLUMNS_INL_H_
#else
#define FLEXC_CPU_COLUMNS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "templates/cpu/mods.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A row's columns by vectors: words of 64, each four panels.
using Words = hn::CappedTag<std::uint64_t, kKeepWords>;
inline constexpr int kWordsTogether = static_cast<int>(hn::MaxLanes(Words()));

/// Of columns `first` on, 64 a word, those below `end`.
HWY_INLINE hn::Vec<Words> columns_below(std::int64_t end, std::int64_t first) {
  const Words d;
  const hn::RebindToSigned<Words> di;
  const auto left = hn::Sub(hn::Set(di, end - first), hn::ShiftLeft<6>(hn::Iota(di, 0)));
  const auto shift = hn::Sub(hn::Set(di, 64), hn::Min(hn::Max(left, hn::Set(di, 1)), hn::Set(di, 64)));
  const auto ones = hn::Shr(hn::Set(d, ~std::uint64_t{0}), hn::BitCast(d, shift));
  return hn::IfThenElseZero(hn::RebindMask(d, hn::Gt(left, hn::Zero(di))), ones);
}

/// The bits of a row's band in the tile of `count` columns that starts at `column`.
inline void keep_band(const RowColumns& row, std::int64_t column, std::int64_t count, KeepWords& keep) {
  const Words d;
  const auto in_tile = [&](std::int64_t at) { return std::clamp(at - column, std::int64_t{0}, count); };
  for (int word = 0; word < static_cast<int>(kKeepWords); word += kWordsTogether) {
    auto bits = hn::Zero(d);
    for (const ColumnRange& part : row.parts) {
      if (part.empty()) continue;
      const auto below = columns_below(in_tile(part.end), word * 64);
      bits = hn::Or(bits, part.first <= column ? below : hn::AndNot(columns_below(in_tile(part.first), word * 64), below));
    }
    hn::StoreU(bits, d, keep.data() + word);
  }
}

/// The panels of `words` of which some column is set.
HWY_INLINE PanelSet panels_with_some(const KeepWords& words) {
  PanelSet set = 0;
  for (int word = 0; word < static_cast<int>(kKeepWords); word += kWordsTogether) {
    const auto part = hn::LoadU(Words(), words.data() + word);
    PanelSet some = 0;
#if HWY_TARGET == HWY_SCALAR
    // A carry into a panel's highest bit where some other one is set; then those four bits side by side.
    constexpr std::uint64_t kLow = 0x7FFF7FFF7FFF7FFF, kHigh = 0x8000800080008000;
    const std::uint64_t bits = hn::GetLane(part);
    some = static_cast<PanelSet>((((((bits & kLow) + kLow) | bits) & kHigh) >> 15) * 0x0001000200040008 >> 48 & 0xF);
#else
    const hn::Repartition<std::uint16_t, Words> panels;
    std::uint8_t bits[8] = {};
    hn::StoreMaskBits(panels, hn::Ne(hn::BitCast(panels, part), hn::Zero(panels)), bits);
    std::memcpy(&some, bits, sizeof some);
#endif
    set |= some << (word * kPanelsPerWord);
  }
  return set;
}

/// All columns of the panels in `panels`.
HWY_INLINE KeepWords columns_of(PanelSet panels) {
  KeepWords words;
  for (int word = 0; word < static_cast<int>(kKeepWords); word += kWordsTogether) {
    const PanelSet some = panels >> (word * kPanelsPerWord);
#if HWY_TARGET == HWY_SCALAR
    // Each of the four bits goes to the start of its 16, and is then spread over them.
    const std::uint64_t four = some & 0xF;
    words[static_cast<std::size_t>(word)] = ((four & 1) | (four & 2) << 15 | (four & 4) << 30 | (four & 8) << 45) * 0xFFFF;
#else
    const hn::Repartition<std::uint16_t, Words> lanes;
    std::uint8_t bits[8] = {};
    std::memcpy(bits, &some, sizeof some);
    hn::StoreU(hn::BitCast(Words(), hn::VecFromMask(lanes, hn::LoadMaskBits(lanes, bits))), Words(), words.data() + word);
#endif
  }
  return words;
}

/// Finds `any`, `active` and `full` from `keep`. Rows beyond the last one repeat it, and a block without rows has no panels.
inline void summarise(int rows, TileColumns& columns) {
  const Words d;
  for (int row = rows; row < kGroupRows; ++row) columns.keep[row] = columns.keep[rows - 1];
  for (int block = 0; block < kBlocks; ++block) {
    const KeepWords* const keep = columns.keep + block * kBlockRows;
    KeepWords missing;  // of one of the rows at least
    for (int word = 0; word < static_cast<int>(kKeepWords); word += kWordsTogether) {
      auto any = hn::LoadU(d, keep[0].data() + word), all = any;
      for (int row = 1; row < kBlockRows; ++row) {
        const auto own = hn::LoadU(d, keep[row].data() + word);
        any = hn::Or(any, own), all = hn::And(all, own);
      }
      hn::StoreU(any, d, columns.any[block].data() + word);
      hn::StoreU(hn::Not(all), d, missing.data() + word);
    }
    const bool exists = block * kBlockRows < rows;
    columns.active[block] = exists ? panels_with_some(columns.any[block]) : 0;
    columns.full[block] = exists ? ~panels_with_some(missing) : 0;
  }
}

/// Every row keeps the first `count` columns of the panels in `panels`.
inline void keep_panels(PanelSet panels, std::int64_t count, int rows, TileColumns& columns) {
  KeepWords words = columns_of(panels);
  if (count < kMaxTile)
    for (int word = 0; word < static_cast<int>(kKeepWords); word += kWordsTogether)
      hn::StoreU(hn::And(hn::LoadU(Words(), words.data() + word), columns_below(count, word * 64)), Words(), words.data() + word);
  for (KeepWords& row : columns.keep) row = words;
  for (int block = 0; block < kBlocks; ++block) {
    const bool exists = block * kBlockRows < rows;
    columns.any[block] = words;
    columns.active[block] = exists ? panels & panels_between(0, divide_up(count, kPanel)) : 0;
    columns.full[block] = exists ? panels & panels_between(0, count / kPanel) : 0;
  }
}

/// Finds the bits of the whole words that hold the panels in `open`, by the bands and by mask_row within them; elsewhere the words stand. Rows that follow each other and are the same to
/// mask_row ask once.
inline void ask_mask(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, PanelSet open) {
  TileColumns& columns = *group.columns;
  const int first_word = std::countr_zero(open) / kPanelsPerWord, end_word = (31 - std::countl_zero(open)) / kPanelsPerWord + 1;
  KeepWords kept, band;
  int asked_row = -1, asked_first = 0;  // whose `kept` are, from which word on
  for (int row = 0; row < group.place.rows; ++row) {
    KeepWords& keep = columns.keep[row];
    int first = first_word, end = end_word;
    if (plan.module.band_row) {
      keep_band(group.band.rows[row], tile * plan.tile, plan.tile_count(tile), band);
      for (int word = first; word < end; ++word) keep[static_cast<std::size_t>(word)] = band[static_cast<std::size_t>(word)];
      while (first < end && keep[static_cast<std::size_t>(first)] == 0) ++first;
      while (first < end && keep[static_cast<std::size_t>(end - 1)] == 0) --end;
    }
    if (first == end) continue;
    const auto is_like = [&](int other) { return plan.module.mask_key && other >= 0 && other < group.place.rows && group.mask_keys[other] == group.mask_keys[row]; };
    if (!is_like(asked_row)) {
      // Its own words, or all, where the next row may need others.
      const bool is_shared = is_like(row + 1);
      asked_first = is_shared ? first_word : first;
      const std::int64_t column = std::int64_t{asked_first} * 64;
      ask_mask_row(plan, workspace, group, tile, row, column, std::min(std::int64_t{is_shared ? end_word : end} * 64, plan.tile_count(tile)), kept);
      asked_row = is_shared ? row : -1;
    }
    for (int word = first; word < end; ++word) {
      const auto i = static_cast<std::size_t>(word);
      keep[i] = kept[i - static_cast<std::size_t>(asked_first)] & (plan.module.band_row ? keep[i] : ~std::uint64_t{0});
    }
  }
}

/// What the block mask says of a tile for a group's rows. Groups that follow each other mostly are in one row of blocks, for which it is looked up once.
inline PanelKinds kinds_of_blocks(const Plan& plan, const BlockMask& mask, const GroupPlace& place, std::int64_t tile, BlockRowKinds& known) {
  const std::int64_t end = place.first + place.rows;
  if (known.tile == tile && known.b == place.b && known.h == place.h && known.first <= place.first && end <= known.end) return known.kinds;
  const std::int64_t row = place.first / mask.block_q * mask.block_q, row_end = row + mask.block_q;
  known = {place.b, place.h, tile, end <= row_end ? row : place.first, end <= row_end ? row_end : end, panel_kinds(mask, place.b, place.h, place.first, place.rows, tile * plan.tile, plan.tile_count(tile))};
  return known.kinds;
}

/// Finds what the group needs of a tile. False if it needs nothing.
inline bool find_columns(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile) {
  const GroupPlace& place = group.place;
  TileColumns& columns = *group.columns;
  const std::int64_t first = tile * plan.tile, count = plan.tile_count(tile);
  const bool has_residual = plan.module.mask_row != nullptr;
  const PanelSet existing = panels_between(0, divide_up(count, kPanel));
  PanelKinds kinds{existing, existing};
  if (plan.module.band_row) kinds = panel_kinds(group.band, first, count);
  if (has_residual) kinds.full = 0;
  if (const BlockMask* const mask = plan.block_mask()) {
    const PanelKinds blocks = kinds_of_blocks(plan, *mask, place, tile, workspace.block_kinds);
    kinds = {kinds.live & blocks.live, kinds.full | blocks.full};
  }
  kinds.live &= existing;
  if (kinds.live == 0) return false;
  const PanelSet open = kinds.live & ~kinds.full;
  if (open != 0 && !has_residual) {  // nothing but bands: they are the mask
    for (int row = 0; row < place.rows; ++row) keep_band(group.band.rows[row], first, count, columns.keep[row]);
    summarise(place.rows, columns);
    return !columns.empty();
  }
  keep_panels(kinds.live & kinds.full, count, place.rows, columns);
  if (open == 0) return true;
  ask_mask(plan, workspace, group, tile, open);
  summarise(place.rows, columns);
  return !columns.empty();
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
