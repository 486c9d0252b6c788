#include "runtime/bundle/container.h"

#include <cstring>
#include <string>

#include <fmt/format.h>

#include "runtime/cache/entry.h"
#include "runtime/io/byte_numbers.h"

namespace flexc::runtime {
namespace {

constexpr std::string_view kMagic = "flexcBDL";

std::unexpected<Error> refuse(std::string what) { return std::unexpected(Error{ErrorKind::Input, std::move(what)}); }

}  // namespace

std::vector<std::byte> encode_bundle(std::string_view table, std::span<const std::byte> blobs) {
  std::vector<std::byte> out;
  out.reserve(kBundleHeaderBytes + table.size() + blobs.size() + kDigestBytes);
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  put(out, kBundleFormat);
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint64_t>(table.size()));
  put(out, static_cast<std::uint64_t>(blobs.size()));
  const auto text = std::as_bytes(std::span(table));
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), blobs.begin(), blobs.end());
  for (const std::uint8_t byte : sha256(out)) out.push_back(static_cast<std::byte>(byte));
  return out;
}

Result<BundleParts> decode_bundle(std::span<const std::byte> bytes) {
  if (bytes.size() < kMagic.size() || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return refuse("it is not a flexc bundle (another file, or its first bytes are damaged)");
  if (bytes.size() < kBundleHeaderBytes + kDigestBytes) return refuse("it is cut off: not even its header is there");
  // Said before the digest: what another version's bytes mean, where its digest is included, is not known here.
  if (const auto format = number_at<std::uint32_t>(bytes, 8); format != kBundleFormat)
    return refuse(fmt::format("it has bundle format {}, and this flexc reads format {}; compile it again with this version", format, kBundleFormat));
  const auto table_bytes = number_at<std::uint64_t>(bytes, 16), blob_bytes = number_at<std::uint64_t>(bytes, 24);
  if (table_bytes > kMaxTableBytes || blob_bytes > kMaxBlobBytes) return refuse("it is damaged: its lengths are out of bounds");
  const std::uint64_t expected = kBundleHeaderBytes + table_bytes + blob_bytes + kDigestBytes;
  if (bytes.size() != expected) return refuse(fmt::format("it is damaged or cut off: it has {} bytes, and its header says {}", bytes.size(), expected));
  const auto content = bytes.first(bytes.size() - kDigestBytes);
  const Digest digest = sha256(content);
  if (std::memcmp(digest.data(), bytes.data() + content.size(), kDigestBytes) != 0) return refuse("it is damaged: its SHA-256 does not match its bytes");
  const auto table = content.subspan(kBundleHeaderBytes, table_bytes);
  return BundleParts{{reinterpret_cast<const char*>(table.data()), table.size()}, content.subspan(kBundleHeaderBytes + table_bytes)};
}

}  // namespace flexc::runtime
