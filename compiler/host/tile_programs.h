// The tile program of a variant's mask_mod, compiled when the first block mask is asked for.
#pragma once

#include <memory>

#include "flexc/dsl/normal_form.h"
#include "runtime/kernel/block_masks.h"

namespace flexc {

/// Environment where the compiler library is missing; a variant without a mask_mod does not need it.
TileProgramSource compiled_tile_program(std::shared_ptr<const dsl::NormalForm> form);

/// The same as bytes, at once.
Result<std::vector<std::byte>> tile_program_bytes(const dsl::NormalForm& form);

}  // namespace flexc
