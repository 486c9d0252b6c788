#include "compiler/host/cuda_compiler.h"

namespace flexc {

CudaCompiler::CudaCompiler(const EngineOptions& options) : options_(options) {}

Result<CudaKernel> CudaCompiler::kernel(const dsl::NormalForm& form, const CudaKernelRequest& request) {
  auto code = compile_cuda_kernel(form, {.dtype = request.dtype, .head_dim = request.head_dim, .in_child = request.in_child, .gallery_name = request.gallery_name}, request.member);
  if (!code) return std::unexpected(code.error());
  return CudaKernel{std::make_shared<const CudaKernelCode>(std::move(*code)), KernelOrigin::Compiled};
}

}  // namespace flexc
