// Kernels whose general scores have a factor (LogitFactor) that is no ordinary number: "overflows" takes elements above 1.2 beyond f32.
#pragma once
#include "tests/hopper_model/forward_problem.h"

namespace hopper_model {

const std::vector<ForwardKernel>& odd_factors();

inline const ForwardKernel& odd_factor(const std::string& name) {
  for (const ForwardKernel& kernel : odd_factors())
    if (kernel.name == name) return kernel;
  return odd_factors().front();
}

}  // namespace hopper_model
