#include "runtime/tile/device_machine.h"

namespace flexc::tile {

DeviceMachine::DeviceMachine(const Plane& plane) : remote_(*plane.binding().launch.remote), packed_(plane) {
  const std::uint64_t at = remote_.scratch(Remote::Scratch::Plane, packed_.bytes().size());
  packed_.relocate(at);
  taken(remote_.device().copy_in(at, packed_.bytes().data(), packed_.bytes().size()));
  arguments_ = packed_.arguments(at);
}

const Truth* DeviceMachine::evaluate(const Region* regions, std::size_t count) {
  const auto blocks = static_cast<std::uint32_t>((count + kTileKernelThreads - 1) / kTileKernelThreads);
  count_ = count, threads_ = blocks * kTileKernelThreads;
  lanes_.clear();
  regions_.clear();
  for (std::size_t i = 0; i < count; ++i) regions_.push_back({regions[i].q0, regions[i].q1, regions[i].k0, regions[i].k1});
  const std::uint64_t at = remote_.scratch(Remote::Scratch::Regions, count * sizeof(DeviceRegion)), verdicts = remote_.scratch(Remote::Scratch::Verdicts, count);
  taken(remote_.device().copy_in(at, regions_.data(), count * sizeof(DeviceRegion)));
  arguments_.regions = reinterpret_cast<const DeviceRegion*>(at), arguments_.region_count = static_cast<std::uint32_t>(count);
  arguments_.registers = reinterpret_cast<DeviceRegister*>(remote_.scratch(Remote::Scratch::Registers, packed_.register_bytes() * threads_));
  arguments_.verdicts = reinterpret_cast<std::uint8_t*>(verdicts);
  taken(remote_.device().launch(TileKernel::Verdicts, blocks, &arguments_));
  verdicts_.resize(count);
  taken(remote_.device().copy_out(verdicts_.data(), verdicts, count));
  return verdicts_.data();
}

const std::vector<DeviceRegister>& DeviceMachine::lanes_of(Register i) {
  auto [found, is_new] = lanes_.try_emplace(i);
  if (is_new) {
    found->second.assign(count_, DeviceRegister{{}, {Bits{}}});
    const std::uint64_t at = reinterpret_cast<std::uint64_t>(arguments_.registers) + std::size_t{i} * threads_ * sizeof(DeviceRegister);
    taken(remote_.device().copy_out(found->second.data(), at, count_ * sizeof(DeviceRegister)));
  }
  return found->second;
}

}  // namespace flexc::tile
