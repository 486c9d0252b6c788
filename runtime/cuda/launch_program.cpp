#include "runtime/cuda/launch_program.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "runtime/io/byte_numbers.h"
#include "runtime/tile/points.h"
#include "templates/hooks.cuh"

namespace flexc::runtime {
namespace {

using tile::Opcode;
using tile::Type;

constexpr std::uint32_t kMagic = 0x4c584c46;  // "FLXL"
constexpr std::uint32_t kVersion = 1;

}  // namespace

std::string check(const LaunchProgram& launch) {
  const tile::Program& program = launch.program;
  if (std::string problem = tile::check(program); !problem.empty()) return problem;
  if (program.params == 0) return "a program without the scale";
  for (const tile::Instruction& instruction : program.instructions) {
    switch (instruction.op) {
      case Opcode::Batch: case Opcode::Head: case Opcode::QIdx: case Opcode::KvIdx: case Opcode::GatherB: case Opcode::GatherI: case Opcode::GatherF:
        return fmt::format("the launch level reads `{}`", tile::name_of(instruction.op));
      default: break;
    }
  }
  for (const tile::Register value : launch.values)
    if (value >= program.instructions.size()) return "a value of a register that does not exist";
  for (const tile::Register divisor : launch.divisors)
    if (divisor >= program.instructions.size() || tile::type_of(program.instructions[divisor].op) != Type::I64) return "a divisor that is no integer";
  return {};
}

std::vector<std::byte> serialize(const LaunchProgram& launch) {
  std::vector<std::byte> bytes;
  put(bytes, kMagic);
  put(bytes, kVersion);
  for (const auto* list : {&launch.values, &launch.divisors}) {
    put(bytes, static_cast<std::uint32_t>(list->size()));
    for (const tile::Register value : *list) put(bytes, value);
  }
  const std::vector<std::byte> program = tile::serialize(launch.program);
  bytes.insert(bytes.end(), program.begin(), program.end());
  put(bytes, std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
  return bytes;
}

Result<LaunchProgram> deserialize_launch_program(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return std::unexpected(Error{ErrorKind::Input, "this is no launch program: " + std::move(why)}); };
  constexpr std::size_t kHeadBytes = 2 * sizeof(std::uint32_t), kHashBytes = sizeof(std::uint64_t);
  if (bytes.size() < kHeadBytes + kHashBytes) return refused("it is too short");
  const auto body = bytes.first(bytes.size() - kHashBytes);
  ByteReader in(body);
  if (in.take<std::uint32_t>() != kMagic) return refused("it begins with other bytes");
  if (const auto version = in.take<std::uint32_t>(); version != kVersion) return refused(fmt::format("it has version {}, and this is version {}", version, kVersion));
  if (number_at<std::uint64_t>(bytes, body.size()) != XXH3_64bits(body.data(), body.size())) return refused("it is damaged (its hash differs)");
  LaunchProgram launch;
  for (auto* list : {&launch.values, &launch.divisors}) {
    list->resize(in.take_count(sizeof(tile::Register)));
    for (tile::Register& value : *list) value = in.take<tile::Register>();
  }
  if (!in.fits()) return refused("its lengths do not match");
  auto program = tile::deserialize(in.rest());
  if (!program) return refused(program.error().message);
  launch.program = std::move(*program);
  if (std::string problem = check(launch); !problem.empty()) return refused(std::move(problem));
  return launch;
}

Result<LaunchWords> evaluate(const LaunchProgram& launch, const LaunchInputs& inputs) {
  const tile::Program& program = launch.program;
  tile::Launch bound;
  bound.params.assign(inputs.params.begin(), inputs.params.end());
  bound.params.push_back({0, inputs.scale});
  bound.symbols = inputs.symbols;
  bound.fresh_dims.assign(inputs.fresh_dims.begin(), inputs.fresh_dims.end());
  if (auto status = tile::check_launch(program, bound); !status) return std::unexpected(status.error());
  const tile::Analysis analysis(program);
  tile::PointMachine machine(program, analysis, bound);
  machine.set_launch();
  LaunchWords words;
  for (const tile::Register value : launch.values) {
    switch (tile::type_of(program.instructions[value].op)) {
      case Type::Bool: words.values.push_back(machine.truth(value) ? 1 : 0); break;
      case Type::I64: words.values.push_back(static_cast<std::uint64_t>(machine.integer(value))); break;
      case Type::F32: words.values.push_back(std::bit_cast<std::uint32_t>(machine.real(value))); break;
    }
  }
  for (const tile::Register divisor : launch.divisors) {
    const mods::Divisor made = mods::make_divisor(machine.integer(divisor));
    static_assert(sizeof made == sizeof words.divisors[0]);
    std::memcpy(&words.divisors.emplace_back(), &made, sizeof made);
  }
  return words;
}

}  // namespace flexc::runtime
