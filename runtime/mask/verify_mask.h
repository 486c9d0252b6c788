// Whether a block mask that a caller brings belongs to a call: what checked runs ask.
#pragma once

#include "runtime/mask/mask_identity.h"

namespace flexc::runtime {

/// A mask with an origin must have this call's. One without, made by hand or read from another system, is compared with the exact tiles:
/// no tile that is called empty keeps a pair, and none that is called full removes one. `frame` gives the call's lengths, offsets,
/// batches and heads. Errors: Input, which says what is wrong.
Result<void> verify_mask(const BlockMask& mask, const MaskIdentity& identity, const tile::Program& program, const tile::Launch& launch, const BlockMask& frame);

}  // namespace flexc::runtime
