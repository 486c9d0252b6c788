// What the stand-in driver asks of a launch's arguments before it runs anything.
#pragma once

#include "templates/hopper/launch.h"

namespace fake_cuda {

/// 0, or the status of what is wrong, which is then among the violations. `is_simt`: of the plain kernel.
int check_arguments(const flexc_hopper_arguments& arguments, unsigned blocks, bool is_simt);

}  // namespace fake_cuda
