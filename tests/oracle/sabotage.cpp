#include "dsl/evaluate/sabotage.h"

#include <cstdlib>

namespace flexc::dsl {

bool sabotaged(Sabotage what) {
  static const int chosen = [] {
    const char* text = std::getenv("FLEXC_SABOTAGE");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return chosen != 0 && chosen == static_cast<int>(what);
}

}  // namespace flexc::dsl
