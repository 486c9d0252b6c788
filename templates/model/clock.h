// Vector clocks: what has happened before a moment, for every agent of a CTA that touches shared memory. Agents are its threads, its mbarriers (for
// the TMA loads that complete on them), its warpgroups (for the reads of their wgmma) and its stores by TMA.
//
// A clock holds two vectors. seen[a] = e: everything that agent a did up to its epoch e happened before. visible[a] = e: what a wrote up to e with
// ordinary stores can moreover be seen by the async proxy, because a proxy fence lies in between.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace flexc::model {

class Clock {
 public:
  Clock() = default;
  explicit Clock(uint32_t agents) : agents_(agents), epochs_(2 * size_t{agents}) {}

  uint32_t agents() const { return agents_; }
  uint32_t& seen(uint32_t agent) { return epochs_[agent]; }
  uint32_t seen(uint32_t agent) const { return epochs_[agent]; }
  uint32_t& visible(uint32_t agent) { return epochs_[agents_ + agent]; }
  uint32_t visible(uint32_t agent) const { return epochs_[agents_ + agent]; }

  void join(const Clock& other) {
    uint32_t* mine = epochs_.data();
    const uint32_t* theirs = other.epochs_.data();
    for (size_t i = 0; i < epochs_.size(); ++i) mine[i] = std::max(mine[i], theirs[i]);
  }
  // What both have seen.
  void meet(const Clock& other) {
    uint32_t* mine = epochs_.data();
    const uint32_t* theirs = other.epochs_.data();
    for (size_t i = 0; i < epochs_.size(); ++i) mine[i] = std::min(mine[i], theirs[i]);
  }
  void fence() { std::copy_n(epochs_.begin(), agents_, epochs_.begin() + agents_); }
  void clear() { std::fill(epochs_.begin(), epochs_.end(), 0); }

 private:
  uint32_t agents_ = 0;
  std::vector<uint32_t> epochs_;  // seen, then visible
};

}  // namespace flexc::model
