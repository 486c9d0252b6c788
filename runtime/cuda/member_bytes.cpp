#include "runtime/cuda/member_bytes.h"

#include <fmt/format.h>

#include "runtime/cuda/cubin.h"
#include "runtime/io/byte_numbers.h"
#include "templates/simt/arguments.h"

namespace flexc::runtime {
namespace {

constexpr std::uint32_t kMagic = 0x4d584c46;  // "FLXM"
constexpr std::size_t kPieceBytes = 3 * sizeof(std::uint32_t);
constexpr unsigned kMostThreads = 1024;
/// Bounds on a tile's sides, so that a plan computes with them: templates/hopper/tile.h has less.
constexpr unsigned kMostTileSide = 1024;
constexpr std::uint32_t kAllAssumptions = (1u << kAssumptionNames.size()) - 1;

/// Nothing if a plan and a launch can be made of it; else what cannot be.
std::string problem_of(const HopperMember& member) {
  const HopperTile& tile = member.tile;
  const bool is_simt = member.kernel == KernelKind::Simt;
  if (is_simt != (tile.d == 0)) return fmt::format("a tile with a head dim of {}", tile.d);
  for (const unsigned side : {tile.m, tile.n, is_simt ? 1 : tile.d, tile.dv})
    if (side == 0 || side > kMostTileSide) return fmt::format("a tile with a side of {}", side);
  if (!is_simt && tile.element == device::Element::kF32) return "a Hopper kernel of f32";
  if (member.threads == 0 || member.threads > kMostThreads) return fmt::format("{} threads", member.threads);
  if (member.dynamic_smem_bytes > device::kSharedLimit) return fmt::format("{} bytes of shared memory", member.dynamic_smem_bytes);
  std::uint64_t words = 0;
  for (const HookWords& piece : member.params) {
    words += piece.count;
    if (piece.kind == HookWords::Kind::Launch && piece.index >= member.launch.values.size()) return "a value of the launch level that is not there";
    if (piece.kind == HookWords::Kind::Steps && (is_simt || piece.count != kStepWords)) return "other words for positions in steps than its kernel has";
    if (piece.kind == HookWords::Kind::Divisor && piece.index >= member.launch.divisors.size()) return "a divisor of the launch level that is not there";
  }
  if (words != member.param_words) return fmt::format("params of {} words whose pieces have {}", member.param_words, words);
  return {};
}

}  // namespace

std::vector<std::byte> serialize(const DescribedMember& described) {
  const HopperMember& member = described.member;
  std::vector<std::byte> out;
  const auto numbers = [&out](auto... values) { (put(out, static_cast<std::uint32_t>(values)), ...); };
  numbers(kMagic, kMemberFormat, member.kernel);
  numbers(member.tile.element, member.tile.m, member.tile.n, member.tile.d, member.tile.dv, member.threads, member.dynamic_smem_bytes);
  numbers(member.score_class, member.has_band, member.has_mask, member.lazy_maximum, member.param_words, described.manifest.assumptions);
  numbers(member.params.size());
  for (const HookWords& piece : member.params) numbers(piece.kind, piece.index, piece.count);
  const std::vector<std::byte> launch = serialize(member.launch);
  out.insert(out.end(), launch.begin(), launch.end());
  return out;
}

Result<DescribedMember> deserialize_member(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return std::unexpected(Error{ErrorKind::Input, "this describes no kernel: " + std::move(why)}); };
  ByteReader in(bytes);
  const auto number = [&in] { return in.take<std::uint32_t>(); };
  if (number() != kMagic) return refused("it begins with other bytes");
  if (const std::uint32_t format = number(); format != kMemberFormat) return refused(fmt::format("it has format {}, and this is format {}", format, kMemberFormat));
  DescribedMember described;
  HopperMember& member = described.member;
  const std::uint32_t kernel = number(), element = number();
  for (unsigned* const size : {&member.tile.m, &member.tile.n, &member.tile.d, &member.tile.dv, &member.threads, &member.dynamic_smem_bytes}) *size = number();
  const std::uint32_t score_class = number(), has_band = number(), has_mask = number(), lazy_maximum = number();
  member.param_words = number();
  described.manifest.assumptions = number();
  if (kernel > static_cast<std::uint32_t>(KernelKind::Simt) || element > static_cast<std::uint32_t>(device::Element::kF32) || score_class > static_cast<std::uint32_t>(ScoreClass::General) || has_band > 1 || has_mask > 1 || lazy_maximum > 1)
    return refused("a choice that there is not");
  if (described.manifest.assumptions > kAllAssumptions) return refused("an assumption that there is not");
  member.kernel = static_cast<KernelKind>(kernel);
  member.tile.element = static_cast<device::Element>(element);
  member.score_class = static_cast<ScoreClass>(score_class);
  member.has_band = has_band != 0, member.has_mask = has_mask != 0, member.lazy_maximum = lazy_maximum != 0;
  member.params.resize(in.take_count(kPieceBytes));
  for (HookWords& piece : member.params) {
    const std::uint32_t kind = number();
    if (kind > static_cast<std::uint32_t>(HookWords::Kind::Steps)) return refused("a piece of params that there is not");
    piece.kind = static_cast<HookWords::Kind>(kind);
    piece.index = number(), piece.count = number();
  }
  if (!in.fits()) return refused("it is too short");
  auto launch = deserialize_launch_program(in.rest());
  if (!launch) return refused(launch.error().message);
  member.launch = std::move(*launch);
  if (std::string problem = problem_of(member); !problem.empty()) return refused(std::move(problem));
  return described;
}

Result<void> check_parameters(std::span<const std::byte> cubin, const HopperMember& member) {
  const auto parameters = kernel_parameter_bytes(cubin);
  if (!parameters) return std::unexpected(Error{ErrorKind::Input, parameters.error().message});
  const unsigned arguments = member.kernel == KernelKind::Simt ? sizeof(flexc_simt_arguments) : sizeof(flexc_hopper_arguments);
  if (*parameters != std::vector<unsigned>{arguments, member.param_words * static_cast<unsigned>(sizeof(std::uint64_t))})
    return std::unexpected(Error{ErrorKind::Input, "the machine code takes other arguments than its description says"});
  return {};
}

}  // namespace flexc::runtime
