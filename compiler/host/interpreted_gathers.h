// The gathers of a call, checked by the interpreter: compiled ones do not report.
#pragma once

#include <memory>

#include "flexc/dsl/normal_form.h"
#include "runtime/kernel/gather_check.h"

namespace flexc {

/// Keeps the form. The same words for every device: they name capture, index and dimension of the first fault in row order.
GatherCheck interpreted_gathers(std::shared_ptr<const dsl::NormalForm> form);

}  // namespace flexc
