#include "tools/gpu_kit/call.h"

#include <algorithm>
#include <cstring>

#include "flexc/gallery.h"
#include "flexc/random.h"

namespace flexc::kit {
namespace {

void fill(Tensor& tensor, std::uint64_t seed, const char* name, std::int64_t drawn) {
  const std::int64_t elements = tensor.view().element_count(), first = std::min(drawn, elements);
  fill_normal(TensorView(tensor.data(), tensor.view().dtype, {first}), seed, name);
  const auto size = static_cast<std::int64_t>(size_of(tensor.view().dtype));
  for (std::int64_t done = first; done < elements; done += first)
    std::memcpy(tensor.as<std::byte>() + done * size, tensor.data(), static_cast<std::size_t>(std::min(first, elements - done) * size));
}

}  // namespace

Result<BundledVariant> described(const Bundle& bundle, const std::string& variant) {
  const auto found = std::ranges::find(bundle.variants(), variant, &BundledVariant::name);
  if (found == bundle.variants().end()) return std::unexpected(Error{ErrorKind::Input, "the bundle has no variant " + variant});
  return *found;
}

Result<HostCall> HostCall::make(const BundledVariant& variant, DType dtype, const Extents& e, std::uint64_t seed, std::int64_t drawn) {
  HostCall call;
  call.extents = e;
  call.q = Tensor(dtype, {e.batch, e.heads, e.q_len, e.head_dim}), call.out = Tensor(dtype, {e.batch, e.heads, e.q_len, e.head_dim});
  call.k = Tensor(dtype, {e.batch, e.kv_heads, e.kv_len, e.head_dim}), call.v = Tensor(dtype, {e.batch, e.kv_heads, e.kv_len, e.head_dim});
  call.lse = Tensor(f32, {e.batch, e.heads, e.q_len});
  fill(call.q, seed, "q", drawn), fill(call.k, seed, "k", drawn), fill(call.v, seed, "v", drawn);
  const GalleryProblem problem{e.batch, e.heads, e.kv_heads, e.q_total(), e.kv_total(), {}};
  for (const BundledVariant::Capture& capture : variant.captures) {
    auto tensor = make_capture(variant.name, capture.name, capture.dims, problem, seed);
    if (!tensor) return std::unexpected(Error{ErrorKind::Internal, variant.name + ": nothing makes the capture " + capture.name});
    call.arguments.captures.set(capture.name, call.captured.emplace_back(std::move(*tensor)).view());
  }
  call.arguments.q = call.q.view(), call.arguments.k = call.k.view(), call.arguments.v = call.v.view();
  call.arguments.out = call.out.view(), call.arguments.lse = call.lse.view();
  call.arguments.q_offset = e.q_offset, call.arguments.kv_offset = e.kv_offset;
  call.arguments.q_step = e.q_step, call.arguments.kv_step = e.kv_step;
  return call;
}

Result<GpuCall> GpuCall::copy(const CudaMemory& memory, const HostCall& host, const Kernel& kernel, const BlockMask* mask) {
  GpuCall call;
  call.arguments = host.arguments;
  call.arguments.captures = {};
  call.arguments.mask = mask;
  const auto keep = [&](const TensorView& from) -> Result<TensorView> {
    auto copied = memory.copy_of(from);
    if (!copied) return std::unexpected(copied.error());
    return call.inputs.emplace_back(std::move(*copied)).view();
  };
  for (TensorView RunArguments::* each : {&RunArguments::q, &RunArguments::k, &RunArguments::v}) {
    const auto view = keep(host.arguments.*each);
    if (!view) return std::unexpected(view.error());
    call.arguments.*each = *view;
  }
  for (const auto& [name, tensor] : host.arguments.captures.tensors()) {
    const auto view = keep(tensor);
    if (!view) return std::unexpected(view.error());
    call.arguments.captures.set(name, *view);
  }
  // Outputs begin as what the host's hold, so that rows which nothing writes are seen.
  auto out = memory.copy_of(host.out.view()), lse = memory.copy_of(host.lse.view());
  if (!out || !lse) return std::unexpected(!out ? out.error() : lse.error());
  call.out = std::move(*out), call.lse = std::move(*lse);
  call.arguments.out = call.out.view(), call.arguments.lse = call.lse.view();
  if (const std::size_t bytes = kernel.workspace_bytes(call.arguments); bytes > 0) {
    auto workspace = memory.allocate(DType::U8, {static_cast<std::int64_t>(bytes)});
    if (!workspace) return std::unexpected(workspace.error());
    call.workspace = std::move(*workspace);
    call.arguments.workspace = call.workspace.view().data;
  }
  return call;
}

}  // namespace flexc::kit
