// The JSON header of a safetensors file: names, dtypes, shapes and byte ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flexc/error.h"
#include "runtime/io/byte_source.h"
#include "runtime/io/element.h"

namespace flexc::io {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;             ///< as written: "F32", …
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes, counted from `data_offset`
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< sorted by begin, then end
  std::uint64_t data_offset = 0;
};

/// The element that a dtype's name stands for; nothing for those that flexc does not load.
std::optional<FileElement> safetensors_element(std::string_view dtype);

/// Reads the header and verifies it as a whole, as the format demands: names once, byte ranges that match shape × dtype, do not
/// overlap, leave no hole and end where the file ends.
Result<SafetensorsHeader> read_safetensors_header(const ByteSource& source);

}  // namespace flexc::io
