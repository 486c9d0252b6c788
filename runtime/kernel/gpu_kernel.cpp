#include "runtime/kernel/gpu_kernel.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/host_copy.h"
#include "runtime/cuda/workspace.h"
#include "runtime/kernel/hopper_launch.h"
#include "runtime/kernel/hopper_members.h"
#include "templates/simt/tile.h"

namespace flexc {
namespace {

constexpr std::string_view kDevice = "device cuda";
std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

struct LoadedMember {
  std::shared_ptr<const HopperCode> code;
  runtime::Manifest manifest;
  runtime::CudaModule module;
};

Result<LoadedMember> load_member(const runtime::CudaDriver& driver, Result<std::shared_ptr<const HopperCode>> code) {
  if (!code) return std::unexpected(code.error());
  const runtime::HopperMember& member = (*code)->member;
  if (auto status = runtime::check_parameters((*code)->cubin, member); !status) return failed(ErrorKind::Internal, fmt::format("{}: {}", kDevice, status.error().message));
  auto module = driver.load((*code)->cubin, runtime::entry_of(member.kernel), member.dynamic_smem_bytes);
  if (!module) return std::unexpected(module.error());
  const runtime::Manifest manifest = (*code)->manifest;
  return LoadedMember{std::move(*code), manifest, std::move(*module)};
}

using GpuMembers = HopperMembers<LoadedMember>;
using GpuFamily = HopperFamily<LoadedMember>;

runtime::ForwardTensor forward_tensor(const TensorView& tensor) { return {tensor.data, tensor.strides[2], tensor.strides[1], tensor.strides[0]}; }

/// Blocks of rows of a launch of the plain kernel: a CTA each, if there may be so many.
std::uint64_t simt_blocks(const flexc_hopper_arguments& arguments, const runtime::HopperMember& member) {
  return std::uint64_t{arguments.items} * (static_cast<unsigned>(arguments.item_rows) / device::simt_rows(member.tile.dv));
}

flexc_tensor_map bytes_of(const runtime::TensorMap& map) {
  flexc_tensor_map bytes;
  static_assert(sizeof bytes == sizeof map);
  std::memcpy(&bytes, &map, sizeof bytes);
  return bytes;
}

class GpuKernel final : public Kernel {
 public:
  /// `hopper` may be null: then the plain kernel serves every call.
  GpuKernel(GpuKernelParts parts, runtime::CudaDriver driver, std::unique_ptr<GpuFamily> hopper, std::unique_ptr<LazyMembers<LoadedMember>> simt)
      : signature_(std::move(parts.signature)), masks_(signature_, std::move(parts.tile_program), std::move(parts.masks)), check_gathers_(std::move(parts.check_gathers)), options_(std::move(parts.options)),
        may_fall_back_(parts.may_fall_back), driver_(std::move(driver)), hopper_(std::move(hopper)), simt_(std::move(simt)),
        tile_kernels_(driver_, parts.tile_kernels ? std::move(parts.tile_kernels) : [] { return runtime::compile_tile_kernels(); }),
        helper_kernels_(driver_, parts.helper_kernels ? std::move(parts.helper_kernels) : [] { return runtime::compile_helper_kernels(); }) {}

  Device device() const override { return Device::cuda(); }

  Result<void> run(const RunArguments& arguments, void* stream) const override {
    auto bound = bind_hopper_call(kDevice, *signature_, options_, arguments, MemoryKind::Cuda);
    if (!bound) return std::unexpected(bound.error());
    const CallShape& shape = bound->shape;
    if (auto status = check_outputs(arguments); !status) return status;
    if (arguments.checked)
      if (auto status = check(arguments, *bound, stream); !status) return status;
    const auto takes = hopper_takes(*bound);
    if (!takes && !may_fall_back_) return takes;
    const auto simt = choose(*bound, *simt_);
    if (!simt) return std::unexpected(simt.error());
    if (!takes) return run_simt(**simt, arguments, *bound, stream);

    const auto members = hopper_->members(in_steps(shape));
    if (!members) return std::unexpected(members.error());
    const auto loaded = choose(*bound, **members);
    if (!loaded) return std::unexpected(loaded.error());
    const runtime::HopperMember& member = (*loaded)->code->member;
    if (auto status = check_hopper_outputs(kDevice, member, arguments); !status) return status;
    if (shape.q_len == 0) return {};
    const std::uint32_t group = runtime::heads_of_a_group(forward_shape(member, shape, arguments), driver_.l2_bytes());
    auto call = HopperLaunch::prepare(member, shape, arguments, group);
    if (!call) return std::unexpected(call.error());
    set_rows(arguments, call->plan.arguments);
    if (call->mask_words() != nullptr)
      if (auto status = refuse_captured_mask(stream); !status) return status;
    std::uint64_t workspace = reinterpret_cast<std::uint64_t>(arguments.workspace), own = 0;
    if (workspace % runtime::kWorkspaceAlignment != 0)
      return failed(ErrorKind::Input, fmt::format("{}: the workspace is not at a multiple of {} bytes", kDevice, runtime::kWorkspaceAlignment));
    if (workspace == 0) {
      const auto allocated = driver_.allocate_on(stream, call->workspace_bytes());
      if (!allocated) return std::unexpected(allocated.error());
      workspace = own = *allocated;
    }
    call->place(workspace);
    auto status = run_all(**loaded, **simt, *call, *bound, stream);
    if (own != 0) {
      auto freed = driver_.free_on(stream, own);
      if (status && !freed) status = std::move(freed);
    }
    return status;
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    // The stream of captures is not known. The default one comes after all work that is on blocking streams by now.
    return masks_.build(shape, captures, report, [this]() -> Result<std::unique_ptr<tile::TileDevice>> {
      if (!driver_.is_hopper()) return failed(ErrorKind::Environment, fmt::format("{}: block masks of captures in a GPU's memory are built on compute capability 9.0 alone; bring the captures in host memory", kDevice));
      return tile_kernels_.device(nullptr);
    });
  }

  std::string_view kernel_of(const RunArguments& arguments) const override {
    const auto bound = bind_hopper_call(kDevice, *signature_, options_, arguments, MemoryKind::Cuda);
    if (!bound) return {};
    if (hopper_takes(*bound)) return "hopper";
    return may_fall_back_ ? "simt" : "";
  }

  std::size_t workspace_bytes(const RunArguments& arguments) const override {
    return hopper_ ? static_cast<std::size_t>(most_hopper_workspace(arguments)) : 0;
  }

 private:
  /// One of the kernels of a call, in the order of its stream.
  struct PlannedLaunch {
    const LoadedMember* loaded;
    flexc_simt_arguments arguments;  ///< of the Hopper kernel, the first part alone
    unsigned blocks;
  };

  Result<void> check_outputs(const RunArguments& arguments) const {
    if (arguments.out.dtype != options_.dtype) return failed(ErrorKind::Input, fmt::format("{}: out is {}; it must be {}", kDevice, name_of(arguments.out.dtype), name_of(options_.dtype)));
    const std::pair<std::string_view, const TensorView*> dense[] = {{"lse", &arguments.lse}, {"max_scores", &arguments.max_scores}, {"sink", &arguments.sink}};
    for (const auto& [name, tensor] : dense)
      if (!tensor->absent() && tensor->shape.back() > 1 && tensor->strides.back() != 1)
        return failed(ErrorKind::Input, fmt::format("{}: {} has the last stride {}; it must be 1", kDevice, name, tensor->strides.back()));
    return {};
  }

  /// A graph would copy a mask's metadata from the host when it runs, and they are gone by then.
  Result<void> refuse_captured_mask(void* stream) const {
    const auto captures = driver_.is_capturing(stream);
    if (!captures) return std::unexpected(captures.error());
    if (*captures) return failed(ErrorKind::Input, fmt::format("{}: a call with a block mask cannot be captured into a graph, because each makes the mask's metadata anew; leave the mask out", kDevice));
    return {};
  }

  /// Whether the Hopper kernel takes this call; an error says why not.
  Result<void> hopper_takes(const HopperCall& call) const {
    if (!hopper_) return failed(ErrorKind::Input, fmt::format("{}: there is no Hopper kernel for it", kDevice));
    if (in_steps(call.shape) && !hopper_->has_steps())
      return failed(ErrorKind::Input, fmt::format("{}: there is no Hopper kernel for positions in steps of {} and {} here", kDevice, call.shape.q_positions.step, call.shape.kv_positions.step));
    return check_hopper_call(kDevice, hopper_->first().code->member, call.shape);
  }

  /// A checked call, before it runs: gathers by the interpreter, on copies in host memory, and the block mask. Waits for the stream.
  Result<void> check(const RunArguments& arguments, const HopperCall& call, void* stream) const {
    if (!check_gathers_) return std::unexpected(no_gather_check());
    if (auto status = driver_.synchronize(stream); !status) return status;
    RunArguments on_host = arguments;
    runtime::Environment environment = call.environment;
    std::vector<TensorView*> views = {&on_host.q, &on_host.k, &on_host.v};
    for (TensorView& capture : environment.captures) views.push_back(&capture);
    std::vector<runtime::HostCopy> copies;
    for (TensorView* const view : views) {
      auto copy = runtime::copy_to_host(driver_, *view);
      if (!copy) return std::unexpected(copy.error());
      *view = copies.emplace_back(std::move(*copy)).view;  // bytes stay where they are when the list grows
    }
    if (auto status = check_gathers_(on_host, call.shape, environment); !status) return status;
    return masks_.verify(on_host, environment);
  }

  Result<const LoadedMember*> choose(const HopperCall& call, const GpuMembers& members) const {
    const bool narrow = within(members.narrow().manifest, call.shape, *signature_, call.environment, call.fresh);
    return members.member(narrow ? runtime::Member::Narrow : runtime::Member::Wide);
  }
  Result<const LoadedMember*> choose(const HopperCall& call, const LazyMembers<LoadedMember>& lazy) const {
    const auto members = lazy.get();
    if (!members) return std::unexpected(members.error());
    return choose(call, **members);
  }

  /// Where lse, max_scores and sink are.
  static void set_rows(const RunArguments& arguments, flexc_hopper_arguments& launch) {
    if (!arguments.lse.absent()) {
      launch.lse = static_cast<float*>(arguments.lse.data);
      launch.lse_batch_stride = arguments.lse.strides[0], launch.lse_head_stride = arguments.lse.strides[1];
    }
    launch.sink = static_cast<const float*>(arguments.sink.data);
    if (!arguments.max_scores.absent()) {
      launch.max_scores = static_cast<float*>(arguments.max_scores.data);
      launch.max_batch_stride = arguments.max_scores.strides[0], launch.max_head_stride = arguments.max_scores.strides[1];
    }
  }

  /// The plain kernel by itself. It reads neither workspace nor block masks: what a band leaves out is not visited, and all else is asked pair by pair.
  Result<void> run_simt(const LoadedMember& loaded, const RunArguments& arguments, const HopperCall& call, void* stream) const {
    if (call.shape.q_len == 0) return {};
    auto plan = plan_hopper_call(loaded.code->member, call.shape, arguments, forward_tensor(arguments.q), forward_tensor(arguments.k), forward_tensor(arguments.v), forward_tensor(arguments.out), 0);
    set_rows(arguments, plan.arguments);
    constexpr std::uint64_t kMostBlocks = (std::uint64_t{1} << 31) - 1;
    PlannedLaunch planned{&loaded, simt_arguments(plan.arguments, call.shape), static_cast<unsigned>(std::min(simt_blocks(plan.arguments, loaded.code->member), kMostBlocks))};
    return launch_one(planned, call, stream);
  }

  Result<void> launch_one(PlannedLaunch& planned, const HopperCall& call, void* stream) const {
    const runtime::HopperMember& member = planned.loaded->code->member;
    auto params = hopper_params(member, *signature_, call);
    if (!params) return std::unexpected(params.error());
    static_assert(offsetof(flexc_simt_arguments, call) == 0, "the driver copies as much as the kernel takes");
    void* pointers[] = {&planned.arguments, params->data()};
    runtime::CudaLaunch launch;
    launch.blocks = planned.blocks;
    launch.threads = member.threads, launch.dynamic_smem_bytes = member.dynamic_smem_bytes;
    launch.arguments = pointers;
    launch.stream = stream;
    return planned.loaded->module.launch(launch);
  }

  /// All that is done for a call of the Hopper kernel, in the order of the stream: the workspace, copies of inputs, the kernel, what makes the outputs of what it
  /// left, and the plain kernel for what was marked as not finite.
  Result<void> run_all(const LoadedMember& hopper, const LoadedMember& simt, HopperLaunch& call, const HopperCall& bound, void* stream) const {
    flexc_hopper_arguments& forward = call.plan.arguments;
    const std::pair<const runtime::TensorMapRequest*, flexc_tensor_map*> maps[] = {{&call.plan.q, &forward.q_map}, {&call.plan.k, &forward.k_map}, {&call.plan.v, &forward.v_map}, {&call.plan.out, &forward.out_map}};
    for (const auto& [request, map] : maps) {
      if (auto status = runtime::check_tensor_map(*request); !status) return status;
      const auto encoded = driver_.encode(*request);
      if (!encoded) return std::unexpected(encoded.error());
      *map = bytes_of(*encoded);
    }
    const runtime::HelperKernels::Loaded* helpers = nullptr;
    if (call.has_parts() || !call.copies_in.empty() || call.copy_out) {
      const auto found = helper_kernels_.get();
      if (!found) return std::unexpected(found.error());
      helpers = *found;
    }
    if (auto status = driver_.zero_words_on(stream, reinterpret_cast<std::uint64_t>(forward.workspace), call.zero_words()); !status) return status;
    if (const auto* words = call.mask_words())
      if (auto status = driver_.copy_in_on(stream, call.mask_address(), words->data(), words->size() * sizeof(std::uint32_t)); !status) return status;

    const auto help = [stream](const runtime::CudaModule& module, unsigned blocks, void* argument) {
      runtime::CudaLaunch launch;
      launch.blocks = blocks, launch.threads = runtime::kHelperThreads;
      launch.arguments = std::span(&argument, 1);
      launch.stream = stream;
      return module.launch(launch);
    };
    const unsigned most = static_cast<unsigned>(std::max(driver_.multiprocessors(), 1));
    for (flexc_copy_arguments& copy : call.copies_in)
      if (auto status = help(helpers->copy, copy_blocks(copy), &copy); !status) return status;
    PlannedLaunch attention{&hopper, simt_arguments(forward, bound.shape), std::min(forward.items, most)};
    if (auto status = launch_one(attention, bound, stream); !status) return status;
    if (call.has_parts()) {
      flexc_combine_arguments combine = call.combine();
      if (auto status = help(helpers->combine, runtime::combine_blocks(forward), &combine); !status) return status;
    }
    if (call.copy_out)
      if (auto status = help(helpers->copy, copy_blocks(*call.copy_out), &*call.copy_out); !status) return status;
    // What was marked as not finite is computed again; where nothing is marked, this ends at once.
    PlannedLaunch careful{&simt, simt_arguments(call.careful(), bound.shape), 0};
    careful.blocks = static_cast<unsigned>(std::min<std::uint64_t>(simt_blocks(careful.arguments.call, simt.code->member), most));
    return launch_one(careful, bound, stream);
  }

  std::shared_ptr<const runtime::Signature> signature_;
  MaskBuilder masks_;
  GatherCheck check_gathers_;
  CompileOptions options_;
  bool may_fall_back_;
  runtime::CudaDriver driver_;
  std::unique_ptr<GpuFamily> hopper_;
  std::unique_ptr<LazyMembers<LoadedMember>> simt_;
  runtime::TileKernels tile_kernels_;
  runtime::HelperKernels helper_kernels_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_gpu_kernel(GpuKernelParts parts) {
  auto driver = runtime::CudaDriver::open();
  if (!driver) return failed(driver.error().kind, fmt::format("{}: {}; use device cpu", kDevice, driver.error().message));
  const auto takes_options = check_hopper_options(kDevice, parts.options);
  const bool is_hopper = parts.members && takes_options && driver->is_hopper();
  if (!is_hopper && !parts.may_fall_back) {
    if (!takes_options) return std::unexpected(takes_options.error());
    return failed(ErrorKind::Environment, fmt::format("{}: the GPU has compute capability {}.{}; the Hopper kernel is for 9.0", kDevice, driver->capability() / 10, driver->capability() % 10));
  }
  if (!is_hopper)
    if (auto status = check_simt_options(kDevice, parts.options); !status) return std::unexpected(status.error());
  const std::string architecture = fmt::format("sm_{}", driver->capability());
  auto simt = std::make_unique<LazyMembers<LoadedMember>>([source = std::move(parts.simt), architecture, driver = *driver](runtime::Member which) { return load_member(driver, source(which, architecture)); });
  std::unique_ptr<GpuFamily> hopper;
  if (is_hopper) {
    simt->begin();
    const auto loaded_from = [&driver](HopperCodeSource source) -> GpuMembers::Make {
      if (!source) return {};
      return [source = std::move(source), driver = *driver](runtime::Member which) { return load_member(driver, source(which)); };
    };
    auto members = GpuFamily::make(loaded_from(std::move(parts.members)), loaded_from(std::move(parts.members_in_steps)));
    if (!members) return std::unexpected(members.error());
    hopper = std::move(*members);
  }
  if (const auto members = simt->get(); !members) return std::unexpected(members.error());
  return std::make_shared<GpuKernel>(std::move(parts), std::move(*driver), std::move(hopper), std::move(simt));
}

}  // namespace flexc
