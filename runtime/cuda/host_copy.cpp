#include "runtime/cuda/host_copy.h"

#include "flexc/dtype.h"

namespace flexc::runtime {

Result<HostCopy> copy_to_host(const CudaDriver& driver, const TensorView& tensor) {
  HostCopy copy;
  copy.view = tensor;
  copy.view.memory = MemoryKind::Host;
  if (tensor.absent() || tensor.element_count() == 0) return copy;
  const auto width = static_cast<std::int64_t>(size_of(tensor.dtype));
  std::int64_t first = 0, last = 0;  // bytes from the first element: strides may run backwards
  for (std::size_t axis = 0; axis < tensor.rank(); ++axis) {
    const std::int64_t reach = (tensor.shape[axis] - 1) * tensor.strides[axis] * width;
    (reach < 0 ? first : last) += reach;
  }
  copy.bytes.resize(static_cast<std::size_t>(last - first + width));
  const auto from = reinterpret_cast<std::uint64_t>(tensor.data) + static_cast<std::uint64_t>(first);
  if (auto status = driver.copy_out(copy.bytes.data(), from, copy.bytes.size()); !status) return std::unexpected(status.error());
  copy.view.data = copy.bytes.data() - first;
  return copy;
}

}  // namespace flexc::runtime
