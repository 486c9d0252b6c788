// Deliberately unsound transfer functions, to prove that the tests would notice them. See sabotage.def.
#pragma once

namespace flexc::tile {

enum class Sabotage {
  None,
#define FLEXC_TILE_SABOTAGE_CASE(name) name,
#include "templates/tile/sabotage.def"
#undef FLEXC_TILE_SABOTAGE_CASE
  Count,
};

#ifdef FLEXC_TILE_SABOTAGE
/// Whether this one was chosen by the environment variable FLEXC_SABOTAGE (read once).
bool sabotaged(Sabotage what);
#else
constexpr bool sabotaged(Sabotage) { return false; }
#endif

}  // namespace flexc::tile
