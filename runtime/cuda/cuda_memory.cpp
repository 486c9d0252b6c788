#include "flexc/cuda_memory.h"

#include <cstring>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/forward_plan.h"

namespace flexc {
namespace {

std::size_t bytes_of(const TensorView& tensor) { return static_cast<std::size_t>(tensor.element_count()) * size_of(tensor.dtype); }

bool is_row_major(const TensorView& tensor) { return tensor.strides == TensorView::row_major_strides(tensor.shape); }

/// The elements in row-major order.
std::vector<std::byte> packed(const TensorView& tensor) {
  const std::size_t width = size_of(tensor.dtype);
  std::vector<std::byte> bytes(bytes_of(tensor));
  std::vector<std::int64_t> index(tensor.rank(), 0);
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) offset += index[axis] * tensor.strides[axis];
    std::memcpy(bytes.data() + at, static_cast<const std::byte*>(tensor.data) + offset * static_cast<std::int64_t>(width), width);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < tensor.shape[axis]) break;
      index[axis] = 0;
    }
  }
  return bytes;
}

}  // namespace

struct CudaMemory::State {
  runtime::CudaDriver driver;
};

Result<CudaMemory> CudaMemory::open(int device) {
  auto driver = runtime::CudaDriver::open(device);
  if (!driver) return std::unexpected(driver.error());
  CudaMemory memory;
  memory.state_ = std::make_shared<const State>(State{std::move(*driver)});
  return memory;
}

Result<CudaTensor> CudaMemory::allocate(DType dtype, std::vector<std::int64_t> shape) const {
  CudaTensor tensor;
  tensor.view_ = TensorView(nullptr, dtype, std::move(shape), {}, MemoryKind::Cuda);
  auto allocation = state_->driver.allocate(bytes_of(tensor.view_));
  if (!allocation) return std::unexpected(allocation.error());
  tensor.view_.data = reinterpret_cast<void*>(allocation->address());
  tensor.owner_ = std::make_shared<runtime::CudaAllocation>(std::move(*allocation));
  return tensor;
}

Result<CudaTensor> CudaMemory::copy_of(const TensorView& host) const {
  if (host.absent()) return CudaTensor{};
  auto tensor = allocate(host.dtype, host.shape);
  if (!tensor) return tensor;
  std::vector<std::byte> bytes;
  if (!is_row_major(host)) bytes = packed(host);
  const void* from = bytes.empty() ? host.data : bytes.data();
  if (auto status = state_->driver.copy_in(reinterpret_cast<std::uint64_t>(tensor->view_.data), from, bytes_of(host)); !status) return std::unexpected(status.error());
  return tensor;
}

Result<void> CudaMemory::copy_back(const CudaTensor& tensor, const TensorView& host, void* stream) const {
  if (tensor.view().absent()) return {};
  if (host.dtype != tensor.view().dtype || host.shape != tensor.view().shape || !is_row_major(host))
    return std::unexpected(Error{ErrorKind::Internal, "a tensor of a GPU is copied to one of another type or shape"});
  if (auto status = wait(stream); !status) return status;
  return state_->driver.copy_out(host.data, reinterpret_cast<std::uint64_t>(tensor.view().data), bytes_of(host));
}

Result<void> CudaMemory::wait(void* stream) const { return state_->driver.synchronize(stream); }

}  // namespace flexc
