// The kernel of Device::model(): the Hopper kernel's text with the variant's emitted mods, compiled by this machine's C++ compiler and run on the host model.
#pragma once

#include <expected>
#include <memory>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// Emits and compiles `form`. Usage for a dtype, Input for head dims that the Hopper kernel does not have; Environment where no C++ compiler is found.
Result<std::shared_ptr<const Kernel>> make_model_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks = nullptr);

}  // namespace flexc
