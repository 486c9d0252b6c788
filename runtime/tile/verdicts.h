// The verdict on a single tile that no proof settled: sample pairs, then halves of it, four levels down or down to single pairs.
#pragma once

#include <vector>

#include "flexc/block_mask.h"
#include "runtime/tile/points.h"
#include "runtime/tile/ranges.h"

namespace flexc::tile {

enum class Refine : std::uint8_t {
  None,     ///< proof alone: what is not proved is partial
  Default,  ///< nine samples, then halves, four levels
  Exact,    ///< down to single pairs, which are counted: equal to brute force
};

/// Work done, in regions and in single pairs.
struct Effort {
  Int evaluations = 0, pair_evaluations = 0;
  void operator+=(const Effort& other) {
    evaluations += other.evaluations;
    pair_evaluations += other.pair_evaluations;
  }
};

/// A tile to be settled.
struct OpenTile {
  Region region;
  Truth seen = 0;  ///< values that are known to occur in it
  TileKind kind = TileKind::Partial;
  Int kept = 0;    ///< pairs kept, with Refine::Exact
};

/// Settles tiles of one plane. Not thread-safe; borrows the plane.
class Verdicts {
 public:
  Verdicts(const Plane& plane, RangeMachine& ranges, Refine refine);
  void settle(std::vector<OpenTile>& tiles);
  Effort effort;

 private:
  struct Part {
    std::size_t tile;
    Region region;
  };
  void sample(std::vector<OpenTile>& tiles);
  void bisect(std::vector<OpenTile>& tiles);
  void count_pairs(std::vector<OpenTile>& tiles);
  void add_pair(std::size_t tile, Int q, Int k);
  template <class Seen>
  void flush_pairs(Seen seen);

  RangeMachine& ranges_;
  PointMachine points_;
  Refine refine_;
  std::size_t pairs_ = 0;
  Int q_[kLanes], k_[kLanes];
  std::size_t tile_[kLanes];
};

}  // namespace flexc::tile
