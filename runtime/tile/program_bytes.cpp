// The byte format of tile programs: little-endian fields one after the other, and XXH3-64 of all of them at the end.
#include <xxhash.h>

#include <fmt/format.h>

#include "runtime/io/byte_numbers.h"
#include "runtime/tile/program.h"

namespace flexc::tile {
namespace {

constexpr std::uint32_t kMagic = 0x54584C46;  // "FLXT"
constexpr std::uint32_t kVersion = 1;
using runtime::put;

constexpr std::size_t kInstructionBytes = 17, kCaptureBytes = 5;

}  // namespace

std::vector<std::byte> serialize(const Program& program) {
  std::vector<std::byte> bytes;
  put(bytes, kMagic);
  put(bytes, kVersion);
  put(bytes, static_cast<std::uint32_t>(program.captures.size()));
  for (const CaptureType& capture : program.captures) {
    put(bytes, static_cast<std::uint8_t>(capture.dtype));
    put(bytes, capture.rank);
  }
  put(bytes, program.params);
  put(bytes, program.fresh_dims);
  put(bytes, static_cast<std::uint32_t>(program.instructions.size()));
  for (const Instruction& instruction : program.instructions) {
    put(bytes, static_cast<std::uint8_t>(instruction.op));
    put(bytes, instruction.imm);
    put(bytes, instruction.first);
    put(bytes, instruction.count);
  }
  put(bytes, static_cast<std::uint32_t>(program.operands.size()));
  for (const Register operand : program.operands) put(bytes, operand);
  put(bytes, program.result);
  put(bytes, std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
  return bytes;
}

Result<Program> deserialize(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return std::unexpected(Error{ErrorKind::Input, "this is no tile program: " + std::move(why)}); };
  constexpr std::size_t kHashBytes = sizeof(std::uint64_t);
  if (bytes.size() < kHashBytes) return refused("it is too short");
  const std::span<const std::byte> body = bytes.first(bytes.size() - kHashBytes);
  runtime::ByteReader reader(body);
  if (reader.take<std::uint32_t>() != kMagic) return refused("it begins with other bytes");
  if (const auto version = reader.take<std::uint32_t>(); version != kVersion) return refused(fmt::format("it has version {}, and this is version {}", version, kVersion));
  if (runtime::number_at<std::uint64_t>(bytes, body.size()) != XXH3_64bits(body.data(), body.size())) return refused("it is damaged (its hash differs)");
  Program program;
  program.captures.resize(reader.take_count(kCaptureBytes));
  for (CaptureType& capture : program.captures) {
    capture.dtype = static_cast<DType>(reader.take<std::uint8_t>());
    capture.rank = reader.take<std::uint32_t>();
  }
  program.params = reader.take<std::uint32_t>();
  program.fresh_dims = reader.take<std::uint32_t>();
  program.instructions.resize(reader.take_count(kInstructionBytes));
  for (Instruction& instruction : program.instructions) {
    instruction.op = static_cast<Opcode>(reader.take<std::uint8_t>());
    instruction.imm = reader.take<std::int64_t>();
    instruction.first = reader.take<std::uint32_t>();
    instruction.count = reader.take<std::uint32_t>();
  }
  program.operands.resize(reader.take_count(sizeof(Register)));
  for (Register& operand : program.operands) operand = reader.take<Register>();
  program.result = reader.take<Register>();
  if (!reader.done()) return refused("its lengths do not match");
  if (std::string problem = check(program); !problem.empty()) return refused(std::move(problem));
  return program;
}

}  // namespace flexc::tile
