// The verdict on a single tile that no proof settled: sample pairs, then halves of it, four levels down or down to single pairs.
#pragma once

#include <optional>
#include <vector>

#include "flexc/block_mask.h"
#include "runtime/tile/device_machine.h"
#include "runtime/tile/device_pairs.h"
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

/// The mask at single pairs, at most Machine::kLanes at once: 0 or 1 each, valid until the next call.
template <class Machine>
class Pairs;
template <>
class Pairs<RangeMachine> {
 public:
  Pairs(const Plane& plane, RangeMachine&) : points_(plane.binding().program, plane.binding().analysis, plane.binding().launch) { points_.set_plane(plane.b(), plane.h()); }
  const std::uint8_t* evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count) { return points_.evaluate(q_idx, kv_idx, count); }

 private:
  PointMachine points_;
};
template <>
class Pairs<DeviceMachine> {
 public:
  Pairs(const Plane& plane, DeviceMachine&) : plane_(plane) {}
  const std::uint8_t* evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count) {
    if (!pairs_) pairs_.emplace(plane_);  // refine=none looks at none
    return pairs_->evaluate(q_idx, kv_idx, count);
  }

 private:
  const Plane& plane_;
  std::optional<DevicePairs> pairs_;
};

/// Settles tiles of one plane. Not thread-safe; borrows the plane.
template <class Machine>
class Verdicts {
 public:
  Verdicts(const Plane& plane, Machine& ranges, Refine refine);
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

  static constexpr std::size_t kLanes = Machine::kLanes;
  Machine& ranges_;
  Pairs<Machine> points_;
  Refine refine_;
  std::size_t pairs_ = 0;
  std::vector<Int> q_, k_;
  std::vector<std::size_t> tile_;
};

}  // namespace flexc::tile
