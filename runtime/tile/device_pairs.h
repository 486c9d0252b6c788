// A mask at single pairs on a device: what PointMachine answers, by the kernel of templates/tile/pair_kernel.cuh, for captures that only the device reads.
#pragma once

#include <vector>

#include "runtime/tile/plane.h"
#include "runtime/tile/remote.h"
#include "templates/tile/pairs.h"

namespace flexc::tile {

/// Borrows the plane, whose launch is remote. Throws DeviceFailure.
class DevicePairs {
 public:
  explicit DevicePairs(const Plane& plane);

  /// 0 or 1 each, valid until the next call.
  const std::uint8_t* evaluate(const Int* q_idx, const Int* kv_idx, std::size_t count);

 private:
  Remote& remote_;
  DeviceBuffer program_;
  PairArguments arguments_{};
  std::vector<Pair> pairs_;
  std::vector<std::uint8_t> kept_;
};

}  // namespace flexc::tile
