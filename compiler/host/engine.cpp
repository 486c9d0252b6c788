#include <map>
#include <mutex>
#include <tuple>

#include <fmt/format.h>

#include "compiler/host/cpu_kernel.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/oracle_kernel.h"
#include "compiler/host/variant_impl.h"
#include "flexc/environment.h"

namespace flexc {
namespace {

/// What makes two compilations the same: identity of the typed normal form, then the options. The hash does not cover names,
/// by which captures and params are bound, nor what is declared but unused, so those are part of the key.
struct Key {
  std::array<std::uint64_t, 2> hash{};
  std::vector<std::string> names;
  Device::Kind device = Device::Kind::Oracle;
  DType dtype = f32;
  std::int64_t head_dim = 0, value_dim = 0;
  auto operator<=>(const Key&) const = default;
};

constexpr std::size_t kMaxCachedKernels = 256;

std::vector<std::string> bound_names(const dsl::NormalForm& form) {
  std::vector<std::string> names;
  for (const dsl::CaptureInfo& info : form.captures) names.push_back(fmt::format("{}: {}[{}]", info.name, name_of(info.dtype), info.dims.size()));
  for (const dsl::ParamInfo& info : form.params) {
    std::string& name = names.emplace_back(fmt::format("{}: {}", info.name, name_of(info.type)));
    if (info.default_integer) name += fmt::format(" = {}", *info.default_integer);
    if (info.default_float) name += fmt::format(" = {}", *info.default_float);
  }
  return names;
}

/// Why a device cannot be used here; nothing for those that can.
std::optional<Error> missing_device(Device::Kind kind) {
  switch (kind) {
    case Device::Kind::Auto:
    case Device::Kind::Oracle:
    case Device::Kind::Cpu:
    case Device::Kind::Model: return std::nullopt;
    case Device::Kind::Cuda: {
      const DriverProbe driver = probe_cuda_driver();
      const LibraryProbe nvrtc = probe_nvrtc();
      return Error{ErrorKind::Environment,
                   fmt::format("device cuda: this build has no CUDA back end; use device cpu or oracle (driver: {}; NVRTC: {})",
                               driver.library.problem.empty() ? "found" : driver.library.problem, nvrtc.problem.empty() ? "found" : nvrtc.problem)};
    }
  }
  return Error{ErrorKind::Usage, "no such device"};
}

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

}  // namespace

struct Engine::Impl {
  EngineOptions options;
  std::mutex mutex;
  std::map<Key, std::shared_ptr<const Kernel>> kernels;
};

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>()) { impl_->options = std::move(options); }
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

std::expected<std::shared_ptr<const Kernel>, CompileError> Engine::compile(const Variant& variant, const CompileOptions& options) {
  if (!is_float(options.dtype) || options.dtype == f64)
    return failed(ErrorKind::Usage, fmt::format("dtype {}: kernels take f32, f16 and bf16", name_of(options.dtype)));
  if (options.head_dim < 1 || options.value_dim < 0)
    return failed(ErrorKind::Input, fmt::format("head_dim {} and value_dim {}: both must be at least 1 (value_dim 0 means as head_dim)", options.head_dim, options.value_dim));
  if (auto error = missing_device(options.device.kind)) return std::unexpected(CompileError{std::move(*error), {}});
  auto form = typed_form(VariantAccess::share(variant), options);
  if (!form) return std::unexpected(std::move(form.error()));

  // Without a GPU kernel, automatic is the CPU, and the oracle where the CPU back end cannot run.
  const bool automatic = options.device.kind == Device::Kind::Auto;
  const Device::Kind device = automatic ? Device::Kind::Cpu : options.device.kind;
  Key key{(*form)->hash, bound_names(**form), device, options.dtype, options.head_dim, options.value_dim ? options.value_dim : options.head_dim};
  const std::lock_guard lock(impl_->mutex);
  if (const auto it = impl_->kernels.find(key); it != impl_->kernels.end()) return it->second;
  if (impl_->kernels.size() >= kMaxCachedKernels) impl_->kernels.clear();
  Result<std::shared_ptr<const Kernel>> kernel = device == Device::Kind::Cpu     ? make_cpu_kernel(*form, options)
                                                 : device == Device::Kind::Model ? make_model_kernel(*form, options)
                                                                                 : make_oracle_kernel(*form, options);
  if (!kernel && automatic && kernel.error().kind == ErrorKind::Environment) kernel = make_oracle_kernel(*form, options);
  if (!kernel) return std::unexpected(CompileError{std::move(kernel.error()), {}});
  return impl_->kernels.emplace(std::move(key), std::move(*kernel)).first->second;
}

std::string_view name_of(Device device) {
  switch (device.kind) {
    case Device::Kind::Auto: return "auto";
    case Device::Kind::Cpu: return "cpu";
    case Device::Kind::Cuda: return "cuda";
    case Device::Kind::Model: return "model";
    case Device::Kind::Oracle: return "oracle";
  }
  return "?";
}

std::string_view version() { return FLEXC_VERSION; }

}  // namespace flexc
