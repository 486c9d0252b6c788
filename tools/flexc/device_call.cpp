#include "tools/flexc/device_call.h"

#include "tools/flexc/failure.h"

namespace flexc::cli {

DeviceCall::DeviceCall(const Kernel& kernel, const RunArguments& host) : host_(host), arguments_(host) {
  if (kernel.device().kind != Device::Kind::Cuda) return;
  memory_ = take(CudaMemory::open());
  arguments_.q = keep(take(memory_->copy_of(host.q)));
  arguments_.k = keep(take(memory_->copy_of(host.k)));
  arguments_.v = keep(take(memory_->copy_of(host.v)));
  arguments_.sink = keep(take(memory_->copy_of(host.sink)));
  for (const auto& [name, tensor] : host.captures.tensors()) arguments_.captures.set(name, keep(take(memory_->copy_of(tensor))));
  const auto output = [&](const TensorView& view, CudaTensor& tensor, TensorView& argument) {
    if (view.absent()) return;
    tensor = take(memory_->allocate(view.dtype, view.shape));
    argument = tensor.view();
  };
  output(host.out, out_, arguments_.out);
  output(host.lse, lse_, arguments_.lse);
  output(host.max_scores, max_scores_, arguments_.max_scores);
  workspace_ = take(memory_->allocate(u8, {static_cast<std::int64_t>(kernel.workspace_bytes(arguments_))}));
  arguments_.workspace = workspace_.view().data;
}

const TensorView& DeviceCall::keep(CudaTensor tensor) { return tensors_.emplace_back(std::move(tensor)).view(); }

void DeviceCall::wait() const {
  if (memory_) take(memory_->wait());
}

void DeviceCall::fetch() const {
  if (!memory_) return;
  take(memory_->wait());
  take(memory_->copy_back(out_, host_.out));
  take(memory_->copy_back(lse_, host_.lse));
  take(memory_->copy_back(max_scores_, host_.max_scores));
}

}  // namespace flexc::cli
