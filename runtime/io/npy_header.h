// The header of a .npy file: magic, version, and a Python dictionary literal of exactly three entries.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flexc/error.h"
#include "runtime/io/byte_source.h"
#include "runtime/io/element.h"

namespace flexc::io {

struct NpyHeader {
  FileElement element = FileElement::F32;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::uint64_t data_offset = 0;
};

/// Versions 1.0, 2.0 and 3.0. What numpy would not have written is an error that says what was found.
Result<NpyHeader> read_npy_header(const ByteSource& source);

}  // namespace flexc::io
