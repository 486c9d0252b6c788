// A bundle as bytes: the rules of cache entries (runtime/cache/entry.h), for a file that holds many kernels.
//
//   offset    bytes
//   0         8     magic "flexcBDL"
//   8         4     format version, kBundleFormat (little-endian, as every number here)
//   12        4     0
//   16        8     length of the table, T
//   24        8     length of the blobs, B
//   32        T     the table: JSON, contents.h
//   32+T      B     the blobs, one after another
//   32+T+B    32    SHA-256 of all that is before
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "flexc/error.h"

namespace flexc::runtime {

/// Raised by every change to the layout above or to the table's meaning. A bundle of another format is refused.
inline constexpr std::uint32_t kBundleFormat = 2;
inline constexpr std::size_t kBundleHeaderBytes = 32;
/// Bounds on what a reader looks at.
inline constexpr std::uint64_t kMaxTableBytes = std::uint64_t{64} << 20, kMaxBlobBytes = std::uint64_t{4} << 30;

std::vector<std::byte> encode_bundle(std::string_view table, std::span<const std::byte> blobs);

/// The two parts of verified bytes; views into them.
struct BundleParts {
  std::string_view table;
  std::span<const std::byte> blobs;
};
/// An error of kind Input, in words that fit behind a file's name, where the bytes are not exactly one bundle of this format.
Result<BundleParts> decode_bundle(std::span<const std::byte> bytes);

}  // namespace flexc::runtime
