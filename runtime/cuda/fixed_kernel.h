// Kernels that are the same for every variant: compiled once from a template, kept, loaded by name. They take one argument.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/driver.h"

namespace flexc::runtime {

struct FixedKernelText {
  const char *name, *file;
};
/// What NVRTC, or the host model's compiler, is given.
std::string text_of(const FixedKernelText& kernel);

/// By NVRTC, in this process: a cubin for each. Environment where there is none: `purpose` ("block masks of captures in a GPU's memory") begins the sentence,
/// `remedy` ends it. `file` (optional) receives the NVRTC that compiled.
Result<std::vector<std::vector<std::byte>>> compile_fixed_kernels(std::span<const FixedKernelText> kernels, std::string_view purpose, std::string_view remedy, std::string* file);

/// Internal for code that takes another argument than one of so many bytes.
Result<CudaModule> load_fixed_kernel(const CudaDriver& driver, std::span<const std::byte> cubin, const FixedKernelText& kernel, std::size_t argument_bytes);

}  // namespace flexc::runtime
