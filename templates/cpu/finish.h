// The end of a row: the sink, the normalisation, lse and max_scores.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Writes `count` values times a factor as elements of a type: an instruction set's own.
using StoreRow = void (*)(DType type, const float* values, float factor, std::int64_t count, std::byte* to);

/// Writes the group's rows.
void finish_group(const Plan& plan, const Group& group, StoreRow store_row);

}  // namespace flexc::cpu
