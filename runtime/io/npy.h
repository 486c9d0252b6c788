// .npy files from any source of bytes.
#pragma once

#include "flexc/io.h"
#include "runtime/io/byte_source.h"

namespace flexc::io {

Result<LoadedTensor> read_npy(const ByteSource& source);

}  // namespace flexc::io
