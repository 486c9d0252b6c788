#include "compiler/host/gpu_compile.h"

#include <utility>

#include "compiler/host/hopper_forms.h"
#include "compiler/host/interpreted_gathers.h"
#include "compiler/host/kernel_choice.h"
#include "compiler/host/tile_programs.h"

namespace flexc {

Result<std::shared_ptr<const Kernel>> make_gpu_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<CudaCompiler> compiler,
                                                      std::shared_ptr<runtime::MaskCache> masks) {
  const auto forms = hopper_forms_from_environment(options.dtype);
  if (!forms) return std::unexpected(forms.error());
  const auto choice = kernel_choice_from_environment();
  if (!choice) return std::unexpected(choice.error());
  GpuKernelParts parts;
  parts.signature = form;
  parts.options = options;
  parts.tile_program = compiled_tile_program(form);
  parts.masks = std::move(masks);
  parts.tile_kernels = [compiler] { return compiler->tile_kernels(); };
  parts.check_gathers = interpreted_gathers(form);
  parts.helper_kernels = [compiler] { return compiler->helper_kernels(); };
  parts.may_fall_back = *choice != CudaKernelChoice::Hopper;
  const CudaKernelRequest request{.dtype = options.dtype, .head_dim = options.head_dim, .value_dim = options.value_dim, .kernel = runtime::KernelKind::Simt};
  parts.simt = [form, compiler, request](runtime::Member member, const std::string& architecture) -> Result<std::shared_ptr<const HopperCode>> {
    CudaKernelRequest own = request;
    own.member = member, own.architecture = architecture;
    auto kernel = compiler->kernel(*form, own);
    if (!kernel) return std::unexpected(kernel.error());
    return std::move(kernel->code);
  };
  if (*choice == CudaKernelChoice::Simt) return make_gpu_kernel(std::move(parts));
  const auto hopper = [&](bool in_steps) -> HopperCodeSource {
    return [form, compiler, dtype = options.dtype, head_dim = options.head_dim, value_dim = options.value_dim, forms = *forms, in_steps](runtime::Member member) -> Result<std::shared_ptr<const HopperCode>> {
      auto kernel = compiler->kernel(*form, {.dtype = dtype, .head_dim = head_dim, .value_dim = value_dim, .member = member, .in_steps = in_steps, .forms = forms});
      if (!kernel) return std::unexpected(kernel.error());
      return std::move(kernel->code);
    };
  };
  parts.members = hopper(false), parts.members_in_steps = hopper(true);
  return make_gpu_kernel(std::move(parts));
}

}  // namespace flexc
