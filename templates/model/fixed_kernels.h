// The kernels that are the same for every variant, compiled for the model with the library: entries as simulator.h has them, whose argument is the kernel's.
#pragma once
#include "templates/hopper/combine.h"
#include "templates/hopper/copy.h"
#include "templates/model/machine.h"

namespace flexc::model {

// Threads of a CTA.
extern const unsigned kCombineThreads, kCopyThreads;

void enter_combine(Machine* machine, void* argument);  // flexc_combine_arguments
void enter_copy(Machine* machine, void* argument);     // flexc_copy_arguments

}  // namespace flexc::model
