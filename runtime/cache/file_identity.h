// Which build of a library this is, without loading it: libLLVM alone is 129 MB, and a disk hit has a millisecond.
#pragma once

#include <string>

namespace flexc::runtime {

/// "PATH SIZE MTIME BUILD-ID" of the file behind any links: the size in bytes, the modification time in nanoseconds, the GNU
/// build id of an ELF file in hexadecimal, or "-" where it has none. "absent" where there is no such file, or it cannot be read.
std::string file_identity(const std::string& path);

}  // namespace flexc::runtime
