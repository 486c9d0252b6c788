// The kernels that are asked of a loaded bundle: which member serves a request, and where it runs.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/bundle/loaded_bundle.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/member_bytes.h"
#include "runtime/io/text.h"
#include "runtime/kernel/cpu_kernel.h"
#include "runtime/kernel/gpu_kernel.h"
#include "runtime/kernel/hopper_call.h"
#include "runtime/nearest_name.h"
#include "runtime/tile/program.h"

namespace flexc {
namespace {

using runtime::BundledCudaMember;
using runtime::BundledKernels;
using runtime::CpuLevel;
using runtime::Member;

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

std::string list_of(const std::vector<DType>& dtypes) {
  std::string list;
  for (const DType dtype : dtypes) list += fmt::format("{}{}", list.empty() ? "" : ", ", name_of(dtype));
  return list;
}

std::int64_t value_dim_of(const KernelRequest& request) { return request.value_dim ? request.value_dim : request.head_dim; }

/// Null where the bundle has no such cubin.
const BundledCudaMember* find_cuda_member(const BundledKernels& variant, const KernelRequest& request, Member which, std::string_view machine) {
  if (value_dim_of(request) != request.head_dim) return nullptr;
  for (const BundledCudaMember& each : variant.cuda)
    if (each.machine == machine && each.cubin && each.member == which && each.dtype == request.dtype && each.head_dim == request.head_dim) return &each;
  return nullptr;
}

std::unexpected<Error> no_cubin(const BundledKernels& variant, const KernelRequest& request) {
  std::vector<std::string> cubins;
  for (const BundledCudaMember& each : variant.cuda)
    if (each.cubin && each.member == Member::Narrow && each.machine == runtime::kSimtMachine) cubins.push_back(fmt::format("{} with head dim {}", name_of(each.dtype), each.head_dim));
  const std::string values = value_dim_of(request) != request.head_dim ? fmt::format(" and value dim {}", request.value_dim) : "";
  return failed(ErrorKind::Input, fmt::format("device cuda: the bundle has no cubin of {} for {} with head dim {}{}; it has {}", io::in_quotes(variant.name), name_of(request.dtype), request.head_dim,
                                              values, cubins.empty() ? "none of this variant" : fmt::format("{}", fmt::join(cubins, ", "))));
}

template <class Parts>
void fill_common(Parts& parts, const Bundle::Impl& bundle, const BundledKernels& variant, const KernelRequest& request) {
  parts.signature = std::shared_ptr<const runtime::Signature>(bundle.data, &variant.signature);
  parts.options.dtype = request.dtype, parts.options.head_dim = request.head_dim, parts.options.value_dim = request.value_dim;
  parts.masks = bundle.masks;
  parts.tile_program = [data = bundle.data, &variant] { return tile::deserialize(data->blob(variant.tile_program)); };
}

}  // namespace

const runtime::BundledCpuMember* find_cpu_member(const BundledKernels& variant, CpuLevel level, Member member) {
  const runtime::BundledCpuMember* best = nullptr;
  for (const runtime::BundledCpuMember& each : variant.cpu)
    if (each.member == member && each.level <= level && (!best || best->level < each.level)) best = &each;
  return best;
}

Result<std::shared_ptr<const Kernel>> Bundle::Impl::cpu_kernel(const BundledKernels& variant, const KernelRequest& request, CpuLevel level) const {
  CpuKernelParts parts;
  fill_common(parts, *this, variant, request);
  parts.members = [data = data, &variant, level](Member member) -> Result<runtime::RowMember> {
    const runtime::BundledCpuMember* const found = find_cpu_member(variant, level, member);
    if (!found) return failed(ErrorKind::Internal, "the bundle has no such member");
    const auto object = data->blob(found->object);
    return runtime::RowMember{{object.begin(), object.end()}, {found->assumptions}};
  };
  return make_cpu_kernel(std::move(parts));
}

Result<std::shared_ptr<const Kernel>> Bundle::Impl::cuda_kernel(const BundledKernels& variant, const KernelRequest& request) const {
  if (!find_cuda_member(variant, request, Member::Narrow, runtime::kSimtMachine)) return no_cubin(variant, request);
  GpuKernelParts parts;
  fill_common(parts, *this, variant, request);
  const auto load = [data = data, &variant, request](Member member, std::string_view machine) -> Result<std::shared_ptr<const HopperCode>> {
    const BundledCudaMember* const found = find_cuda_member(variant, request, member, machine);
    if (!found) return failed(ErrorKind::Internal, "the bundle has no such member");
    auto described = runtime::deserialize_member(data->blob(found->launch));
    if (!described) return std::unexpected(std::move(described.error()));
    const auto cubin = data->blob(*found->cubin);
    return std::make_shared<const HopperCode>(HopperCode{std::move(*described), {cubin.begin(), cubin.end()}});
  };
  // Where there are none, NVRTC makes them.
  if (const auto helpers = data->contents.helpers)
    parts.helper_kernels = [data = data, helpers]() -> Result<std::shared_ptr<const runtime::HelperKernelCode>> {
      const auto bytes = [&](runtime::BlobIndex index) {
        const auto blob = data->blob(index);
        return std::vector<std::byte>(blob.begin(), blob.end());
      };
      return std::make_shared<const runtime::HelperKernelCode>(runtime::HelperKernelCode{bytes(helpers->combine), bytes(helpers->copy)});
    };
  if (find_cuda_member(variant, request, Member::Narrow, runtime::kCubinMachine)) parts.members = [load](Member member) { return load(member, runtime::kCubinMachine); };
  if (find_cuda_member(variant, request, Member::Narrow, runtime::kStepsMachine)) parts.members_in_steps = [load](Member member) { return load(member, runtime::kStepsMachine); };
  parts.simt = [load](Member member, const std::string& architecture) -> Result<std::shared_ptr<const HopperCode>> {
    if (architecture != runtime::kSimtMachine) return failed(ErrorKind::Environment, fmt::format("device cuda: the GPU is an {}, and the bundle's cubins are for {}", architecture, runtime::kSimtMachine));
    return load(member, runtime::kSimtMachine);
  };
  return make_gpu_kernel(std::move(parts));
}

bool Bundle::Impl::has_gpu() const {
  std::call_once(asked_for_gpu_, [this] { 
    const auto driver = runtime::CudaDriver::open();
    gpu_found_ = driver && driver->is_hopper();
  });
  return gpu_found_;
}

Result<std::shared_ptr<const Kernel>> Bundle::Impl::get_or_make(const BundledKernels& variant, const KernelRequest& request, Device::Kind device) const {
  const Key key{static_cast<std::size_t>(&variant - data->contents.variants.data()), device, request.dtype, request.head_dim, value_dim_of(request)};
  const std::lock_guard lock(mutex_);
  if (const auto found = kernels_.find(key); found != kernels_.end()) return found->second;
  Result<std::shared_ptr<const Kernel>> made;
  if (device == Device::Kind::Cuda) {
    made = cuda_kernel(variant, request);
  } else {
    const auto level = runtime::detect_cpu_level();
    if (!level) return std::unexpected(level.error());
    made = cpu_kernel(variant, request, *level);
  }
  if (made) kernels_.emplace(key, *made);
  return made;
}

Result<std::shared_ptr<const Kernel>> Bundle::Impl::kernel(std::string_view name, const KernelRequest& request) const {
  const auto variant = std::ranges::find(data->contents.variants, name, &BundledKernels::name);
  if (variant == data->contents.variants.end()) {
    std::vector<std::string_view> names;
    for (const BundledKernels& each : data->contents.variants) names.push_back(each.name);
    const std::string_view near = nearest_name(name, names);
    return failed(ErrorKind::Input, fmt::format("the bundle has no variant {}; {}", io::in_quotes(name),
                                                near.empty() ? fmt::format("its variants are {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", near)));
  }
  const auto has = [](const auto& list, const auto& value) { return std::ranges::find(list, value) != list.end(); };
  if (!has(data->contents.dtypes, request.dtype))
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled for {}, not for {}", list_of(data->contents.dtypes), name_of(request.dtype)));
  if (!has(data->contents.head_dims, request.head_dim))
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled for the head dims {}, not for {}", fmt::join(data->contents.head_dims, ", "), request.head_dim));
  if (request.value_dim < 0) return failed(ErrorKind::Input, fmt::format("value_dim {}: it must be at least 1, or 0 for as head_dim", request.value_dim));
  for (const std::string& feature : request.features) {
    if (has(data->contents.features, feature)) continue;
    const std::vector<std::string_view> known(runtime::kBundleFeatures.begin(), runtime::kBundleFeatures.end());
    if (!has(known, feature)) return failed(ErrorKind::Input, fmt::format("there is no feature {}; features are {}", io::in_quotes(feature), fmt::join(known, ", ")));
    return failed(ErrorKind::Input, fmt::format("the bundle was compiled without the feature {}; `flexc compile --features` names them", feature));
  }
  switch (request.device.kind) {
    case Device::Kind::Auto:
      if (find_cuda_member(*variant, request, Member::Narrow, runtime::kSimtMachine) && (!data->contents.for_cpu || (suits_hopper({.dtype = request.dtype, .head_dim = request.head_dim}) && has_gpu())))
        if (auto made = get_or_make(*variant, request, Device::Kind::Cuda); made || !data->contents.for_cpu || made.error().kind != ErrorKind::Environment) return made;
      if (!data->contents.for_cpu) return no_cubin(*variant, request);
      return get_or_make(*variant, request, Device::Kind::Cpu);
    case Device::Kind::Cpu:
      if (!data->contents.for_cpu) return failed(ErrorKind::Input, "device cpu: the bundle was compiled for cuda alone; `flexc compile --device all` has both");
      return get_or_make(*variant, request, Device::Kind::Cpu);
    case Device::Kind::Cuda: return get_or_make(*variant, request, Device::Kind::Cuda);
    case Device::Kind::Model:
    case Device::Kind::Oracle: break;
  }
  return failed(ErrorKind::Usage, fmt::format("device {}: bundles have kernels for cpu and cuda; it needs flexc::flexc and the variant's text", flexc::name_of(request.device)));
}

}  // namespace flexc
