// The end of a row: the sink, the normalisation, lse and max_scores.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Writes the group's rows.
void finish_group(const Plan& plan, const Group& group);

}  // namespace flexc::cpu
