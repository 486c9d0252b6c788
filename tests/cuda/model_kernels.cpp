// model_kernels FOLDER DTYPE HEAD_DIM TEXT: writes the narrow members of a variant's two CUDA kernels, as NVRTC compiles them for a Hopper GPU, and the same for
// the host model, so that the stand-in driver runs these in the place of those. Exit 3 without NVRTC.
#include <cstdio>
#include <fstream>
#include <string>

#include "compiler/host/cuda_compile.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/variant_impl.h"

namespace {

int fail(const flexc::Error& error) {
  std::fprintf(stderr, "model_kernels: %s\n", error.message.c_str());
  return error.kind == flexc::ErrorKind::Environment ? 3 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace flexc;
  if (argc != 5) return 2;
  const std::string folder = argv[1];
  const auto dtype = dtype_from_name(argv[2]);
  const std::int64_t head_dim = std::stoll(argv[3]);
  const auto variant = Variant::parse(argv[4]);
  if (!dtype || !variant) return 2;
  const auto impl = VariantAccess::share(*variant);
  for (const auto kind : {runtime::KernelKind::Hopper, runtime::KernelKind::Simt}) {
    const std::string stem = folder + "/" + runtime::entry_of(kind);
    CudaKernelRequest request{.dtype = *dtype, .head_dim = head_dim, .kernel = kind};
    if (kind == runtime::KernelKind::Simt) request.architecture = "sm_90";
    const auto compiled = compile_cuda_kernel(*impl->form, request);
    if (!compiled) return fail(compiled.error());
    std::ofstream(stem + ".cubin", std::ios::binary).write(reinterpret_cast<const char*>(compiled->cubin.data()), static_cast<std::streamsize>(compiled->cubin.size()));
    const auto functions = ir_functions();
    if (!functions) return fail(functions.error());
    compiler::CudaHookOptions options;
    options.member = compiler::Member::Narrow, options.kernel = kind;
    const auto kernels = (*functions)->emit_cuda_kernels(*impl->form, options, *dtype, static_cast<unsigned>(head_dim), static_cast<unsigned>(head_dim));
    if (!kernels) return fail(kernels.error());
    const auto object = compile_for_model(kernels->sources.front(), stem + ".so");
    if (!object) return fail(object.error());
  }
  return 0;
}
