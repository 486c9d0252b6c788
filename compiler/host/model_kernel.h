// The kernel of Device::model(): a CUDA kernel's text with the variant's emitted mods, compiled by this machine's C++ compiler and run on the host model.
#pragma once

#include <expected>
#include <memory>

#include "compiler/emit/cuda/kernel_source.h"
#include "compiler/host/host_compiler.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/flexc.h"
#include "runtime/mask/mask_cache.h"

namespace flexc {

/// A member's unit, compiled for the model. `flexc_model_thread` in it is a model::KernelEntry whose argument is {flexc_hopper_arguments or flexc_simt_arguments, const void* params}.
/// `keep` as compile_and_load has it.
Result<std::shared_ptr<const LoadedObject>> compile_for_model(const compiler::cuda::HopperSource& source, const std::string& keep = {});

/// The templates for such a unit: the device's, with the model's primitives in the place of the machine's.
std::vector<SourceFile> model_sources();

/// Emits and compiles `form`. Of the Hopper kernel where it takes dtype and head dims, else of the plain one ($FLEXC_CUDA_KERNEL, kernel_choice.h). Input for head dims that neither has; Environment where no C++ compiler is found.
Result<std::shared_ptr<const Kernel>> make_model_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks = nullptr);

}  // namespace flexc
