// Ahead of time: variants into a bundle, which flexc/bundle.h loads without a compiler.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "flexc/flexc.h"

namespace flexc {

struct BundleInput {
  std::string name;          ///< by which hosts ask for it: letters, digits, _, - and .
  Variant variant;           ///< every capture declared
  std::string gallery_name = {};  ///< for the header of the generated CUDA; empty for a variant that is in no gallery
};

struct BundleOptions {
  std::vector<DType> dtypes = {f32};          ///< f32, f16, bf16
  std::vector<std::int64_t> head_dims = {64};
  std::vector<std::string> features = {"lse"};  ///< outputs and inputs of calls: lse, max_scores, sink; steps: positions in other steps than 1
  bool for_cpu = true, for_cuda = true;  ///< what kernels are made for
  bool require_cuda = false;  ///< an Error where a dtype and head dim cannot have its cubin; otherwise it is left out with a warning. Without CPU kernels it is always one
  std::string file_stem = "bundle";  ///< for the header's comment and the prefix of its names
  std::function<void(double)> progress = {};  ///< finished share
};

struct CompiledBundle {
  std::string bytes;   ///< equal inputs, options and toolchains give equal bytes
  std::string header;  ///< C: names of variants, captures and params
  std::vector<std::string> warnings;
  std::size_t cubins = 0;
};

/// Errors: Usage for an option or a name that cannot be; Input for a variant whose captures are not declared (with diagnostics where its text is
/// at fault); Environment where libflexc_ir, or NVRTC or a template where a cubin is required, is missing; Internal.
std::expected<CompiledBundle, CompileError> compile_bundle(std::span<const BundleInput> variants, const BundleOptions& options);

}  // namespace flexc
