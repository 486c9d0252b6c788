// $FLEXC_HOPPER_FORMS: another form of the Hopper kernel than the one that is emitted by default, for sweeps on a GPU and for tests.
#pragma once

#include <string_view>

#include "compiler/emit/cuda/hopper_forms.h"
#include "flexc/dtype.h"
#include "flexc/error.h"

namespace flexc {

/// `pin=store|sleep|none`, `turns=on|off`, `maximum=exact|lazy`, `tile=auto|MxN`, separated by commas; what is left out, and all of an empty text, is the
/// default. Usage for anything else, and for the lazy maximum with another dtype than bf16.
Result<compiler::HopperForms> parse_hopper_forms(std::string_view text, DType dtype);

/// Of $FLEXC_HOPPER_FORMS.
Result<compiler::HopperForms> hopper_forms_from_environment(DType dtype);

}  // namespace flexc
