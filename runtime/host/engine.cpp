#include "flexc/engine.h"

#include <utility>

#include "runtime/bundle/loaded_bundle.h"
#include "runtime/host/engine_impl.h"

namespace flexc {

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Result<Bundle> Engine::load_bundle(const std::string& path) const { return load_bundle_file(path, impl_->masks); }
Result<Bundle> Engine::load_bundle(std::span<const std::byte> bytes, const std::string& name) const { return load_bundle_bytes({bytes.begin(), bytes.end()}, name, impl_->masks); }

EngineStatistics Engine::statistics() const {
  const EngineCounters& counters = *impl_->counters;
  return {counters.kernels_made.load(), counters.compilations.load(), counters.disk_hits.load()};
}

std::string_view version() { return FLEXC_VERSION; }

}  // namespace flexc
