// Elements as files hold them, and their conversion to the dtypes that flexc computes with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "flexc/error.h"
#include "flexc/io.h"
#include "runtime/io/byte_source.h"

namespace flexc::io {

enum class FileElement : std::uint8_t { F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, Bool };

std::size_t size_of(FileElement element);
/// What it is loaded as: itself where flexc has it, else the next wider signed integer that holds every value.
DType loaded_as(FileElement element);

/// Bytes that a row-major tensor of `shape` takes with elements of `size` bytes. An error where any product of extents, zeros
/// left out, leaves 63 bits: strides and counts of such a shape would overflow although it may hold nothing.
Result<std::uint64_t> checked_bytes(const std::vector<std::int64_t>& shape, std::size_t size, std::string_view name);

/// Reads and converts a row-major tensor whose bytes start at `offset`; they must lie within the source.
Result<Tensor> read_elements(const ByteSource& source, std::uint64_t offset, FileElement element, bool big_endian, std::vector<std::int64_t> shape);

/// The row-major tensor whose column-major bytes are `reversed`, read as a row-major tensor of the reversed shape.
Tensor from_fortran_order(const Tensor& reversed);

}  // namespace flexc::io
