// Prints the two matrix products of the Hopper kernel, one asm statement each, for one tile.
#pragma once

#include <string>

#include "runtime/cuda/hopper_member.h"

namespace flexc::compiler::cuda {

using GemmShape = runtime::HopperTile;

/// CUDA C++ that defines device::qk_gemm, device::pv_gemm and what is done with the output (templates/hopper/primitives.cuh) for the one Config of a translation unit, and asserts
/// that this is the Config it was printed for. To be placed after the include of the primitives.
///
/// Why it is printed: the text depends on N, D and DV in the number of registers and of steps, and ptxas wants a whole product in one statement, with
/// every descriptor stepped from the base by one 64-bit addition (a statement a wgmma costs 0.26 issue slots a score element and a third more compile
/// time; stepping the descriptor's low half 0.4 slots).
std::string gemm_source(const GemmShape& shape);

}  // namespace flexc::compiler::cuda
