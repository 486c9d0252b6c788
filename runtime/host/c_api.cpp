// The C ABI: handles around the objects of engine.h. No exception leaves a function; memory that is missing is an error too. What needs
// the compiler is in compiler/host/c_api.cpp.
#include "flexc/flexc_c.h"

#include <iterator>
#include <string>
#include <utility>

#include "runtime/host/c_handles.h"

namespace {

using flexc::Error;
using flexc::ErrorKind;

static_assert(static_cast<int>(flexc::DType::Bool) == FLEXC_BOOL && static_cast<int>(flexc::DType::BF16) == FLEXC_BF16);
static_assert(static_cast<int>(flexc::Device::Kind::Oracle) == FLEXC_ORACLE && static_cast<int>(flexc::Device::Kind::Cuda) == FLEXC_CUDA);
static_assert(static_cast<int>(ErrorKind::Internal) == FLEXC_ERROR_INTERNAL);

using flexc::guarded;
using flexc::usage;

/// What a C caller can get wrong and C++ cannot.
flexc::Result<flexc::TensorView> view_of(const flexc_tensor& tensor, const char* name) {
  if (tensor.data == nullptr && tensor.rank == 0) return flexc::TensorView();
  if (tensor.dtype < FLEXC_F32 || tensor.dtype > FLEXC_BOOL) return usage(std::string(name) + ": no such dtype");
  if (tensor.rank < 0 || (tensor.rank > 0 && tensor.shape == nullptr)) return usage(std::string(name) + ": a rank without a shape");
  std::vector<std::int64_t> shape(tensor.shape, tensor.shape + tensor.rank), strides;
  if (tensor.strides != nullptr) strides.assign(tensor.strides, tensor.strides + tensor.rank);
  return flexc::TensorView(tensor.data, static_cast<flexc::DType>(tensor.dtype), std::move(shape), std::move(strides));
}

flexc::Result<flexc::Captures> captures_of(const flexc_binding* bindings, std::size_t count, flexc::MemoryKind memory = flexc::MemoryKind::Host) {
  flexc::Captures captures;
  if (count > 0 && bindings == nullptr) return usage("bindings: null, with a count above 0");
  for (std::size_t i = 0; i < count; ++i) {
    const flexc_binding& binding = bindings[i];
    if (binding.name == nullptr) return usage("bindings: one has no name");
    auto view = view_of(binding.tensor, binding.name);
    if (!view) return std::unexpected(std::move(view.error()));
    view->memory = memory;
    if (!view->absent() || binding.tensor.shape != nullptr || binding.tensor.data != nullptr) captures.set(binding.name, std::move(*view));
    else if (binding.is_real != 0) captures.set_param(binding.name, binding.real);
    else captures.set_param(binding.name, binding.integer);
  }
  return captures;
}

/// The sides of one tile; C's 0 is 128.
std::int32_t block_or_default(std::int32_t block) { return block == 0 ? 128 : block; }

/// C's 0, and no steps at all, are 1.
void set_steps(const flexc_steps* steps, std::int64_t& q_step, std::int64_t& kv_step) {
  const auto step = [](std::int64_t given) { return given == 0 ? 1 : given; };
  if (steps != nullptr) q_step = step(steps->q_step), kv_step = step(steps->kv_step);
}

flexc::Result<flexc_mask*> build_mask(const flexc_kernel* kernel, const flexc_mask_shape* shape, const flexc_steps* steps, const flexc_binding* bindings, std::size_t count) {
  if (kernel == nullptr || shape == nullptr) return usage("flexc_kernel_block_mask: the kernel or the shape is null");
  using Refine = flexc::MaskShape::Refine;
  if (shape->refine < 0 || shape->refine > 2) return usage("flexc_kernel_block_mask: refine is 0, 1 or 2");
  const auto captures = captures_of(bindings, count);
  if (!captures) return std::unexpected(captures.error());
  flexc::MaskShape wanted;
  wanted.batch = shape->batch == 0 ? 1 : shape->batch, wanted.heads = shape->heads == 0 ? 1 : shape->heads, wanted.kv_heads = shape->kv_heads;
  wanted.q_len = shape->q_len, wanted.kv_len = shape->kv_len;
  wanted.q_offset = shape->q_offset, wanted.kv_offset = shape->kv_offset, wanted.q_total = shape->q_total, wanted.kv_total = shape->kv_total;
  set_steps(steps, wanted.q_step, wanted.kv_step);
  wanted.block_q = block_or_default(shape->block_q), wanted.block_kv = block_or_default(shape->block_kv);
  wanted.refine = shape->refine == 2 ? Refine::Exact : shape->refine == 1 ? Refine::None : Refine::Default;
  auto mask = kernel->kernel->block_mask(wanted, *captures);
  if (!mask) return std::unexpected(std::move(mask.error()));
  return new flexc_mask{std::move(*mask)};
}

/// What the call says, for this kernel: its device decides in which memory the tensors are.
flexc::Result<flexc::RunArguments> arguments_of(const flexc_kernel* kernel, const flexc_call* call) {
  const flexc::MemoryKind memory = kernel->kernel->device().kind == flexc::Device::Kind::Cuda ? flexc::MemoryKind::Cuda : flexc::MemoryKind::Host;
  flexc::RunArguments arguments;
  const std::pair<const flexc_tensor*, flexc::TensorView*> tensors[] = {{&call->q, &arguments.q}, {&call->k, &arguments.k}, {&call->v, &arguments.v}, {&call->out, &arguments.out},
                                                                         {&call->lse, &arguments.lse}, {&call->max_scores, &arguments.max_scores}, {&call->sink, &arguments.sink}};
  static constexpr const char* kNames[] = {"q", "k", "v", "out", "lse", "max_scores", "sink"};
  for (std::size_t i = 0; i < std::size(tensors); ++i) {
    auto view = view_of(*tensors[i].first, kNames[i]);
    if (!view) return std::unexpected(std::move(view.error()));
    *tensors[i].second = std::move(*view);
    tensors[i].second->memory = memory;
  }
  auto captures = captures_of(call->bindings, call->binding_count, memory);
  if (!captures) return std::unexpected(std::move(captures.error()));
  arguments.captures = std::move(*captures);
  if (call->mask != nullptr) arguments.mask = &call->mask->mask;
  if (call->has_scale != 0) arguments.scale = call->scale;
  arguments.q_offset = call->q_offset, arguments.kv_offset = call->kv_offset, arguments.q_total = call->q_total, arguments.kv_total = call->kv_total;
  arguments.checked = call->checked != 0;
  arguments.threads = call->threads;
  arguments.split = call->split;
  arguments.workspace = call->workspace;
  return arguments;
}

flexc::Result<const flexc_kernel*> run_call(const flexc_kernel* kernel, const flexc_call* call, const flexc_steps* steps) {
  if (kernel == nullptr || call == nullptr) return usage("flexc_run: the kernel or the call is null");
  auto arguments = arguments_of(kernel, call);
  if (!arguments) return std::unexpected(arguments.error());
  set_steps(steps, arguments->q_step, arguments->kv_step);
  if (auto status = kernel->kernel->run(*arguments, call->stream); !status) return std::unexpected(std::move(status.error()));
  return kernel;
}

flexc::Result<flexc_bundle*> owned(flexc::Result<flexc::Bundle> bundle) {
  if (!bundle) return std::unexpected(std::move(bundle.error()));
  return new flexc_bundle{std::move(*bundle)};
}

flexc::Result<flexc_kernel*> bundled_kernel(const flexc_bundle* bundle, const char* variant, const flexc_compile_options* options) {
  if (bundle == nullptr || variant == nullptr) return usage("flexc_bundle_kernel: the bundle or the variant's name is null");
  const flexc_compile_options given = options == nullptr ? flexc_compile_options{} : *options;
  if (given.dtype < FLEXC_F32 || given.dtype > FLEXC_BOOL || given.device < FLEXC_AUTO || given.device > FLEXC_ORACLE) return usage("flexc_bundle_kernel: no such dtype or device");
  flexc::KernelRequest request;
  request.dtype = static_cast<flexc::DType>(given.dtype);
  request.device = {static_cast<flexc::Device::Kind>(given.device)};
  if (given.head_dim != 0) request.head_dim = given.head_dim;
  request.value_dim = given.value_dim;
  auto kernel = bundle->bundle.kernel(variant, request);
  if (!kernel) return std::unexpected(std::move(kernel.error()));
  return new flexc_kernel{std::move(*kernel)};
}

}  // namespace

extern "C" {

const char* flexc_version(void) { return flexc::version().data(); }

const char* flexc_error_message(const flexc_error* error) { return error == nullptr ? "" : error->message.c_str(); }
flexc_error_kind flexc_error_get_kind(const flexc_error* error) { return error == nullptr ? FLEXC_ERROR_INTERNAL : static_cast<flexc_error_kind>(error->kind); }
void flexc_error_destroy(flexc_error* error) { delete error; }

flexc_engine* flexc_engine_create(const char* cache_dir, flexc_error** error) {
  return guarded<flexc_engine>(error, [&]() -> flexc::Result<flexc_engine*> {
    flexc::EngineOptions options;
    if (cache_dir != nullptr) options.cache_dir = cache_dir;
    return new flexc_engine{flexc::Engine(std::move(options))};
  });
}
void flexc_engine_destroy(flexc_engine* engine) { delete engine; }
flexc_statistics flexc_engine_statistics(const flexc_engine* engine) {
  if (engine == nullptr) return {};
  const flexc::EngineStatistics counts = engine->engine.statistics();
  return {counts.kernels_made, counts.compilations, counts.disk_hits};
}

flexc_bundle* flexc_engine_load_bundle(const flexc_engine* engine, const char* path, flexc_error** error) {
  return guarded<flexc_bundle>(error, [&]() -> flexc::Result<flexc_bundle*> {
    if (engine == nullptr || path == nullptr) return usage("flexc_engine_load_bundle: the engine or the path is null");
    return owned(engine->engine.load_bundle(path));
  });
}
flexc_bundle* flexc_engine_load_bundle_memory(const flexc_engine* engine, const void* data, size_t size, flexc_error** error) {
  return guarded<flexc_bundle>(error, [&]() -> flexc::Result<flexc_bundle*> {
    if (engine == nullptr || data == nullptr) return usage("flexc_engine_load_bundle_memory: the engine or the data is null");
    return owned(engine->engine.load_bundle({static_cast<const std::byte*>(data), size}));
  });
}
void flexc_bundle_destroy(flexc_bundle* bundle) { delete bundle; }
size_t flexc_bundle_variant_count(const flexc_bundle* bundle) { return bundle == nullptr ? 0 : bundle->bundle.variants().size(); }
const char* flexc_bundle_variant_name(const flexc_bundle* bundle, size_t index) {
  return index < flexc_bundle_variant_count(bundle) ? bundle->bundle.variants()[index].name.c_str() : nullptr;
}
flexc_kernel* flexc_bundle_kernel(const flexc_bundle* bundle, const char* variant, const flexc_compile_options* options, flexc_error** error) {
  return guarded<flexc_kernel>(error, [&] { return bundled_kernel(bundle, variant, options); });
}

void flexc_kernel_destroy(flexc_kernel* kernel) { delete kernel; }
flexc_device flexc_kernel_device(const flexc_kernel* kernel) { return kernel == nullptr ? FLEXC_AUTO : static_cast<flexc_device>(kernel->kernel->device().kind); }

flexc_mask* flexc_kernel_block_mask(const flexc_kernel* kernel, const flexc_mask_shape* shape, const flexc_binding* bindings, size_t binding_count, flexc_error** error) {
  return flexc_kernel_block_mask_stepped(kernel, shape, nullptr, bindings, binding_count, error);
}
flexc_mask* flexc_kernel_block_mask_stepped(const flexc_kernel* kernel, const flexc_mask_shape* shape, const flexc_steps* steps, const flexc_binding* bindings, size_t binding_count,
                                            flexc_error** error) {
  return guarded<flexc_mask>(error, [&] { return build_mask(kernel, shape, steps, bindings, binding_count); });
}
void flexc_mask_destroy(flexc_mask* mask) { delete mask; }

size_t flexc_kernel_workspace_bytes(const flexc_kernel* kernel, const flexc_call* call) {
  std::size_t bytes = 0;
  if (kernel != nullptr && call != nullptr)
    guarded<const flexc_kernel>(nullptr, [&]() -> flexc::Result<const flexc_kernel*> {
      if (const auto arguments = arguments_of(kernel, call)) bytes = kernel->kernel->workspace_bytes(*arguments);
      return kernel;
    });
  return bytes;
}

int flexc_run(const flexc_kernel* kernel, const flexc_call* call, flexc_error** error) { return flexc_run_stepped(kernel, call, nullptr, error); }
int flexc_run_stepped(const flexc_kernel* kernel, const flexc_call* call, const flexc_steps* steps, flexc_error** error) {
  return guarded<const flexc_kernel>(error, [&] { return run_call(kernel, call, steps); }) != nullptr ? 1 : 0;
}

}  // extern "C"
