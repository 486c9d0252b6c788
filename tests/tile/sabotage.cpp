// Which sabotage a test-only build runs under.
#include "templates/tile/sabotage.h"

#include <cstdlib>

namespace flexc::tile {

bool sabotaged(Sabotage what) {
  static const int chosen = [] {
    const char* text = std::getenv("FLEXC_SABOTAGE");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return chosen != 0 && chosen == static_cast<int>(what);
}

}  // namespace flexc::tile
