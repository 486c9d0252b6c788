// The kernel of Device::oracle(): the float64 interpreter behind the same interface as every back end.
#pragma once

#include <memory>

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// `form` is shared with whoever else needs it; `options` say what q, k, v must look like.
/// `masks`, the engine's, may be null.
std::shared_ptr<const Kernel> make_oracle_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks = nullptr);

}  // namespace flexc
