// The members of a compiled variant's family, as the passes name them. Hosts and bundles share the definitions.
#pragma once

#include "runtime/kernel/members.h"

namespace flexc::compiler {

using runtime::Assumption;
using runtime::kAssumesCaptures;
using runtime::kAssumesFreshDims;
using runtime::kAssumesNothing;
using runtime::kAssumesParams;
using runtime::kAssumesPositions;
using runtime::kAssumesReciprocals;
using runtime::kAssumesSymbols;
using runtime::kAssumptionNames;
using runtime::kNarrowLimit;
using runtime::kNarrowSpan;
using runtime::Manifest;
using runtime::Member;
using runtime::RowMember;

}  // namespace flexc::compiler
