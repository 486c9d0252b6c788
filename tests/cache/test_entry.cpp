// The entry's bytes: whatever is not exactly one entry is refused.
#include <catch2/catch.hpp>

#include <algorithm>

#include "runtime/cache/entry.h"

using namespace flexc::runtime;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

bool refused(std::span<const std::byte> bytes) {
  std::string problem;
  return !decode_entry(bytes, problem) && !problem.empty();
}

}  // namespace

TEST_CASE("an entry gives back kind, key and payload", "[entry]") {
  for (const std::size_t size : {0, 1, 31, 4096}) {
    const std::vector<std::byte> payload(size, std::byte{0xa5});
    std::string problem;
    const auto entry = decode_entry(encode_entry(EntryKind::Cubin, "a key\nof two lines", payload), problem);
    REQUIRE(entry);
    CHECK(entry->kind == EntryKind::Cubin);
    CHECK(entry->key == "a key\nof two lines");
    CHECK(entry->payload == payload);
  }
}

TEST_CASE("the digest is SHA-256", "[entry]") {
  // FIPS 180-4's example: "abc".
  const Digest digest = sha256(bytes_of("abc"));
  const std::uint8_t expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                   0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
  CHECK(std::ranges::equal(digest, expected));
}

TEST_CASE("corruption sweep: every byte flipped, every truncation, appended bytes", "[entry][sweep]") {
  const auto whole = encode_entry(EntryKind::CpuObject, "key", bytes_of("a payload of some length"));
  REQUIRE_FALSE(refused(whole));
  std::size_t undetected = 0;
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const std::byte pattern : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
      auto spoiled = whole;
      spoiled[i] ^= pattern;
      undetected += refused(spoiled) ? 0 : 1;
    }
  for (std::size_t size = 0; size < whole.size(); ++size) undetected += refused(std::span(whole).first(size)) ? 0 : 1;
  for (const std::size_t more : {1, 8, 4096}) {
    auto longer = whole;
    longer.resize(whole.size() + more);
    undetected += refused(longer) ? 0 : 1;
  }
  CHECK(undetected == 0);
}

TEST_CASE("lengths beyond the bounds are refused before anything is allocated", "[entry]") {
  auto bytes = encode_entry(EntryKind::CpuObject, "key", {});
  for (std::size_t i = 24; i < 32; ++i) bytes[i] = std::byte{0xff};
  CHECK(refused(bytes));
}

TEST_CASE("another format version is refused, with a digest that matches", "[entry][old_format]") {
  auto bytes = encode_entry(EntryKind::CpuObject, "key", bytes_of("payload"));
  bytes[8] ^= std::byte{1};
  const auto content = std::span(bytes).first(bytes.size() - kDigestBytes);
  const Digest digest = sha256(content);
  for (std::size_t i = 0; i < kDigestBytes; ++i) bytes[content.size() + i] = static_cast<std::byte>(digest[i]);
  std::string problem;
  CHECK_FALSE(decode_entry(bytes, problem));
  CHECK(problem == "it has another format version");
}

TEST_CASE("names differ by key and by kind", "[entry]") {
  CHECK(entry_name(EntryKind::Cubin, "k").size() == 64);
  CHECK(entry_name(EntryKind::Cubin, "k") != entry_name(EntryKind::Cubin, "l"));
  CHECK(entry_name(EntryKind::Cubin, "k") != entry_name(EntryKind::Mask, "k"));
}
