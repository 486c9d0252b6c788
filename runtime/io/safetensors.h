// safetensors files from any source of bytes.
#pragma once

#include <string_view>

#include "flexc/io.h"
#include "runtime/io/byte_source.h"

namespace flexc::io {

/// `tensor` by its name. A name that is not there (the empty one too) is an error that lists those that are.
Result<LoadedTensor> read_safetensors(const ByteSource& source, std::string_view tensor);

}  // namespace flexc::io
