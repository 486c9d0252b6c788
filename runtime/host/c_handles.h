// The handles behind flexc_c.h, and how a function that makes one answers. Both libraries' halves of the C ABI share them.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "flexc/engine.h"
#include "flexc/flexc_c.h"

struct flexc_error {
  flexc::ErrorKind kind;
  std::string message;
};
struct flexc_engine {
  flexc::Engine engine;
};
struct flexc_bundle {
  flexc::Bundle bundle;
};
struct flexc_kernel {
  std::shared_ptr<const flexc::Kernel> kernel;
};
struct flexc_mask {
  flexc::BlockMask mask;
};

namespace flexc {

inline void store(flexc_error** out, Error error) {
  if (out != nullptr) *out = new (std::nothrow) flexc_error{error.kind, std::move(error.message)};
}

/// Runs `body`, which returns a Result<T*>; what it throws becomes an error.
template <class T, class Body>
T* guarded(flexc_error** out, Body body) noexcept {
  if (out != nullptr) *out = nullptr;
  try {
    Result<T*> result = body();
    if (result) return *result;
    store(out, std::move(result.error()));
  } catch (const std::bad_alloc&) {
    store(out, {ErrorKind::Environment, "not enough memory"});
  } catch (const std::exception& thrown) {
    store(out, {ErrorKind::Internal, thrown.what()});
  }
  return nullptr;
}

inline std::unexpected<Error> usage(std::string message) { return std::unexpected(Error{ErrorKind::Usage, std::move(message)}); }

}  // namespace flexc
