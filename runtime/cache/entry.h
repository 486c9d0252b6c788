// One cache entry as bytes: what is checked on every load.
//
//   offset  bytes
//   0       8     magic "flexcKEY"
//   8       4     format version, kEntryFormat (little-endian, as every number here)
//   12      4     kind, EntryKind
//   16      8     length of the key, K
//   24      8     length of the payload, P
//   32      K     the whole key, text
//   32+K    P     payload
//   32+K+P  32    SHA-256 of all that is before
//
// A flipped, missing or added byte anywhere changes the digest or the lengths; two entries that were swapped have each other's
// key. A digest and not a checksum: a random bit flipped in a cubin often gives other code that runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flexc::runtime {

/// What a payload is.
enum class EntryKind : std::uint32_t { CpuObject = 1, Cubin = 2, Mask = 3 };
std::string_view name_of(EntryKind kind);

/// Raised by every change to the layout above. An entry of another format is a miss.
inline constexpr std::uint32_t kEntryFormat = 1;
/// Longest key and payload that are stored: bounds what a reader allocates.
inline constexpr std::uint64_t kMaxKeyBytes = std::uint64_t{16} << 20, kMaxPayloadBytes = std::uint64_t{1} << 30;
inline constexpr std::size_t kEntryHeaderBytes = 32, kDigestBytes = 32;

using Digest = std::array<std::uint8_t, kDigestBytes>;
/// SHA-256.
Digest sha256(std::span<const std::byte> bytes);

/// 64 hexadecimal digits: the name of the entry with this key. Keys of different kinds have different names.
std::string entry_name(EntryKind kind, std::string_view key);

std::vector<std::byte> encode_entry(EntryKind kind, std::string_view key, std::span<const std::byte> payload);

/// The length of the key that a header of kEntryHeaderBytes claims for an entry of this format and kind; nothing for any other header. Not verified.
std::optional<std::uint64_t> claimed_key_bytes(std::span<const std::byte> header, EntryKind kind);

/// A verified entry.
struct Entry {
  EntryKind kind = EntryKind::CpuObject;
  std::string key;
  std::vector<std::byte> payload;
};
/// Nothing, and `problem` in words, where the bytes are not exactly one entry of this format.
std::optional<Entry> decode_entry(std::span<const std::byte> bytes, std::string& problem);

}  // namespace flexc::runtime
