// Generated CUDA on disk, for people: FLEXC_DUMP leaves what was compiled, FLEXC_OVERRIDE puts an edited file in its place.
#pragma once

#include <optional>
#include <string>

#include "compiler/host/cuda_compile.h"

namespace flexc {

/// "HASH.DTYPE.dN", with ".wide" behind it for the wide member, ".steps" for one that is for positions in steps: the stem of a kernel's files in both directories.
std::string cuda_file_stem(const dsl::NormalForm& form, const CudaKernelRequest& request);

/// Writes STEM.cu, STEM.ptx and STEM.cubin; an empty directory writes nothing. All or none; Environment where they cannot be written.
Result<void> dump_cuda_kernel(const std::string& directory, const dsl::NormalForm& form, const CudaKernelRequest& request, const CudaKernelCode& code);

/// $FLEXC_OVERRIDE; empty where it is not set.
std::string override_directory();

/// STEM.cu of $FLEXC_OVERRIDE; nothing where it is not set or has no such file. Usage where the directory is none, Environment where the file cannot
/// be read.
Result<std::optional<std::string>> overriding_text(const dsl::NormalForm& form, const CudaKernelRequest& request);

}  // namespace flexc
