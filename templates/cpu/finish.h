// The end of a row: the sink, the normalisation, lse and max_scores, and the test that sends a row down the careful path.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Whether some sum or output of the group is not finite. In a product 0 * NaN is NaN, so what was removed may have leaked.
bool needs_care(const Plan& plan, const Group& group);

/// Writes the group's rows.
void finish_group(const Plan& plan, const Group& group);

}  // namespace flexc::cpu
