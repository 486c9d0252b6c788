// The variant's identity: canonical text and hash of a normal form.
#pragma once

#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

/// Marks what is used and fills `text` and `hash`. Captures, params and fresh dims are numbered in the order in which the
/// bodies (score_mod, then mask_mod) first use them, so neither names nor declaration order matter.
void fill_identity(NormalForm& form);

}  // namespace flexc::dsl
