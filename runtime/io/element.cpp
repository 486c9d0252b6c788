#include "runtime/io/element.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "runtime/io/text.h"

namespace flexc::io {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read as little-endian without a swap");

template <std::size_t Size>
struct UnsignedOf;
template <> struct UnsignedOf<1> { using type = std::uint8_t; };
template <> struct UnsignedOf<2> { using type = std::uint16_t; };
template <> struct UnsignedOf<4> { using type = std::uint32_t; };
template <> struct UnsignedOf<8> { using type = std::uint64_t; };

template <class T>
T load(const std::byte* at, bool big_endian) {
  typename UnsignedOf<sizeof(T)>::type bits;
  std::memcpy(&bits, at, sizeof(T));  // nothing in a file is aligned
  return std::bit_cast<T>(big_endian ? std::byteswap(bits) : bits);
}

template <class From, class To>
void widen(const std::byte* from, bool big_endian, std::size_t count, void* to) {
  auto* out = static_cast<To*>(to);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<To>(load<From>(from + i * sizeof(From), big_endian));
}

void convert(FileElement element, const std::byte* from, bool big_endian, std::size_t count, void* to) {
  switch (element) {
    // 16-bit floats travel as their bits: a conversion of the value could quieten a NaN.
    case FileElement::F16: case FileElement::BF16: return widen<std::uint16_t, std::uint16_t>(from, big_endian, count, to);
    case FileElement::F32: return widen<std::uint32_t, std::uint32_t>(from, big_endian, count, to);
    case FileElement::F64: return widen<std::uint64_t, std::uint64_t>(from, big_endian, count, to);
    case FileElement::I8: return widen<std::int8_t, std::int32_t>(from, big_endian, count, to);
    case FileElement::I16: return widen<std::int16_t, std::int32_t>(from, big_endian, count, to);
    case FileElement::I32: return widen<std::int32_t, std::int32_t>(from, big_endian, count, to);
    case FileElement::I64: return widen<std::int64_t, std::int64_t>(from, big_endian, count, to);
    case FileElement::U8: return widen<std::uint8_t, std::uint8_t>(from, big_endian, count, to);
    case FileElement::U16: return widen<std::uint16_t, std::int32_t>(from, big_endian, count, to);
    case FileElement::U32: return widen<std::uint32_t, std::int64_t>(from, big_endian, count, to);
    case FileElement::Bool:
      for (std::size_t i = 0; i < count; ++i) static_cast<std::uint8_t*>(to)[i] = from[i] != std::byte{0};
  }
}

}  // namespace

std::size_t size_of(FileElement element) {
  switch (element) {
    case FileElement::I8: case FileElement::U8: case FileElement::Bool: return 1;
    case FileElement::F16: case FileElement::BF16: case FileElement::I16: case FileElement::U16: return 2;
    case FileElement::F32: case FileElement::I32: case FileElement::U32: return 4;
    case FileElement::F64: case FileElement::I64: return 8;
  }
  return 1;
}

DType loaded_as(FileElement element) {
  switch (element) {
    case FileElement::F16: return DType::F16;
    case FileElement::BF16: return DType::BF16;
    case FileElement::F32: return DType::F32;
    case FileElement::F64: return DType::F64;
    case FileElement::I8: case FileElement::I16: case FileElement::I32: case FileElement::U16: return DType::I32;
    case FileElement::I64: case FileElement::U32: return DType::I64;
    case FileElement::U8: return DType::U8;
    case FileElement::Bool: return DType::Bool;
  }
  return DType::U8;
}

Result<std::uint64_t> checked_bytes(const std::vector<std::int64_t>& shape, std::size_t size, std::string_view name) {
  constexpr std::size_t kWidest = 8;  // what is loaded may be wider than what is stored
  std::int64_t product = kWidest;
  bool empty = false;
  for (std::int64_t extent : shape) {
    if (extent < 0) return std::unexpected(Error{ErrorKind::Input, fmt::format("{}: shape {} has a negative extent", name, shape_text(shape))});
    if (extent == 0) empty = true;
    else if (__builtin_mul_overflow(product, extent, &product))
      return std::unexpected(Error{ErrorKind::Input, fmt::format("{}: shape {} is larger than any memory", name, shape_text(shape))});
  }
  return empty ? 0 : static_cast<std::uint64_t>(product) / kWidest * size;
}

Result<Tensor> read_elements(const ByteSource& source, std::uint64_t offset, FileElement element, bool big_endian, std::vector<std::int64_t> shape) {
  Tensor tensor(loaded_as(element), std::move(shape));
  const std::size_t stored = size_of(element), wide = flexc::size_of(tensor.view().dtype);
  auto count = static_cast<std::size_t>(tensor.view().element_count());
  auto* out = static_cast<std::byte*>(tensor.data());
  if (stored == wide && (!big_endian || stored == 1) && element != FileElement::Bool) {
    if (count > 0)
      if (auto done = source.read(offset, out, count * stored); !done) return std::unexpected(done.error());
    return tensor;
  }
  std::array<std::byte, 16384> piece;
  while (count > 0) {
    const std::size_t now = std::min(count, piece.size() / stored);
    if (auto done = source.read(offset, piece.data(), now * stored); !done) return std::unexpected(done.error());
    convert(element, piece.data(), big_endian, now, out);
    offset += now * stored;
    out += now * wide;
    count -= now;
  }
  return tensor;
}

Tensor from_fortran_order(const Tensor& reversed) {
  std::vector<std::int64_t> shape(reversed.view().shape.rbegin(), reversed.view().shape.rend());
  if (shape.size() < 2) return reversed;
  Tensor out(reversed.view().dtype, shape);
  const std::size_t size = flexc::size_of(out.view().dtype);
  const auto* from = static_cast<const std::byte*>(reversed.view().data);
  auto* to = static_cast<std::byte*>(out.data());
  std::vector<std::int64_t> strides(shape.size()), index(shape.size(), 0);
  std::int64_t step = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    strides[d] = step;
    step *= shape[d];
  }
  std::int64_t offset = 0;
  for (std::int64_t left = out.view().element_count(); left > 0; --left) {
    std::memcpy(to, from + static_cast<std::size_t>(offset) * size, size);
    to += size;
    for (std::size_t d = shape.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < shape[d]) break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace flexc::io
