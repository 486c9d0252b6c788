#include "flexc/kernel.h"

namespace flexc {

std::string_view name_of(Device device) {
  switch (device.kind) {
    case Device::Kind::Auto: return "auto";
    case Device::Kind::Cpu: return "cpu";
    case Device::Kind::Cuda: return "cuda";
    case Device::Kind::Model: return "model";
    case Device::Kind::Oracle: return "oracle";
  }
  return "?";
}

}  // namespace flexc
