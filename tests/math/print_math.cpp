// Prints every expansion: what docs/math_expansions.txt holds.
#include <cstdio>

#include "flexc/dsl/expand_math.h"

int main() {
  using namespace flexc::dsl;
  for (Op op : expanded_functions()) std::printf("%s:\n%s\n", std::string(name_of(op)).c_str(), print_expansion(*expansion_of(op)).c_str());
  for (Op op : loosely_expanded_functions()) std::printf("loose %s:\n%s\n", std::string(name_of(op)).c_str(), print_expansion(*loose_expansion_of(op)).c_str());
}
