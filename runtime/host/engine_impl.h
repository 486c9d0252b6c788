// What an Engine holds, for its two halves: loading bundles here, compiling in libflexc_compiler.
#pragma once

#include <memory>
#include <mutex>

#include "flexc/engine.h"

namespace flexc {

struct Engine::Impl {
  explicit Impl(EngineOptions given) : options(std::move(given)) {}

  EngineOptions options;
  std::once_flag compiler_made;
  /// The compiler's half, made by the first compile(): this library does not know its type.
  std::shared_ptr<void> compiler;
};

}  // namespace flexc
