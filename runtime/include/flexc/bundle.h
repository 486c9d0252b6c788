// Bundle: kernels that `flexc compile` made ahead of time. Loading one needs no compiler: flexc::runtime is all that a host links.
//
//   flexc::Engine engine;
//   auto bundle = engine.load_bundle("attention.flexb");                                     // std::expected<Bundle, Error>
//   auto kernel = bundle->kernel("alibi", {.dtype = flexc::bf16, .head_dim = 128});          // std::expected; equal requests share one kernel
//   auto status = (*kernel)->run({.q = q, .k = k, .v = v, .out = o, .captures = captures});
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/dtype.h"
#include "flexc/error.h"
#include "flexc/kernel.h"

namespace flexc {

/// Which of a variant's kernels a host wants. What the bundle was not compiled for is an error.
struct KernelRequest {
  DType dtype = DType::F32;
  std::int64_t head_dim = 64;
  std::int64_t value_dim = 0;  ///< 0: as head_dim
  Device device = {};          ///< cpu, cuda, or automatic: cuda where a GPU of compute capability 9.0, its driver and a cubin are
  std::vector<std::string> features = {};  ///< outputs and inputs that calls will use, as in `flexc compile --features`
};

/// A variant in a bundle, for people and for hosts that bind by what they find.
struct BundledVariant {
  std::string name;
  struct Capture {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::string> dims;  ///< as declared: "H", "64", "pages"
    bool used = true;
  };
  struct Param {
    std::string name;
    DType dtype = DType::I32;
    bool has_default = false;
  };
  std::vector<Capture> captures;
  std::vector<Param> params;
  std::vector<std::string> cubins;  ///< "sm_90a bf16 128": machine, dtype, head dim; empty where it was compiled without NVRTC, or for the CPU alone
};

/// A loaded bundle. Immutable, cheap to copy, safe to share between threads; kernels outlive it.
class Bundle {
 public:
  /// In the order in which they were compiled.
  const std::vector<BundledVariant>& variants() const;
  const std::vector<DType>& dtypes() const;
  const std::vector<std::int64_t>& head_dims() const;
  const std::vector<std::string>& features() const;
  /// "0.1.0": the flexc that made it.
  const std::string& made_by() const;

  /// Errors: Input for a variant ("did you mean"), dtype, head dim or feature that is not in the bundle; Usage for a device that bundles have
  /// no kernels for; Environment where this machine cannot run them.
  Result<std::shared_ptr<const Kernel>> kernel(std::string_view variant, const KernelRequest& request = {}) const;

  struct Impl;

 private:
  explicit Bundle(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
  friend struct BundleAccess;
};

}  // namespace flexc
