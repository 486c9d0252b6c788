// The one-shot digests of OpenSSL 3 look a provider up, 1 ms at the first call; the plain functions do not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "runtime/cache/entry.h"

#include <cstring>

#include <openssl/sha.h>

#include "runtime/io/byte_numbers.h"

namespace flexc::runtime {
namespace {

constexpr std::string_view kMagic = "flexcKEY";

}  // namespace

std::string_view name_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::CpuObject: return "cpu object";
    case EntryKind::Cubin: return "cubin";
    case EntryKind::Mask: return "mask";
  }
  return "?";
}

Digest sha256(std::span<const std::byte> bytes) {
  Digest digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

std::string entry_name(EntryKind kind, std::string_view key) {
  std::string text(name_of(kind));
  text += '\n';
  text += key;
  const Digest digest = sha256(std::as_bytes(std::span(text)));
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const std::uint8_t byte : digest) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

std::vector<std::byte> encode_entry(EntryKind kind, std::string_view key, std::span<const std::byte> payload) {
  std::vector<std::byte> out;
  out.reserve(kEntryHeaderBytes + key.size() + payload.size() + kDigestBytes);
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  put(out, kEntryFormat);
  put(out, static_cast<std::uint32_t>(kind));
  put(out, static_cast<std::uint64_t>(key.size()));
  put(out, static_cast<std::uint64_t>(payload.size()));
  const auto text = std::as_bytes(std::span(key));
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), payload.begin(), payload.end());
  for (const std::uint8_t byte : sha256(out)) out.push_back(static_cast<std::byte>(byte));
  return out;
}

std::optional<std::uint64_t> claimed_key_bytes(std::span<const std::byte> header, EntryKind kind) {
  if (header.size() != kEntryHeaderBytes || std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  if (number_at<std::uint32_t>(header, 8) != kEntryFormat || number_at<std::uint32_t>(header, 12) != static_cast<std::uint32_t>(kind)) return std::nullopt;
  const auto key_bytes = number_at<std::uint64_t>(header, 16);
  if (key_bytes > kMaxKeyBytes) return std::nullopt;
  return key_bytes;
}

std::optional<Entry> decode_entry(std::span<const std::byte> bytes, std::string& problem) {
  const auto refuse = [&problem](const char* what) {
    problem = what;
    return std::nullopt;
  };
  if (bytes.size() < kEntryHeaderBytes + kDigestBytes) return refuse("it is too short");
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return refuse("it is no cache entry");
  if (number_at<std::uint32_t>(bytes, 8) != kEntryFormat) return refuse("it has another format version");
  const auto kind = number_at<std::uint32_t>(bytes, 12);
  if (kind < static_cast<std::uint32_t>(EntryKind::CpuObject) || kind > static_cast<std::uint32_t>(EntryKind::Mask)) return refuse("its kind is unknown");
  const auto key_bytes = number_at<std::uint64_t>(bytes, 16), payload_bytes = number_at<std::uint64_t>(bytes, 24);
  if (key_bytes > kMaxKeyBytes || payload_bytes > kMaxPayloadBytes) return refuse("its lengths are out of bounds");
  if (bytes.size() != kEntryHeaderBytes + key_bytes + payload_bytes + kDigestBytes) return refuse("its length is not what its header says");
  const auto content = bytes.first(bytes.size() - kDigestBytes);
  const Digest digest = sha256(content);
  if (std::memcmp(digest.data(), bytes.data() + content.size(), kDigestBytes) != 0) return refuse("its digest does not match");
  const auto key = content.subspan(kEntryHeaderBytes, key_bytes), payload = content.subspan(kEntryHeaderBytes + key_bytes);
  return Entry{static_cast<EntryKind>(kind), std::string(reinterpret_cast<const char*>(key.data()), key.size()), {payload.begin(), payload.end()}};
}

}  // namespace flexc::runtime
