// Deliberately wrong behaviours, to prove that the tests would notice them. See sabotage.def.
#pragma once

namespace flexc::dsl {

enum class Sabotage {
  None,
#define FLEXC_SABOTAGE_CASE(name) name,
#include "dsl/evaluate/sabotage.def"
#undef FLEXC_SABOTAGE_CASE
  Count,
};

#ifdef FLEXC_SABOTAGE
/// Whether this one was chosen by the environment variable FLEXC_SABOTAGE (read once).
bool sabotaged(Sabotage what);
#else
constexpr bool sabotaged(Sabotage) { return false; }
#endif

}  // namespace flexc::dsl
