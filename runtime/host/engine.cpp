#include "flexc/engine.h"

#include <utility>

#include "runtime/host/engine_impl.h"

namespace flexc {

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

EngineStatistics Engine::statistics() const {
  const EngineCounters& counters = *impl_->counters;
  return {counters.kernels_made.load(), counters.compilations.load(), counters.disk_hits.load()};
}

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

std::string_view version() { return FLEXC_VERSION; }

}  // namespace flexc
