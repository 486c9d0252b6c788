// Block masks of a variant, whatever the device: built from its mask_mod alone.
#pragma once

#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"

namespace flexc {

/// Classifies every tile of `shape` by evaluating every pair. Errors: impossible shapes, bindings that do not fit the variant.
Result<BlockMask> build_block_mask(const dsl::NormalForm& form, const MaskShape& shape, const Captures& captures, MaskReport* report);

}  // namespace flexc
