#include "runtime/kernel/gpu_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/host_copy.h"
#include "runtime/cuda/workspace.h"
#include "runtime/kernel/hopper_launch.h"
#include "runtime/kernel/hopper_members.h"

namespace flexc {
namespace {

constexpr std::string_view kDevice = "device cuda";
std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

struct LoadedMember {
  std::shared_ptr<const HopperCode> code;
  runtime::Manifest manifest;
  runtime::CudaModule module;
};

Result<LoadedMember> load_member(const runtime::CudaDriver& driver, const HopperCodeSource& source, runtime::Member which) {
  auto code = source(which);
  if (!code) return std::unexpected(code.error());
  const runtime::HopperMember& member = (*code)->member;
  if (auto status = runtime::check_parameters((*code)->cubin, member); !status) return failed(ErrorKind::Internal, fmt::format("{}: {}", kDevice, status.error().message));
  auto module = driver.load((*code)->cubin, runtime::kHopperKernel, member.dynamic_smem_bytes);
  if (!module) return std::unexpected(module.error());
  const runtime::Manifest manifest = (*code)->manifest;
  return LoadedMember{std::move(*code), manifest, std::move(*module)};
}

using GpuMembers = HopperMembers<LoadedMember>;

flexc_tensor_map bytes_of(const runtime::TensorMap& map) {
  flexc_tensor_map bytes;
  static_assert(sizeof bytes == sizeof map);
  std::memcpy(&bytes, &map, sizeof bytes);
  return bytes;
}

class GpuKernel final : public Kernel {
 public:
  GpuKernel(GpuKernelParts parts, runtime::CudaDriver driver, std::unique_ptr<GpuMembers> members)
      : signature_(std::move(parts.signature)), masks_(signature_, std::move(parts.tile_program), std::move(parts.masks)), check_gathers_(std::move(parts.check_gathers)), options_(std::move(parts.options)),
        driver_(std::move(driver)), members_(std::move(members)),
        tile_kernels_(driver_, parts.tile_kernels ? std::move(parts.tile_kernels) : [] { return runtime::compile_tile_kernels(); }),
        helper_kernels_(driver_, parts.helper_kernels ? std::move(parts.helper_kernels) : [] { return runtime::compile_helper_kernels(); }) {}

  Device device() const override { return Device::cuda(); }

  Result<void> run(const RunArguments& arguments, void* stream) const override {
    auto bound = bind_hopper_call(kDevice, *signature_, options_, arguments, MemoryKind::Cuda);
    if (!bound) return std::unexpected(bound.error());
    const CallShape& shape = bound->shape;
    if (auto status = check_tensors(arguments); !status) return status;
    if (arguments.checked)
      if (auto status = check(arguments, *bound, stream); !status) return status;
    const auto loaded = choose(arguments, *bound);
    if (!loaded) return std::unexpected(loaded.error());
    const runtime::HopperMember& member = (*loaded)->code->member;
    if (auto status = check_hopper_scale(kDevice, member, shape); !status) return status;
    if (auto status = check_hopper_outputs(kDevice, member, arguments); !status) return status;
    if (shape.q_len == 0) {
      // Nothing is launched; whoever asks the workspace finds no fault.
      if (arguments.workspace == nullptr) return {};
      return driver_.zero_words_on(stream, reinterpret_cast<std::uint64_t>(arguments.workspace), kFlexcWorkspaceHeader);
    }
    auto params = hopper_params(member, *signature_, *bound);
    if (!params) return std::unexpected(params.error());

    const std::uint32_t group = runtime::heads_of_a_group(forward_shape(member, shape, arguments), driver_.l2_bytes());
    auto launch = HopperLaunch::prepare(member, shape, arguments, group);
    if (!launch) return std::unexpected(launch.error());
    flexc_hopper_arguments& forward = launch->plan.arguments;
    if (!arguments.lse.absent()) {
      forward.lse = static_cast<float*>(arguments.lse.data);
      forward.lse_batch_stride = arguments.lse.strides[0], forward.lse_head_stride = arguments.lse.strides[1];
    }
    forward.sink = static_cast<const float*>(arguments.sink.data);
    if (!arguments.max_scores.absent()) {
      forward.max_scores = static_cast<float*>(arguments.max_scores.data);
      forward.max_batch_stride = arguments.max_scores.strides[0], forward.max_head_stride = arguments.max_scores.strides[1];
    }
    std::uint64_t workspace = reinterpret_cast<std::uint64_t>(arguments.workspace), own = 0;
    if (workspace % runtime::kWorkspaceAlignment != 0)
      return failed(ErrorKind::Input, fmt::format("{}: the workspace is not at a multiple of {} bytes", kDevice, runtime::kWorkspaceAlignment));
    if (workspace == 0) {
      const auto allocated = driver_.allocate_on(stream, launch->workspace_bytes());
      if (!allocated) return std::unexpected(allocated.error());
      workspace = own = *allocated;
    }
    launch->place(workspace);
    auto status = run_all(**loaded, *launch, *params, stream);
    if (own != 0) {
      auto freed = driver_.free_on(stream, own);
      if (status && !freed) status = std::move(freed);
    }
    return status;
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    // The stream of captures is not known. The default one comes after all work that is on blocking streams by now.
    return masks_.build(shape, captures, report, [this] { return tile_kernels_.device(nullptr); });
  }

  std::size_t workspace_bytes(const RunArguments& arguments) const override {
    return static_cast<std::size_t>(most_hopper_workspace(arguments));
  }

 private:
  Result<void> check_tensors(const RunArguments& arguments) const {
    if (arguments.out.dtype != options_.dtype) return failed(ErrorKind::Input, fmt::format("{}: out is {}; it must be {}", kDevice, name_of(arguments.out.dtype), name_of(options_.dtype)));
    const std::pair<std::string_view, const TensorView*> dense[] = {{"lse", &arguments.lse}, {"max_scores", &arguments.max_scores}, {"sink", &arguments.sink}};
    for (const auto& [name, tensor] : dense)
      if (!tensor->absent() && tensor->shape.back() > 1 && tensor->strides.back() != 1)
        return failed(ErrorKind::Input, fmt::format("{}: {} has the last stride {}; it must be 1", kDevice, name, tensor->strides.back()));
    return {};
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

  Result<const LoadedMember*> choose(const RunArguments& arguments, const HopperCall& call) const {
    const bool narrow = within(members_->narrow().manifest, arguments, call.shape, *signature_, call.environment, call.fresh);
    return members_->member(narrow ? runtime::Member::Narrow : runtime::Member::Wide);
  }

  /// Every kernel of the call, in the order of the stream.
  Result<void> run_all(const LoadedMember& loaded, HopperLaunch& call, std::vector<std::uint64_t>& params, void* stream) const {
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

    const auto launch = [stream](const runtime::CudaModule& module, unsigned blocks, unsigned threads, unsigned smem, std::span<void*> arguments) {
      runtime::CudaLaunch one;
      one.blocks = blocks, one.threads = threads, one.dynamic_smem_bytes = smem;
      one.arguments = arguments;
      one.stream = stream;
      return module.launch(one);
    };
    const auto help = [&](const runtime::CudaModule& module, unsigned blocks, void* argument) { return launch(module, blocks, runtime::kHelperThreads, 0, std::span(&argument, 1)); };
    for (flexc_copy_arguments& copy : call.copies_in)
      if (auto status = help(helpers->copy, copy_blocks(copy), &copy); !status) return status;
    const runtime::HopperMember& member = loaded.code->member;
    void* arguments[] = {&forward, params.data()};
    const unsigned blocks = std::min(forward.items, static_cast<unsigned>(std::max(driver_.multiprocessors(), 1)));
    if (auto status = launch(loaded.module, blocks, member.threads, member.dynamic_smem_bytes, arguments); !status) return status;
    if (call.has_parts()) {
      flexc_combine_arguments combine = call.combine();
      return help(helpers->combine, runtime::combine_blocks(forward), &combine);
    }
    if (call.copy_out) return help(helpers->copy, copy_blocks(*call.copy_out), &*call.copy_out);
    return {};
  }

  std::shared_ptr<const runtime::Signature> signature_;
  MaskBuilder masks_;
  GatherCheck check_gathers_;
  CompileOptions options_;
  runtime::CudaDriver driver_;
  std::unique_ptr<GpuMembers> members_;
  runtime::TileKernels tile_kernels_;
  runtime::HelperKernels helper_kernels_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_gpu_kernel(GpuKernelParts parts) {
  auto driver = runtime::CudaDriver::open();
  if (!driver) return failed(driver.error().kind, fmt::format("{}: {}; use device cpu", kDevice, driver.error().message));
  if (auto status = check_hopper_options(kDevice, parts.options); !status) return std::unexpected(status.error());
  auto members = GpuMembers::make([source = std::move(parts.members), driver = *driver](runtime::Member which) { return load_member(driver, source, which); });
  if (!members) return std::unexpected(members.error());
  return std::make_shared<GpuKernel>(std::move(parts), std::move(*driver), std::move(*members));
}

}  // namespace flexc
