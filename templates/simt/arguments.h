// The arguments of the plain kernel: those of the Hopper kernel's launches, and what that kernel does not take. Shared by the kernel and the host runtime.
#pragma once
#include "templates/hopper/launch.h"

struct flexc_simt_arguments {
  struct flexc_hopper_arguments call;
  // From one row's position to the next one's, and from one key's: position i is offset + step * i. At least 1; 1 for a length up to 1.
  long long q_step, kv_step;
};
