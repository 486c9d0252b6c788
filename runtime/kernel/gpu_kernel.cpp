#include "runtime/kernel/gpu_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/cuda/driver.h"
#include "runtime/kernel/hopper_call.h"
#include "runtime/kernel/hopper_members.h"
#include "templates/simt/tile.h"

namespace flexc {
namespace {

constexpr std::string_view kDevice = "device cuda";
constexpr std::uint64_t kTmaAlignment = 16;
constexpr std::int64_t kTmaStride = 8;  // elements of 2 bytes: 16 bytes

constexpr std::uint64_t kWordsBeforeMask = 1;  // at most, for alignment

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

/// What TMA asks of a tensor's place and strides.
Result<void> check_for_tma(std::string_view name, const TensorView& tensor) {
  if (tensor.element_count() == 0) return {};
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % kTmaAlignment != 0)
    return failed(ErrorKind::Input, fmt::format("{}: {} is not at a multiple of {} bytes, which TMA needs; copy it", kDevice, name, kTmaAlignment));
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (tensor.shape[axis] > 1 && (tensor.strides[axis] <= 0 || tensor.strides[axis] % kTmaStride != 0))
      return failed(ErrorKind::Input, fmt::format("{}: {} has the stride {} in dimension {}; TMA needs positive multiples of {} elements; copy it to where rows have such a stride", kDevice, name, tensor.strides[axis], axis, kTmaStride));
  return {};
}

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
  GpuKernel(GpuKernelParts parts, runtime::CudaDriver driver, std::unique_ptr<GpuMembers> hopper, std::unique_ptr<LazyMembers<LoadedMember>> simt)
      : signature_(std::move(parts.signature)), masks_(signature_, std::move(parts.tile_program), std::move(parts.masks)), options_(std::move(parts.options)),
        may_fall_back_(parts.may_fall_back), driver_(std::move(driver)), hopper_(std::move(hopper)), simt_(std::move(simt)),
        tile_kernels_(driver_, parts.tile_kernels ? std::move(parts.tile_kernels) : [] { return runtime::compile_tile_kernels(); }) {}

  Device device() const override { return Device::cuda(); }

  Result<void> run(const RunArguments& arguments, void* stream) const override {
    auto bound = bind_hopper_call(kDevice, *signature_, options_, arguments, MemoryKind::Cuda);
    if (!bound) return std::unexpected(bound.error());
    const CallShape& shape = bound->shape;
    if (auto status = check_outputs(arguments); !status) return status;
    const auto takes = hopper_takes(arguments, *bound);
    if (!takes && !may_fall_back_) return takes;
    const auto simt = choose(arguments, *bound, *simt_);
    if (!simt) return std::unexpected(simt.error());
    if (!takes) return run_simt(**simt, arguments, *bound, stream);

    const auto loaded = choose(arguments, *bound, *hopper_);
    if (!loaded) return std::unexpected(loaded.error());
    const runtime::HopperMember& member = (*loaded)->code->member;
    if (auto status = check_hopper_outputs(kDevice, member, arguments); !status) return status;
    if (shape.q_len == 0) return {};
    const std::uint32_t group = runtime::heads_of_a_group(forward_shape(member, shape, arguments), driver_.l2_bytes());
    auto plan = plan_of(member, shape, arguments, group);
    const std::pair<const runtime::TensorMapRequest*, flexc_tensor_map*> maps[] = {
        {&plan.q, &plan.arguments.q_map}, {&plan.k, &plan.arguments.k_map}, {&plan.v, &plan.arguments.v_map}, {&plan.out, &plan.arguments.out_map}};
    for (const auto& [request, map] : maps) {
      if (auto status = runtime::check_tensor_map(*request); !status) return status;
      const auto encoded = driver_.encode(*request);
      if (!encoded) return std::unexpected(encoded.error());
      *map = bytes_of(*encoded);
    }
    const auto metadata = hopper_mask(member, arguments, plan);
    if (!metadata) return std::unexpected(metadata.error());
    // What the first marks as not finite, the second computes again; where nothing is marked it ends at once.
    const unsigned most = static_cast<unsigned>(std::max(driver_.multiprocessors(), 1));
    std::vector<PlannedLaunch> launches;
    launches.push_back({*loaded, plan.arguments, std::min(plan.arguments.items, most)});
    launches.push_back({*simt, plan.arguments, static_cast<unsigned>(std::min<std::uint64_t>(simt_blocks(plan.arguments, (*simt)->code->member), most))});
    launches.back().arguments.only_marked = 1;
    return launch(launches, *bound, *metadata, arguments.workspace, stream);
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    // The stream of captures is not known. The default one comes after all work that is on blocking streams by now.
    return masks_.build(shape, captures, report, [this]() -> Result<std::unique_ptr<tile::TileDevice>> {
      if (!driver_.is_hopper()) return failed(ErrorKind::Environment, fmt::format("{}: block masks of captures in a GPU's memory are built on compute capability 9.0 alone; bring the captures in host memory", kDevice));
      return tile_kernels_.device(nullptr);
    });
  }

  std::size_t workspace_bytes(const RunArguments& arguments) const override {
    if (arguments.q.rank() != 4) return 0;
    // For either member: a tile has at least kLeastTileRows rows.
    const std::int64_t blocks = (arguments.q.shape[2] + kLeastTileRows - 1) / kLeastTileRows;
    const auto items = static_cast<std::uint64_t>(arguments.q.shape[0] * arguments.q.shape[1] * blocks);
    const std::uint64_t of_mask = arguments.mask == nullptr ? 0 : kWordsBeforeMask + runtime::most_mask_words(*arguments.mask, items, kLeastTileRows);
    return static_cast<std::size_t>(kFlexcWorkspaceHeader + items + of_mask) * sizeof(unsigned);
  }

 private:
  /// One of the kernels of a call, in the order of its stream.
  struct PlannedLaunch {
    const LoadedMember* loaded;
    flexc_hopper_arguments arguments;
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

  /// Whether the Hopper kernel takes this call; an error says why not.
  Result<void> hopper_takes(const RunArguments& arguments, const HopperCall& call) const {
    if (!hopper_) return failed(ErrorKind::Input, fmt::format("{}: there is no Hopper kernel for it", kDevice));
    if (auto status = check_hopper_scale(kDevice, hopper_->narrow().code->member, call.shape); !status) return status;
    const std::pair<std::string_view, const TensorView*> tensors[] = {{"q", &arguments.q}, {"k", &arguments.k}, {"v", &arguments.v}, {"out", &arguments.out}};
    for (const auto& [name, tensor] : tensors)
      if (auto status = check_for_tma(name, *tensor); !status) return status;
    return {};
  }

  Result<const LoadedMember*> choose(const RunArguments& arguments, const HopperCall& call, const GpuMembers& members) const {
    const bool narrow = within(members.narrow().manifest, arguments, call.shape, *signature_, call.environment, call.fresh);
    return members.member(narrow ? runtime::Member::Narrow : runtime::Member::Wide);
  }
  Result<const LoadedMember*> choose(const RunArguments& arguments, const HopperCall& call, const LazyMembers<LoadedMember>& lazy) const {
    const auto members = lazy.get();
    if (!members) return std::unexpected(members.error());
    return choose(arguments, call, **members);
  }

  /// The plan, and where lse, max_scores and sink are.
  runtime::ForwardPlan plan_of(const runtime::HopperMember& member, const CallShape& shape, const RunArguments& arguments, std::uint32_t group) const {
    auto plan = plan_hopper_call(member, shape, arguments, forward_tensor(arguments.q), forward_tensor(arguments.k), forward_tensor(arguments.v), forward_tensor(arguments.out), group);
    if (!arguments.lse.absent()) {
      plan.arguments.lse = static_cast<float*>(arguments.lse.data);
      plan.arguments.lse_batch_stride = arguments.lse.strides[0], plan.arguments.lse_head_stride = arguments.lse.strides[1];
    }
    plan.arguments.sink = static_cast<const float*>(arguments.sink.data);
    if (!arguments.max_scores.absent()) {
      plan.arguments.max_scores = static_cast<float*>(arguments.max_scores.data);
      plan.arguments.max_batch_stride = arguments.max_scores.strides[0], plan.arguments.max_head_stride = arguments.max_scores.strides[1];
    }
    return plan;
  }

  /// The plain kernel by itself. It reads neither workspace nor block masks: what a band leaves out is not visited, and all else is asked pair by pair.
  Result<void> run_simt(const LoadedMember& loaded, const RunArguments& arguments, const HopperCall& call, void* stream) const {
    if (call.shape.q_len == 0) return {};
    const auto plan = plan_of(loaded.code->member, call.shape, arguments, 0);
    constexpr std::uint64_t kMostBlocks = (std::uint64_t{1} << 31) - 1;
    PlannedLaunch planned{&loaded, plan.arguments, static_cast<unsigned>(std::min(simt_blocks(plan.arguments, loaded.code->member), kMostBlocks))};
    return launch_one(planned, call, stream);
  }

  Result<void> launch_one(PlannedLaunch& planned, const HopperCall& call, void* stream) const {
    const runtime::HopperMember& member = planned.loaded->code->member;
    auto params = hopper_params(member, *signature_, call);
    if (!params) return std::unexpected(params.error());
    void* pointers[] = {&planned.arguments, params->data()};
    runtime::CudaLaunch launch;
    launch.blocks = planned.blocks;
    launch.threads = member.threads, launch.dynamic_smem_bytes = member.dynamic_smem_bytes;
    launch.arguments = pointers;
    launch.stream = stream;
    return planned.loaded->module.launch(launch);
  }

  /// Kernels that share a workspace, one behind the other.
  Result<void> launch(std::span<PlannedLaunch> kernels, const HopperCall& call, const std::optional<runtime::MaskMetadata>& mask, void* workspace, void* stream) const {
    const std::size_t words = runtime::workspace_words(kernels.front().arguments), mask_at = (words + kWordsBeforeMask) / 2 * 2;  // pairs of words are aligned to their size
    std::uint64_t own = 0;
    if (workspace == nullptr) {
      const auto allocated = driver_.allocate_on(stream, (mask ? mask_at + mask->words.size() : words) * sizeof(unsigned));
      if (!allocated) return std::unexpected(allocated.error());
      own = *allocated;
      workspace = reinterpret_cast<void*>(own);
    }
    auto status = driver_.zero_words_on(stream, reinterpret_cast<std::uint64_t>(workspace), words);
    const std::uint64_t at = reinterpret_cast<std::uint64_t>(workspace) + mask_at * sizeof(unsigned);
    if (status && mask) status = driver_.copy_in_on(stream, at, mask->words.data(), mask->words.size() * sizeof(unsigned));
    for (PlannedLaunch& kernel : kernels) {
      if (!status) break;
      kernel.arguments.workspace = static_cast<unsigned*>(workspace);
      if (mask) mask->point(kernel.arguments, at);
      status = launch_one(kernel, call, stream);
    }
    if (own != 0) {
      auto freed = driver_.free_on(stream, own);
      if (status && !freed) status = std::move(freed);
    }
    return status;
  }

  std::shared_ptr<const runtime::Signature> signature_;
  MaskBuilder masks_;
  CompileOptions options_;
  bool may_fall_back_;
  runtime::CudaDriver driver_;
  std::unique_ptr<GpuMembers> hopper_;
  std::unique_ptr<LazyMembers<LoadedMember>> simt_;
  runtime::TileKernels tile_kernels_;
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
  std::unique_ptr<GpuMembers> hopper;
  if (is_hopper) {
    simt->begin();
    auto members = GpuMembers::make([source = std::move(parts.members), driver = *driver](runtime::Member which) { return load_member(driver, source(which)); });
    if (!members) return std::unexpected(members.error());
    hopper = std::move(*members);
  }
  if (const auto members = simt->get(); !members) return std::unexpected(members.error());
  return std::make_shared<GpuKernel>(std::move(parts), std::move(*driver), std::move(hopper), std::move(simt));
}

}  // namespace flexc
