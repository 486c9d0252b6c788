#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

std::vector<bool> strict_cone(const Body& body) {
  std::vector<bool> strict(body.nodes.size(), false);
  // Operands stand before their users, so one walk from the end sees every user first.
  for (std::size_t i = body.nodes.size(); i-- > 0;) {
    const Node& node = body.nodes[i];
    if (node.type.scalar != Scalar::F32) strict[i] = true;
    if (strict[i])
      for (NodeId operand : node.operands) strict[operand] = true;
  }
  return strict;
}

}  // namespace flexc::dsl
