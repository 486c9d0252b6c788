// The facts of kernel_facts.h, of a variant behind the CUDA pipeline.
#pragma once

#include "compiler/dialect/flex.h"
#include "compiler/emit/cuda/kernel_facts.h"

namespace flexc::compiler::cuda {

/// The variant is left as it was.
KernelFacts facts_of(flex::VariantOp variant);

}  // namespace flexc::compiler::cuda
