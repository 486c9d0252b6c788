// The range interpreter on a device: what RangeMachine answers, by the kernel of templates/tile/verdict_kernel.cuh, for captures that only the device reads.
#pragma once

#include <unordered_map>
#include <vector>

#include "runtime/tile/device_plane.h"
#include "runtime/tile/plane.h"

namespace flexc::tile {

/// Borrows the plane, whose launch is remote. One machine is in use at a time: planes share the device's scratch memory. Throws DeviceFailure.
class DeviceMachine {
 public:
  static constexpr std::size_t kLanes = 16384;  ///< regions of a launch; a launch costs what thousands of regions do

  explicit DeviceMachine(const Plane& plane);

  /// As RangeMachine's; `count` is at most kLanes.
  const Truth* evaluate(const Region* regions, std::size_t count);
  void evaluate_rows(const Region* regions, std::size_t count) { evaluate(regions, count); }
  IntRange integer(Register i, std::size_t lane) { return lanes_of(i)[lane].integers; }
  Truth truth(Register i, std::size_t lane) { return static_cast<Truth>(lanes_of(i)[lane].other.truth); }

 private:
  /// A register of all regions of the last launch; copied when it is first asked for.
  const std::vector<DeviceRegister>& lanes_of(Register i);

  Remote& remote_;
  DevicePlane packed_;
  VerdictArguments arguments_{};
  std::size_t count_ = 0;
  std::uint32_t threads_ = 0;
  std::vector<DeviceRegion> regions_;
  std::vector<Truth> verdicts_;
  std::unordered_map<Register, std::vector<DeviceRegister>> lanes_;
};

}  // namespace flexc::tile
