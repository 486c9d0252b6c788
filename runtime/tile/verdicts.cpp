#include "runtime/tile/verdicts.h"

#include <algorithm>

namespace flexc::tile {
namespace {

constexpr int kLevels = 4;
constexpr Int kFewPairs = 256;  ///< regions of so many pairs are counted pair by pair

Int middle(Int begin, Int end) { return begin + (end - begin) / 2; }

TileKind kind_of(Truth seen) { return seen == kTrue ? TileKind::Full : seen == kFalse ? TileKind::Empty : TileKind::Partial; }

}  // namespace

template <class Machine>
Verdicts<Machine>::Verdicts(const Plane& plane, Machine& ranges, Refine refine) : ranges_(ranges), points_(plane, ranges), refine_(refine), q_(kLanes), k_(kLanes), tile_(kLanes) {}

template <class Machine>
void Verdicts<Machine>::settle(std::vector<OpenTile>& tiles) {
  if (refine_ == Refine::None) return;  // partial, which is sound
  if (refine_ == Refine::Exact) return count_pairs(tiles);
  sample(tiles);
  bisect(tiles);
}

template <class Machine>
void Verdicts<Machine>::add_pair(std::size_t tile, Int q, Int k) {
  q_[pairs_] = q, k_[pairs_] = k, tile_[pairs_] = tile;
  ++pairs_;
}

template <class Machine>
template <class Seen>
void Verdicts<Machine>::flush_pairs(Seen seen) {
  if (pairs_ == 0) return;
  const std::uint8_t* kept = points_.evaluate(q_.data(), k_.data(), pairs_);
  for (std::size_t i = 0; i < pairs_; ++i) seen(tile_[i], kept[i] != 0);
  effort.pair_evaluations += static_cast<Int>(pairs_);
  pairs_ = 0;
}

/// Corners first, the off-diagonal ones before: most tiles of most masks show both values there. Then the rest of a 3 × 3 grid.
template <class Machine>
void Verdicts<Machine>::sample(std::vector<OpenTile>& tiles) {
  const auto note = [&](std::size_t tile, bool kept) { tiles[tile].seen |= kept ? kTrue : kFalse; };
  constexpr int kRounds[][4][2] = {{{0, 2}, {2, 0}}, {{0, 0}, {2, 2}}, {{1, 1}, {0, 1}, {1, 0}, {1, 2}}, {{2, 1}}};
  constexpr int kCounts[] = {2, 2, 4, 1};
  for (std::size_t round = 0; round < std::size(kCounts); ++round) {
    for (std::size_t tile = 0; tile < tiles.size(); ++tile) {
      if (tiles[tile].seen == kEither) continue;
      const Region& at = tiles[tile].region;
      const Int rows[3] = {at.q0, middle(at.q0, at.q1), at.q1 - 1}, columns[3] = {at.k0, middle(at.k0, at.k1), at.k1 - 1};
      for (int i = 0; i < kCounts[round]; ++i) {
        add_pair(tile, rows[kRounds[round][i][0]], columns[kRounds[round][i][1]]);
        if (pairs_ == kLanes) flush_pairs(note);
      }
    }
    flush_pairs(note);
  }
}

/// Tiles that showed one value: halves that are proved show theirs; a tile all of whose parts are proved is what they are.
template <class Machine>
void Verdicts<Machine>::bisect(std::vector<OpenTile>& tiles) {
  std::vector<Part> parts, next;
  std::vector<bool> open(tiles.size(), false);
  const auto halve = [](std::vector<Part>& to, std::size_t tile, const Region& region) {
    Region first = region, second = region;
    const Int rows = region.q1 - region.q0, columns = region.k1 - region.k0;
    if (rows >= columns) first.q1 = second.q0 = middle(region.q0, region.q1);
    else first.k1 = second.k0 = middle(region.k0, region.k1);
    to.push_back({tile, first});
    to.push_back({tile, second});
  };
  const auto is_pair = [](const Region& region) { return region.q1 - region.q0 == 1 && region.k1 - region.k0 == 1; };
  for (std::size_t tile = 0; tile < tiles.size(); ++tile)
    if (tiles[tile].seen != kEither && !is_pair(tiles[tile].region)) halve(parts, tile, tiles[tile].region);
  const auto note = [&](std::size_t tile, bool kept) { tiles[tile].seen |= kept ? kTrue : kFalse; };
  std::vector<Region> regions(kLanes);
  std::vector<std::size_t> place(kLanes);
  for (int level = 1; level <= kLevels && !parts.empty(); ++level) {
    next.clear();
    for (std::size_t at = 0; at < parts.size();) {
      std::size_t count = 0;
      for (; at < parts.size() && count < kLanes; ++at) {
        if (tiles[parts[at].tile].seen == kEither) continue;
        regions[count] = parts[at].region;
        place[count++] = at;
      }
      if (count == 0) continue;
      const Truth* values = ranges_.evaluate(regions.data(), count);
      effort.evaluations += static_cast<Int>(count);
      std::size_t undecided = 0;
      for (std::size_t i = 0; i < count; ++i) {
        if (values[i] == kEither) place[undecided++] = place[i];
        else tiles[parts[place[i]].tile].seen |= values[i];
      }
      for (std::size_t i = 0; i < undecided; ++i) {
        const auto& [tile, region] = parts[place[i]];
        if (tiles[tile].seen == kEither) continue;
        // The middle and a corner of each undecided part are witnesses of their own.
        if (pairs_ + 2 > kLanes) flush_pairs(note);
        add_pair(tile, middle(region.q0, region.q1), middle(region.k0, region.k1));
        if (is_pair(region)) continue;
        add_pair(tile, region.q0, region.k1 - 1);
        if (level < kLevels) halve(next, tile, region);
        else open[tile] = true;
      }
      flush_pairs(note);
    }
    std::swap(parts, next);
  }
  for (std::size_t tile = 0; tile < tiles.size(); ++tile) tiles[tile].kind = open[tile] ? TileKind::Partial : kind_of(tiles[tile].seen);
}

template <class Machine>
void Verdicts<Machine>::count_pairs(std::vector<OpenTile>& tiles) {
  const auto note = [&](std::size_t tile, bool kept) { tiles[tile].kept += kept; };
  std::vector<Part> stack;
  for (std::size_t tile = tiles.size(); tile-- > 0;) stack.push_back({tile, tiles[tile].region});
  std::vector<Part> batch(kLanes);
  std::vector<Region> regions(kLanes);
  while (!stack.empty()) {
    std::size_t count = 0;
    while (!stack.empty() && count < kLanes) {
      batch[count] = stack.back();
      regions[count++] = stack.back().region;
      stack.pop_back();
    }
    const Truth* values = ranges_.evaluate(regions.data(), count);
    effort.evaluations += static_cast<Int>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Region& at = regions[i];
      const Int rows = at.q1 - at.q0, columns = at.k1 - at.k0;
      if (values[i] == kTrue) tiles[batch[i].tile].kept += rows * columns;
      if (values[i] != kEither) continue;
      if (rows * columns <= kFewPairs) {
        for (Int q = at.q0; q < at.q1; ++q)
          for (Int k = at.k0; k < at.k1; ++k) {
            add_pair(batch[i].tile, q, k);
            if (pairs_ == kLanes) flush_pairs(note);
          }
        continue;
      }
      const Int q = rows > 1 ? middle(at.q0, at.q1) : at.q1, k = columns > 1 ? middle(at.k0, at.k1) : at.k1;
      for (const Region& part : {Region{at.q0, q, at.k0, k}, Region{at.q0, q, k, at.k1}, Region{q, at.q1, at.k0, k}, Region{q, at.q1, k, at.k1}})
        if (part.q0 < part.q1 && part.k0 < part.k1) stack.push_back({batch[i].tile, part});
    }
  }
  flush_pairs(note);
  for (OpenTile& tile : tiles) {
    const Int pairs = (tile.region.q1 - tile.region.q0) * (tile.region.k1 - tile.region.k0);
    tile.kind = tile.kept == 0 ? TileKind::Empty : tile.kept == pairs ? TileKind::Full : TileKind::Partial;
  }
}

template class Verdicts<RangeMachine>;
template class Verdicts<DeviceMachine>;

}  // namespace flexc::tile
