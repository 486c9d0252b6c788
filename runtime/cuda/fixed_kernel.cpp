#include "runtime/cuda/fixed_kernel.h"

#include <fmt/format.h>

#include "runtime/cuda/cubin.h"
#include "runtime/cuda/nvrtc.h"

namespace flexc::runtime {

std::string text_of(const FixedKernelText& kernel) { return fmt::format("#include \"{}\"\n", kernel.file); }

Result<std::vector<std::vector<std::byte>>> compile_fixed_kernels(std::span<const FixedKernelText> kernels, std::string_view purpose, std::string_view remedy, std::string* file) {
  const auto nvrtc = Nvrtc::open();
  if (!nvrtc) return std::unexpected(Error{nvrtc.error().kind, fmt::format("{} need NVRTC ({}); {}", purpose, nvrtc.error().message, remedy)});
  if (file != nullptr) *file = nvrtc->path();
  std::vector<std::vector<std::byte>> cubins;
  for (const FixedKernelText& kernel : kernels) {
    auto compiled = nvrtc->compile({.name = fmt::format("{}.cu", kernel.name), .text = text_of(kernel)});
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    cubins.push_back(std::move(compiled->cubin));
  }
  return cubins;
}

Result<CudaModule> load_fixed_kernel(const CudaDriver& driver, std::span<const std::byte> cubin, const FixedKernelText& kernel, std::size_t argument_bytes) {
  const auto parameters = kernel_parameter_bytes(cubin);
  if (!parameters) return std::unexpected(parameters.error());
  if (parameters->size() != 1 || parameters->front() != argument_bytes)
    return std::unexpected(Error{ErrorKind::Internal, fmt::format("the kernel {} takes other arguments than the {} bytes that are passed", kernel.name, argument_bytes)});
  return driver.load(cubin, kernel.name, 0);
}

}  // namespace flexc::runtime
