#include <cstring>
#include <new>

#include "flexc/io.h"

namespace flexc {

Tensor::Tensor(DType dtype, std::vector<std::int64_t> shape) : view_(nullptr, dtype, std::move(shape)) {
  // One cache line, and the widest vector register: kernels load without a peeled start.
  constexpr std::align_val_t kAlignment{64};
  const std::size_t bytes = byte_count();
  auto* memory = static_cast<std::byte*>(::operator new(bytes == 0 ? 1 : bytes, kAlignment));
  std::memset(memory, 0, bytes);
  storage_ = std::shared_ptr<std::byte[]>(memory, [](std::byte* at) { ::operator delete(at, kAlignment); });
  view_.data = memory;
}

}  // namespace flexc
