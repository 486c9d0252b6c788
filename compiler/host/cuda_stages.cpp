#include "compiler/host/cuda_stages.h"

#include <utility>

#include <fmt/format.h>

#include "compiler/host/cuda_compiler.h"
#include "compiler/host/hopper_forms.h"
#include "runtime/cuda/disassemble.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/kernel/hopper_call.h"

namespace flexc {
namespace {

EmittedKernel figures_of(const CudaKernelRequest& request, const CudaKernelCode& code) {
  EmittedKernel kernel;
  kernel.kernel = request.kernel == runtime::KernelKind::Simt ? CudaKernelChoice::Simt : CudaKernelChoice::Hopper;
  kernel.architecture = architecture_of(request);
  kernel.registers = code.report.registers;
  kernel.spill_bytes = code.spill_bytes;
  kernel.smem_bytes = code.report.static_smem_bytes + code.member.dynamic_smem_bytes;
  return kernel;
}

}  // namespace

Result<EmittedKernel> emit_cuda_stage(const dsl::NormalForm& form, std::string_view stage, const EmitOptions& options) {
  const auto forms = hopper_forms_from_environment(options.dtype);
  if (!forms) return std::unexpected(forms.error());
  const bool fits_hopper = check_hopper_options("", {.dtype = options.dtype, .head_dim = options.head_dim, .value_dim = options.value_dim}).has_value();
  const bool is_simt = options.kernel == CudaKernelChoice::Simt || (options.kernel == CudaKernelChoice::Auto && !fits_hopper);
  if (!is_simt && !options.architecture.empty() && options.architecture != runtime::CudaProgram().architecture)
    return std::unexpected(Error{ErrorKind::Usage, fmt::format("the Hopper kernel is for {}, not for {}; the plain one (simt) is for others", runtime::CudaProgram().architecture, options.architecture)});
  if (is_simt && options.in_steps) return std::unexpected(Error{ErrorKind::Usage, "the plain CUDA kernel takes positions in any steps; a kernel in steps of its own is the Hopper kernel's"});
  const CudaKernelRequest request{.dtype = options.dtype,
                                  .head_dim = options.head_dim,
                                  .value_dim = options.value_dim,
                                  .kernel = is_simt ? runtime::KernelKind::Simt : runtime::KernelKind::Hopper,
                                  .in_steps = options.in_steps,
                                  .architecture = options.architecture,
                                  .forms = *forms,
                                  .in_child = options.in_child,
                                  .gallery_name = options.gallery_name};
  if (stage == "cuda" || stage == "ptx") {
    auto code = stage == "cuda" ? emit_cuda_kernel(form, request) : compile_cuda_kernel(form, request);
    if (!code) return std::unexpected(code.error());
    EmittedKernel kernel = figures_of(request, *code);
    kernel.bytes = std::move(stage == "cuda" ? code->text : code->ptx);
    return kernel;
  }
  const EngineOptions engine{.disk_cache = options.disk_cache, .on_warning = options.on_warning};
  CudaCompiler compiler(engine, std::make_shared<runtime::LazyDiskCache>(runtime::DiskCacheOptions{engine.cache_dir, engine.cache_bytes, engine.on_warning}), std::make_shared<EngineCounters>());
  const auto made = compiler.kernel(form, request);
  if (!made) return std::unexpected(made.error());
  const CudaKernelCode& code = *made->code;
  EmittedKernel kernel = figures_of(request, code);
  kernel.origin = made->origin;
  if (stage == "cubin") {
    kernel.bytes.assign(reinterpret_cast<const char*>(code.cubin.data()), code.cubin.size());
    return kernel;
  }
  auto text = runtime::disassemble(code.cubin);
  if (!text) return std::unexpected(text.error());
  kernel.bytes = std::move(*text);
  return kernel;
}

}  // namespace flexc
