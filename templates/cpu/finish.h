// The end of rows: the sink, the normalisation, lse and max_scores.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Stores the statistics of the group's rows, and finds what their outputs are to be multiplied by. `totals` (the sums of weights) and `factors` have a number a row.
void end_rows(const Plan& plan, const Group& group, const float* totals, float* factors);

}  // namespace flexc::cpu
