// From a typed normal form to a CUDA kernel's text, PTX and cubin, without any cache (cuda_compiler.h has one).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/emit/cuda/kernel_source.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/cuda/cubin.h"
#include "runtime/kernel/gpu_kernel.h"

namespace flexc {

/// What tells one kernel of a variant from another: every field is in its key, but `in_child` and `gallery_name`, which change no instruction.
struct CudaKernelRequest {
  DType dtype = bf16;
  std::int64_t head_dim = 64;
  std::int64_t value_dim = 0;  ///< 0: as head_dim
  compiler::Member member = compiler::Member::Narrow;
  runtime::KernelKind kernel = runtime::KernelKind::Hopper;
  bool in_steps = false;  ///< the Hopper kernel for positions in other steps than 1; the plain one is for any
  std::string architecture = {};  ///< "sm_90"; empty: sm_90a for Hopper's kernel, else kSimtArchitecture
  compiler::HopperForms forms = {};  ///< hopper_forms.h
  bool in_child = false;          ///< NVRTC in a process of its own, with limits on time and memory
  std::string gallery_name = {};  ///< for the header of the emitted text
};

/// For a plain kernel that no GPU has been named for: it runs on sm_80, sm_86 and sm_89.
inline constexpr const char* kSimtArchitecture = "sm_80";
std::string architecture_of(const CudaKernelRequest& request);

/// A kernel and all that a launch has to know of it; the member is that of the tile that was chosen.
struct CudaKernelCode : HopperCode {
  std::string text, ptx, log;  ///< empty for a kernel from the cache
  runtime::CubinReport report;
  unsigned spill_bytes = 0;
  std::string nvrtc;  ///< the file that compiled it; empty for a kernel from the cache
};

/// The columns of Q, K and of V, O in the request's tile; the plain kernel's is for all head dims, so the first is 0. Requests with the same two have the same kernel.
unsigned tile_head_dim(const CudaKernelRequest& request);
unsigned tile_value_dim(const CudaKernelRequest& request);

/// Environment for a dtype or head dim that no CUDA template takes.
Result<void> check_cuda_template(const CudaKernelRequest& request);

/// The text alone, for the first tile of the ladder. Errors as check_cuda_template's.
Result<CudaKernelCode> emit_cuda_kernel(const dsl::NormalForm& form, const CudaKernelRequest& request);

/// Compiled by NVRTC, for the first tile of the ladder that neither spills nor uses a stack; if all do, for the one that spills least. NVRTC is opened
/// while the text is emitted. A child has the time and memory of $FLEXC_COMPILE_SECONDS (120) and $FLEXC_COMPILE_MIB (8192).
Result<CudaKernelCode> compile_cuda_kernel(const dsl::NormalForm& form, const CudaKernelRequest& request);

}  // namespace flexc
