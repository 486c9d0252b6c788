#include "runtime/cuda/launch_program.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "runtime/tile/points.h"
#include "templates/hooks.cuh"

namespace flexc::runtime {
namespace {

using tile::Opcode;
using tile::Type;

constexpr std::uint32_t kMagic = 0x4c584c46;  // "FLXL"
constexpr std::uint32_t kVersion = 1;

void put(std::vector<std::byte>& bytes, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(value >> shift & 0xffu));
}

/// A count and as many registers; nothing where the bytes end before.
bool take(std::span<const std::byte>& bytes, std::vector<tile::Register>& into) {
  const auto word = [&](std::size_t i) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    return value;
  };
  if (bytes.size() < sizeof(std::uint32_t)) return false;
  const std::size_t count = word(0);
  if (bytes.size() / sizeof(std::uint32_t) - 1 < count) return false;
  for (std::size_t i = 0; i < count; ++i) into.push_back(word(i + 1));
  bytes = bytes.subspan((count + 1) * sizeof(std::uint32_t));
  return true;
}

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
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  put(bytes, static_cast<std::uint32_t>(hash));
  put(bytes, static_cast<std::uint32_t>(hash >> 32));
  return bytes;
}

Result<LaunchProgram> deserialize_launch_program(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return std::unexpected(Error{ErrorKind::Input, "this is no launch program: " + std::move(why)}); };
  std::uint32_t head[2] = {};
  std::uint64_t hash = 0;
  if (bytes.size() < sizeof head + sizeof hash) return refused("it is too short");
  std::memcpy(head, bytes.data(), sizeof head);
  std::memcpy(&hash, bytes.data() + bytes.size() - sizeof hash, sizeof hash);
  bytes = bytes.first(bytes.size() - sizeof hash);
  if (head[0] != kMagic) return refused("it begins with other bytes");
  if (head[1] != kVersion) return refused(fmt::format("it has version {}, and this is version {}", head[1], kVersion));
  if (hash != XXH3_64bits(bytes.data(), bytes.size())) return refused("it is damaged (its hash differs)");
  bytes = bytes.subspan(sizeof head);
  LaunchProgram launch;
  if (!take(bytes, launch.values) || !take(bytes, launch.divisors)) return refused("its lengths do not match");
  auto program = tile::deserialize(bytes);
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
