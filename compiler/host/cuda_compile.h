// From a typed normal form to a Hopper kernel's text, PTX and cubin.
#pragma once

#include <cstdint>
#include <string_view>

#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/emit/cuda/kernel_source.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/cuda/cubin.h"

namespace flexc {

/// Where a kernel came from.
enum class KernelOrigin : std::uint8_t { Memory, Disk, Compiled };
/// "memory", "disk", "compiled".
std::string_view name_of(KernelOrigin origin);

/// A kernel and all that a launch has to know of it.
struct CudaKernelCode {
  compiler::Manifest manifest;  ///< what a launch must check before it runs this code
  std::string text, ptx, log;
  std::vector<std::byte> cubin;
  runtime::CubinReport report;
  unsigned spill_bytes = 0;
  runtime::HopperMember member;  ///< of the tile that was chosen
};

/// The text alone, for the first tile of the ladder. Environment for a dtype or head dim that no CUDA template takes.
Result<CudaKernelCode> emit_cuda_kernel(const dsl::NormalForm& form, const EmitOptions& options, compiler::Member member = compiler::Member::Narrow);

/// Compiled by NVRTC, for the first tile of the ladder that neither spills nor uses a stack; if all do, for the one that spills least.
Result<CudaKernelCode> compile_cuda_kernel(const dsl::NormalForm& form, const EmitOptions& options, compiler::Member member = compiler::Member::Narrow);

}  // namespace flexc
