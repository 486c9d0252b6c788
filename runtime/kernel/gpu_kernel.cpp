#include "runtime/kernel/gpu_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/cuda/driver.h"
#include "runtime/kernel/hopper_call.h"
#include "runtime/kernel/hopper_members.h"

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

flexc_tensor_map bytes_of(const runtime::TensorMap& map) {
  flexc_tensor_map bytes;
  static_assert(sizeof bytes == sizeof map);
  std::memcpy(&bytes, &map, sizeof bytes);
  return bytes;
}

class GpuKernel final : public Kernel {
 public:
  GpuKernel(GpuKernelParts parts, runtime::CudaDriver driver, std::unique_ptr<GpuMembers> members)
      : signature_(std::move(parts.signature)), masks_(signature_, std::move(parts.tile_program), std::move(parts.masks)), options_(std::move(parts.options)),
        driver_(std::move(driver)), members_(std::move(members)),
        tile_kernels_(driver_, parts.tile_kernels ? std::move(parts.tile_kernels) : [] { return runtime::compile_tile_kernels(); }) {}

  Device device() const override { return Device::cuda(); }

  Result<void> run(const RunArguments& arguments, void* stream) const override {
    auto bound = bind_hopper_call(kDevice, *signature_, options_, arguments, MemoryKind::Cuda);
    if (!bound) return std::unexpected(bound.error());
    const CallShape& shape = bound->shape;
    if (auto status = check_tensors(arguments); !status) return status;
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
    auto plan = plan_hopper_call(member, shape, arguments, forward_tensor(arguments.q), forward_tensor(arguments.k), forward_tensor(arguments.v), forward_tensor(arguments.out), group);
    const std::pair<const runtime::TensorMapRequest*, flexc_tensor_map*> maps[] = {
        {&plan.q, &plan.arguments.q_map}, {&plan.k, &plan.arguments.k_map}, {&plan.v, &plan.arguments.v_map}, {&plan.out, &plan.arguments.out_map}};
    for (const auto& [request, map] : maps) {
      if (auto status = runtime::check_tensor_map(*request); !status) return status;
      const auto encoded = driver_.encode(*request);
      if (!encoded) return std::unexpected(encoded.error());
      *map = bytes_of(*encoded);
    }
    if (!arguments.lse.absent()) {
      plan.arguments.lse = static_cast<float*>(arguments.lse.data);
      plan.arguments.lse_batch_stride = arguments.lse.strides[0], plan.arguments.lse_head_stride = arguments.lse.strides[1];
    }
    plan.arguments.sink = static_cast<const float*>(arguments.sink.data);
    if (!arguments.max_scores.absent()) {
      plan.arguments.max_scores = static_cast<float*>(arguments.max_scores.data);
      plan.arguments.max_batch_stride = arguments.max_scores.strides[0], plan.arguments.max_head_stride = arguments.max_scores.strides[1];
    }
    const auto metadata = hopper_mask(member, arguments, plan);
    if (!metadata) return std::unexpected(metadata.error());
    return launch(**loaded, plan.arguments, *params, *metadata, arguments.workspace, stream);
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    // The stream of captures is not known. The default one comes after all work that is on blocking streams by now.
    return masks_.build(shape, captures, report, [this] { return tile_kernels_.device(nullptr); });
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
  Result<void> check_tensors(const RunArguments& arguments) const {
    const std::pair<std::string_view, const TensorView*> tensors[] = {{"q", &arguments.q}, {"k", &arguments.k}, {"v", &arguments.v}, {"out", &arguments.out}};
    for (const auto& [name, tensor] : tensors)
      if (auto status = check_for_tma(name, *tensor); !status) return status;
    if (arguments.out.dtype != options_.dtype) return failed(ErrorKind::Input, fmt::format("{}: out is {}; it must be {}", kDevice, name_of(arguments.out.dtype), name_of(options_.dtype)));
    const std::pair<std::string_view, const TensorView*> dense[] = {{"lse", &arguments.lse}, {"max_scores", &arguments.max_scores}, {"sink", &arguments.sink}};
    for (const auto& [name, tensor] : dense)
      if (!tensor->absent() && tensor->shape.back() > 1 && tensor->strides.back() != 1)
        return failed(ErrorKind::Input, fmt::format("{}: {} has the last stride {}; it must be 1", kDevice, name, tensor->strides.back()));
    return {};
  }

  Result<const LoadedMember*> choose(const RunArguments& arguments, const HopperCall& call) const {
    const bool narrow = within(members_->narrow().manifest, arguments, call.shape, *signature_, call.environment, call.fresh);
    return members_->member(narrow ? runtime::Member::Narrow : runtime::Member::Wide);
  }

  Result<void> launch(const LoadedMember& loaded, flexc_hopper_arguments& arguments, std::vector<std::uint64_t>& params, const std::optional<runtime::MaskMetadata>& mask,
                      void* workspace, void* stream) const {
    const std::size_t words = runtime::workspace_words(arguments), mask_at = (words + kWordsBeforeMask) / 2 * 2;  // pairs of words are aligned to their size
    std::uint64_t own = 0;
    if (workspace == nullptr) {
      const auto allocated = driver_.allocate_on(stream, (mask ? mask_at + mask->words.size() : words) * sizeof(unsigned));
      if (!allocated) return std::unexpected(allocated.error());
      own = *allocated;
      workspace = reinterpret_cast<void*>(own);
    }
    arguments.workspace = static_cast<unsigned*>(workspace);
    auto status = driver_.zero_words_on(stream, reinterpret_cast<std::uint64_t>(workspace), words);
    if (status && mask) {
      const std::uint64_t at = reinterpret_cast<std::uint64_t>(workspace) + mask_at * sizeof(unsigned);
      mask->point(arguments, at);
      status = driver_.copy_in_on(stream, at, mask->words.data(), mask->words.size() * sizeof(unsigned));
    }
    if (status) {
      const runtime::HopperMember& member = loaded.code->member;
      void* pointers[] = {&arguments, params.data()};
      runtime::CudaLaunch launch;
      launch.blocks = std::min(arguments.items, static_cast<unsigned>(std::max(driver_.multiprocessors(), 1)));
      launch.threads = member.threads, launch.dynamic_smem_bytes = member.dynamic_smem_bytes;
      launch.arguments = pointers;
      launch.stream = stream;
      status = loaded.module.launch(launch);
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
  runtime::CudaDriver driver_;
  std::unique_ptr<GpuMembers> members_;
  runtime::TileKernels tile_kernels_;
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
