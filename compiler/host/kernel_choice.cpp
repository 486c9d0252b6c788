#include "compiler/host/kernel_choice.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

namespace flexc {

Result<CudaKernelChoice> kernel_choice_from_environment() {
  const char* const text = std::getenv("FLEXC_CUDA_KERNEL");
  const std::string_view name = text != nullptr ? text : "";
  if (name.empty() || name == "auto") return CudaKernelChoice::Auto;
  if (name == "hopper") return CudaKernelChoice::Hopper;
  if (name == "simt") return CudaKernelChoice::Simt;
  return std::unexpected(Error{ErrorKind::Usage, fmt::format("FLEXC_CUDA_KERNEL is `{}`; it must be auto, hopper or simt", name)});
}

}  // namespace flexc
