// TensorView: a borrowed n-dimensional array. It owns nothing and never copies.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "flexc/dtype.h"

namespace flexc {

enum class MemoryKind : std::uint8_t { Host, Cuda };

/// Pointer, dtype, shape, strides (in elements, row-major when left out) and memory kind.
/// The view takes const data too, because most tensors are inputs; only those passed as outputs are written.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  MemoryKind memory = MemoryKind::Host;

  TensorView() = default;
  TensorView(const void* data, DType dtype, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides = {},
             MemoryKind memory = MemoryKind::Host)
      : data(const_cast<void*>(data)), dtype(dtype), shape(std::move(shape)), strides(std::move(strides)), memory(memory) {
    if (this->strides.empty()) this->strides = row_major_strides(this->shape);
  }

  /// No tensor at all: an optional input or output that was not given.
  bool absent() const { return data == nullptr && shape.empty(); }
  std::size_t rank() const { return shape.size(); }
  std::int64_t element_count() const {
    std::int64_t count = 1;
    for (std::int64_t extent : shape) count *= extent;
    return count;
  }

  static std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t step = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
      strides[i] = step;
      step *= shape[i];
    }
    return strides;
  }
};

/// Element `offset` (in elements from the view's data) widened: floats to f64, bool to 0 or 1, integers converted.
inline double load_as_double(const TensorView& tensor, std::int64_t offset) {
  switch (tensor.dtype) {
    case DType::F32: return static_cast<const float*>(tensor.data)[offset];
    case DType::F64: return static_cast<const double*>(tensor.data)[offset];
    case DType::F16: return f16_to_float(static_cast<const std::uint16_t*>(tensor.data)[offset]);
    case DType::BF16: return bf16_to_float(static_cast<const std::uint16_t*>(tensor.data)[offset]);
    case DType::I32: return static_cast<const std::int32_t*>(tensor.data)[offset];
    case DType::I64: return static_cast<double>(static_cast<const std::int64_t*>(tensor.data)[offset]);
    case DType::U8: return static_cast<const std::uint8_t*>(tensor.data)[offset];
    case DType::Bool: return static_cast<const std::uint8_t*>(tensor.data)[offset] != 0;
  }
  return 0;
}

/// Element `offset` of an integer or boolean tensor, exactly.
inline std::int64_t load_as_integer(const TensorView& tensor, std::int64_t offset) {
  switch (tensor.dtype) {
    case DType::I32: return static_cast<const std::int32_t*>(tensor.data)[offset];
    case DType::I64: return static_cast<const std::int64_t*>(tensor.data)[offset];
    case DType::U8: return static_cast<const std::uint8_t*>(tensor.data)[offset];
    case DType::Bool: return static_cast<const std::uint8_t*>(tensor.data)[offset] != 0;
    default: return 0;
  }
}

}  // namespace flexc
