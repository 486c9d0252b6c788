#include "runtime/io/npy.h"

#include <cstring>
#include <fmt/format.h>

#include "runtime/io/npy_header.h"
#include "runtime/io/text.h"

namespace flexc {
namespace io {

Result<LoadedTensor> read_npy(const ByteSource& source) {
  auto header = read_npy_header(source);
  if (!header) return std::unexpected(header.error());
  const auto bytes = checked_bytes(header->shape, size_of(header->element), source.name());
  if (!bytes) return std::unexpected(bytes.error());
  const std::uint64_t present = source.size() - header->data_offset;
  if (*bytes > present)  // asked before anything is allocated
    return std::unexpected(Error{ErrorKind::Input, fmt::format("{} is truncated: shape {} takes {} bytes, and {} follow the header", source.name(),
                                                               shape_text(header->shape), *bytes, present)});
  const std::vector<std::int64_t> stored_shape =
      header->fortran_order ? std::vector<std::int64_t>(header->shape.rbegin(), header->shape.rend()) : header->shape;
  auto tensor = read_elements(source, header->data_offset, header->element, header->big_endian, stored_shape);
  if (!tensor) return std::unexpected(tensor.error());
  LoadedTensor loaded;
  loaded.tensor = header->fortran_order ? from_fortran_order(*tensor) : std::move(*tensor);
  if (*bytes < present)
    loaded.warnings.push_back(fmt::format("{}: {} bytes after the tensor's data are ignored", source.name(), present - *bytes));
  return loaded;
}

}  // namespace io

std::string npy_bytes(const TensorView& tensor) {
  const char* descr = "<f4";  // bf16 too: every bf16 is an f32
  switch (tensor.dtype) {
    case DType::F32: case DType::BF16: break;
    case DType::F16: descr = "<f2"; break;
    case DType::F64: descr = "<f8"; break;
    case DType::I32: descr = "<i4"; break;
    case DType::I64: descr = "<i8"; break;
    case DType::U8: descr = "|u1"; break;
    case DType::Bool: descr = "|b1"; break;
  }
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, io::shape_text(tensor.shape));
  constexpr std::size_t kPrefix = 10, kAlignment = 64;  // numpy pads so that the data can be mapped aligned
  dictionary.append(kAlignment - 1 - (kPrefix + dictionary.size()) % kAlignment, ' ');
  dictionary += '\n';
  const bool widened = tensor.dtype == DType::BF16;
  const std::size_t size = widened ? sizeof(float) : size_of(tensor.dtype);
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(dictionary.size() & 0xFF);
  out += static_cast<char>(dictionary.size() >> 8);
  out += dictionary;
  std::size_t at = out.size();
  const std::int64_t count = tensor.element_count();
  out.resize(at + static_cast<std::size_t>(count) * size);
  const auto* from = static_cast<const char*>(tensor.data);
  if (!widened && tensor.strides == TensorView::row_major_strides(tensor.shape)) {
    if (count > 0) std::memcpy(out.data() + at, from, static_cast<std::size_t>(count) * size);
    return out;
  }
  std::vector<std::int64_t> index(tensor.rank(), 0);
  std::int64_t offset = 0;
  for (std::int64_t left = count; left > 0; --left, at += size) {
    if (widened) {
      const float value = bf16_to_float(static_cast<const std::uint16_t*>(tensor.data)[offset]);
      std::memcpy(out.data() + at, &value, sizeof value);
    } else {
      std::memcpy(out.data() + at, from + offset * static_cast<std::int64_t>(size), size);
    }
    for (std::size_t d = tensor.rank(); d-- > 0;) {
      offset += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      offset -= tensor.strides[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace flexc
