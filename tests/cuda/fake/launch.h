// A launch on the stand-in driver.
#pragma once

#include "tests/cuda/fake/state.h"

namespace fake_cuda {

/// Looks at the arguments, and runs the kernel on the host model where there is one in its place, by a few CTAs. 0, or the status of what is wrong.
int launch(const Function& function, unsigned blocks, unsigned threads, unsigned smem, void** arguments);

}  // namespace fake_cuda
