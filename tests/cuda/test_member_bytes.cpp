// A Hopper kernel's description as bytes: what was written comes back, and nothing else is taken for one.
#include <catch2/catch.hpp>

#include "runtime/cuda/member_bytes.h"
#include "runtime/io/byte_numbers.h"

using namespace flexc;
using namespace flexc::runtime;
using Catch::Matchers::Contains;

namespace {

DescribedMember some_member() {
  DescribedMember described;
  HopperMember& member = described.member;
  member.tile = {device::Element::kF16, 192, 112, 128, 64};
  member.threads = 512, member.dynamic_smem_bytes = 200'000;
  member.score_class = ScoreClass::Affine;
  member.has_band = true, member.lazy_maximum = true;
  member.launch.program.params = 1;
  member.launch.program.instructions = {{tile::Opcode::ConstI, 7, 0, 0}, {tile::Opcode::ConstB, 1, 0, 0}};
  member.launch.program.result = 1;
  member.launch.values = {0};
  member.launch.divisors = {0};
  member.params = {{HookWords::Kind::Problem, 0, 5}, {HookWords::Kind::Capture, 3, 5}, {HookWords::Kind::Launch, 0, 1}, {HookWords::Kind::Divisor, 0, 3}};
  member.param_words = 14;
  described.manifest.assumptions = kAssumesPositions | kAssumesCaptures;
  return described;
}

std::string refusal(std::span<const std::byte> bytes) {
  const auto read = deserialize_member(bytes);
  if (read) return "";
  CHECK(read.error().kind == ErrorKind::Input);
  return read.error().message;
}
std::string refusal(const DescribedMember& described) { return refusal(serialize(described)); }

}  // namespace

TEST_CASE("a described member comes back as it was") {
  const DescribedMember written = some_member();
  const auto read = deserialize_member(serialize(written));
  INFO((read ? "" : read.error().message));
  REQUIRE(read.has_value());
  CHECK(read->manifest == written.manifest);
  CHECK(read->member.tile == written.member.tile);
  CHECK(read->member.threads == 512);
  CHECK(read->member.dynamic_smem_bytes == 200'000);
  CHECK(read->member.score_class == ScoreClass::Affine);
  CHECK(read->member.has_band);
  CHECK_FALSE(read->member.has_mask);
  CHECK(read->member.lazy_maximum);
  CHECK(read->member.params == written.member.params);
  CHECK(read->member.param_words == 14);
  CHECK(read->member.launch == written.member.launch);
  CHECK(serialize(*read) == serialize(written));
}

TEST_CASE("cut descriptions, other formats and longer ones are refused; a changed byte is never read as it was") {
  const std::vector<std::byte> bytes = serialize(some_member());
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(refusal(std::span(bytes).first(size)).empty());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> changed = bytes;
    changed[i] ^= std::byte{0x81};
    const auto read = deserialize_member(changed);
    if (read) CHECK(serialize(*read) == changed);
  }
  std::vector<std::byte> other = bytes;
  other[4] = std::byte{kMemberFormat + 1};
  CHECK_THAT(refusal(other), Contains("format"));
  other = bytes;
  other.push_back({});
  CHECK_FALSE(refusal(other).empty());
}

TEST_CASE("descriptions of kernels that cannot be launched are refused") {
  const auto after = [](auto change) {
    DescribedMember described = some_member();
    change(described);
    return refusal(described);
  };
  CHECK(after([](DescribedMember&) {}).empty());
  CHECK_THAT(after([](DescribedMember& d) { d.member.tile.m = 0; }), Contains("tile"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.tile.dv = 1 << 20; }), Contains("tile"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.threads = 2048; }), Contains("threads"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.dynamic_smem_bytes = device::kSharedLimit + 1; }), Contains("shared memory"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.score_class = static_cast<ScoreClass>(3); }), Contains("choice"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.tile.element = static_cast<device::Element>(3); }), Contains("choice"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.tile.element = device::Element::kF32; }), Contains("of f32"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.kernel = static_cast<KernelKind>(2); }), Contains("choice"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.kernel = KernelKind::Simt; }), Contains("head dim of 128"));
  CHECK(after([](DescribedMember& d) { d.member.kernel = KernelKind::Simt, d.member.tile.d = 0, d.member.tile.element = device::Element::kF32; }).empty());
  CHECK_THAT(after([](DescribedMember& d) { d.manifest.assumptions = 1u << kAssumptionNames.size(); }), Contains("assumption"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.params[1].kind = static_cast<HookWords::Kind>(8); }), Contains("piece"));
  const auto with_steps = [](DescribedMember& d, unsigned words) { d.member.params.push_back({HookWords::Kind::Steps, 0, words}), d.member.param_words += words; };
  CHECK(after([&](DescribedMember& d) { with_steps(d, kStepWords); }).empty());
  CHECK_THAT(after([&](DescribedMember& d) { with_steps(d, kStepWords - 1); }), Contains("positions in steps"));
  CHECK_THAT(after([&](DescribedMember& d) { with_steps(d, kStepWords), d.member.kernel = KernelKind::Simt, d.member.tile.d = 0; }), Contains("positions in steps"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.params[2].index = 1; }), Contains("launch level"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.params[3].index = 1; }), Contains("divisor"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.param_words = 15; }), Contains("words"));
  CHECK_THAT(after([](DescribedMember& d) { d.member.launch.program.params = 0; }), Contains("launch program"));
}

TEST_CASE("numbers as bytes: little-endian, and nothing is read beyond the end") {
  std::vector<std::byte> bytes;
  put(bytes, std::uint32_t{0x01020304});
  put(bytes, std::int64_t{-2});
  put_block(bytes, std::span(bytes).first(2));
  CHECK(bytes.size() == 4 + 8 + 4 + 2);
  CHECK(bytes[0] == std::byte{4});
  CHECK(number_at<std::int64_t>(bytes, 4) == -2);
  ByteReader in(bytes);
  CHECK(in.take<std::uint32_t>() == 0x01020304);
  CHECK(in.take<std::int64_t>() == -2);
  CHECK(in.take_block().size() == 2);
  CHECK(in.done());
  CHECK(in.take<std::uint8_t>() == 0);
  CHECK_FALSE(in.fits());
  std::vector<std::byte> claim;
  put(claim, std::uint32_t{1000});
  put(claim, std::uint64_t{0});
  CHECK(ByteReader(claim).take_block().empty());
  CHECK(ByteReader(claim).take_count(1) == 0);
}
