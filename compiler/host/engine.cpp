#include <mutex>

#include <fmt/format.h>

#include "compiler/host/cpu_compile.h"
#include "compiler/host/dump.h"
#include "compiler/host/gpu_compile.h"
#include "compiler/host/kernel_table.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/oracle_kernel.h"
#include "compiler/host/row_compiler.h"
#include "compiler/host/variant_impl.h"
#include "runtime/cuda/driver.h"
#include "runtime/host/engine_impl.h"
#include "runtime/kernel/hopper_call.h"

namespace flexc {
namespace {

std::unexpected<CompileError> failed(ErrorKind kind, std::string message, std::optional<Diagnostics> diagnostics = {}) {
  return std::unexpected(CompileError{{kind, std::move(message)}, std::move(diagnostics)});
}

/// The typed normal form of `variant`, shared with it where it has one already.
std::expected<std::shared_ptr<const dsl::NormalForm>, CompileError> typed_form(const std::shared_ptr<const Variant::Impl>& impl, const CompileOptions& options) {
  if (impl->form) return std::shared_ptr<const dsl::NormalForm>(impl, &*impl->form);
  dsl::ElaborateOptions elaboration = impl->elaboration;
  for (const auto& [name, type] : options.captures) elaboration.captures.insert_or_assign(name, dsl::CaptureType{type.dtype, type.rank});
  Diagnostics diagnostics(impl->program->sources);
  auto form = dsl::elaborate(*impl->program, elaboration, diagnostics);
  if (!form) return failed(ErrorKind::Input, "the variant has errors", std::move(diagnostics));
  return std::make_shared<const dsl::NormalForm>(std::move(*form));
}

/// The compiler's half of an engine.
struct CompilerHalf {
  CompilerHalf(const EngineOptions& given, std::shared_ptr<runtime::LazyDiskCache> disk, std::shared_ptr<runtime::MaskCache> mask_cache,
               std::shared_ptr<EngineCounters> counts)
      : options(given), counters(std::move(counts)), row_compiler(std::make_shared<RowCompiler>(given, disk, counters)),
        cuda_compiler(std::make_shared<CudaCompiler>(given, std::move(disk), counters)), masks(std::move(mask_cache)) {}

  EngineOptions options;
  std::shared_ptr<EngineCounters> counters;
  std::shared_ptr<RowCompiler> row_compiler;
  std::shared_ptr<CudaCompiler> cuda_compiler;
  std::shared_ptr<runtime::MaskCache> masks;
  KernelTable kernels;

  /// Whether automatic may be CUDA. Asked of the machine once: a hit in memory has no time for it.
  bool has_gpu() {
    std::call_once(asked_for_gpu, [this] { 
      const auto driver = runtime::CudaDriver::open();
      gpu_found = driver && driver->is_hopper();
    });
    return gpu_found;
  }
  std::once_flag asked_for_gpu;
  bool gpu_found = false;

  /// A kernel of its own for `kind`, which is not automatic.
  KernelTable::Made make(std::shared_ptr<const dsl::NormalForm> form, const CompileOptions& call, Device::Kind kind) const;
};

}  // namespace

std::expected<std::shared_ptr<const Kernel>, CompileError> Engine::compile(const Variant& variant, const CompileOptions& options) {
  if (!is_float(options.dtype) || options.dtype == f64)
    return failed(ErrorKind::Usage, fmt::format("dtype {}: kernels take f32, f16 and bf16", name_of(options.dtype)));
  if (options.head_dim < 1 || options.value_dim < 0)
    return failed(ErrorKind::Input, fmt::format("head_dim {} and value_dim {}: both must be at least 1 (value_dim 0 means as head_dim)", options.head_dim, options.value_dim));
  auto form = typed_form(VariantAccess::share(variant), options);
  if (!form) return std::unexpected(std::move(form.error()));

  std::call_once(impl_->compiler_made, [this] { impl_->compiler = std::make_shared<CompilerHalf>(impl_->options, impl_->disk, impl_->masks, impl_->counters); });
  auto& half = *static_cast<CompilerHalf*>(impl_->compiler.get());

  const std::shared_ptr<const dsl::NormalForm>& typed = *form;
  std::string late_names;  // of a variant whose captures got their types just now
  if (!variant.impl().form) late_names = bound_names(*typed);
  KernelKey key{typed->hash, variant.impl().form ? std::string_view(variant.impl().bound_names) : late_names, options.device.kind, options.dtype,
                options.head_dim, options.value_dim ? options.value_dim : options.head_dim};
  const auto compile_for = [&](Device::Kind kind) {
    key.device = kind;
    return half.kernels.get_or_make(key, [&] { return half.make(typed, options, kind); });
  };
  if (options.device.kind != Device::Kind::Auto) return compile_for(options.device.kind);
  const bool fits_hopper = suits_hopper(options);
  if (fits_hopper && half.has_gpu())
    if (auto kernel = compile_for(Device::Kind::Cuda); kernel || kernel.error().error.kind != ErrorKind::Environment) return kernel;
  // Without a GPU kernel, automatic is the CPU, and the oracle where the CPU back end cannot run.
  auto kernel = compile_for(Device::Kind::Cpu);
  if (kernel || kernel.error().error.kind != ErrorKind::Environment) return kernel;
  return compile_for(Device::Kind::Oracle);
}

KernelTable::Made CompilerHalf::make(std::shared_ptr<const dsl::NormalForm> form, const CompileOptions& call, Device::Kind kind) const {
  if (kind == Device::Kind::Oracle)  // its one stage is the normal form
    if (auto dumped = dump_normal_form(dump_directory(options), *form); !dumped) return std::unexpected(CompileError{std::move(dumped.error()), {}});
  auto kernel = kind == Device::Kind::Oracle  ? make_oracle_kernel(std::move(form), call, masks)
                : kind == Device::Kind::Model ? make_model_kernel(std::move(form), call, masks)
                : kind == Device::Kind::Cuda  ? make_gpu_kernel(std::move(form), call, cuda_compiler, masks)
                                              : make_cpu_kernel(std::move(form), call, row_compiler, masks);
  if (!kernel) return std::unexpected(CompileError{std::move(kernel.error()), {}});
  ++counters->kernels_made;
  return std::move(*kernel);
}

}  // namespace flexc
