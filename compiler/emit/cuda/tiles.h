// Which tile a variant's Hopper kernel is compiled for, and what is tried where that one spills registers.
#pragma once

#include <vector>

#include "compiler/emit/cuda/gemm_source.h"
#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/emit/cuda/hopper_forms.h"

namespace flexc::compiler::cuda {

/// The first entry is the choice; each later one needs fewer registers. Never empty for head dims from 1 to 256.
/// N above 128 is for plain attention only, and at D 128 only where `forms` asks for it: it may be faster, and compiles longer.
std::vector<GemmShape> tile_ladder(const CudaHooks& hooks, device::Element element, unsigned head_dim, unsigned value_dim, const HopperForms& forms);

}  // namespace flexc::compiler::cuda
