// The runtime's scalar operations and the oracle's are two texts of one meaning: equal at edge values, bit by bit.
#include <catch2/catch.hpp>

#include "dsl/evaluate/scalar_ops.h"
#include "runtime/tile/points.h"

using namespace flexc;
using tile::Int;

namespace {

constexpr Int kMin = tile::kIntMin, kMax = tile::kIntMax;
constexpr Int kIntegers[] = {0, 1, -1, 2, -2, 3, -3, 7, -7, 63, 64, 65, -63, -64, 127, 1000003, Int{1} << 31, -(Int{1} << 31), (Int{1} << 32) - 1, (Int{1} << 53) + 1, kMax, kMax - 1, kMin, kMin + 1};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kReals[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 3.0f, -7.25f, 0.1f, 10.0f, 1e-45f, -1e-45f, 1e-39f, 1e20f, 0x1p24f, -0x1p24f, 0x1p62f, 0x1p63f, -0x1p63f, 3e38f, tile::kInf, -tile::kInf, kNan};

/// One instruction on two values, through the point interpreter.
struct Single {
  tile::Program program;
  tile::Launch launch;
  explicit Single(tile::Opcode op, bool real) {
    const auto param = real ? tile::Opcode::ParamF : tile::Opcode::ParamI;
    program.params = 2;
    program.instructions = {{param, 0, 0, 0}, {param, 1, 0, 0}, {op, 0, 0, static_cast<std::uint32_t>(tile::operands_of(op).size())}, {tile::Opcode::ConstB, 1, 0, 0}};
    program.operands = {0, 1};
    program.result = 3;
    REQUIRE(tile::check(program).empty());
    launch.params.resize(2);
  }
  const tile::PointMachine& run() {
    analysis.emplace(program);
    machine.emplace(program, *analysis, launch);
    machine->set_plane(0, 0);
    return *machine;
  }
  std::optional<tile::Analysis> analysis;
  std::optional<tile::PointMachine> machine;
};

using tile::Opcode;
constexpr std::pair<Opcode, dsl::Op> kIntegerOps[] = {
    {Opcode::Add, dsl::Op::Add}, {Opcode::Sub, dsl::Op::Sub}, {Opcode::Mul, dsl::Op::Mul}, {Opcode::FloorDiv, dsl::Op::FloorDiv}, {Opcode::Mod, dsl::Op::Mod}, {Opcode::Neg, dsl::Op::Neg},
    {Opcode::Abs, dsl::Op::Abs}, {Opcode::Sign, dsl::Op::Sign}, {Opcode::Min, dsl::Op::Min}, {Opcode::Max, dsl::Op::Max}, {Opcode::And, dsl::Op::And}, {Opcode::Or, dsl::Op::Or},
    {Opcode::Xor, dsl::Op::Xor}, {Opcode::Shl, dsl::Op::Shl}, {Opcode::Shr, dsl::Op::Shr}, {Opcode::WrapI32, dsl::Op::WrapI32}, {Opcode::Eq, dsl::Op::Eq}, {Opcode::Ne, dsl::Op::Ne},
    {Opcode::Lt, dsl::Op::Lt}, {Opcode::Le, dsl::Op::Le}, {Opcode::Gt, dsl::Op::Gt}, {Opcode::Ge, dsl::Op::Ge}, {Opcode::IntToFloat, dsl::Op::IntToFloat}};
constexpr std::pair<Opcode, dsl::Op> kRealOps[] = {
    {Opcode::AddF, dsl::Op::Add}, {Opcode::SubF, dsl::Op::Sub}, {Opcode::MulF, dsl::Op::Mul}, {Opcode::DivF, dsl::Op::Div}, {Opcode::FloorDivF, dsl::Op::FloorDiv}, {Opcode::ModF, dsl::Op::Mod},
    {Opcode::NegF, dsl::Op::Neg}, {Opcode::AbsF, dsl::Op::Abs}, {Opcode::SignF, dsl::Op::Sign}, {Opcode::MinF, dsl::Op::Min}, {Opcode::MaxF, dsl::Op::Max}, {Opcode::FloorF, dsl::Op::Floor},
    {Opcode::CeilF, dsl::Op::Ceil}, {Opcode::RoundF, dsl::Op::Round}, {Opcode::SqrtF, dsl::Op::Sqrt}, {Opcode::EqF, dsl::Op::Eq}, {Opcode::NeF, dsl::Op::Ne}, {Opcode::LtF, dsl::Op::Lt},
    {Opcode::LeF, dsl::Op::Le}, {Opcode::GtF, dsl::Op::Gt}, {Opcode::GeF, dsl::Op::Ge}, {Opcode::IsNan, dsl::Op::IsNan}, {Opcode::IsInf, dsl::Op::IsInf}, {Opcode::FloatToInt, dsl::Op::FloatToInt}};

bool same(const tile::PointMachine& machine, Opcode op, const dsl::Value& expected) {
  switch (tile::type_of(op)) {
    case tile::Type::Bool: return machine.truth(2) == (expected.integer != 0);
    case tile::Type::I64: return machine.integer(2) == expected.integer;
    case tile::Type::F32: {
      const auto real = static_cast<float>(expected.real);
      return std::isnan(real) ? std::isnan(machine.real(2)) : std::bit_cast<std::uint32_t>(real) == std::bit_cast<std::uint32_t>(machine.real(2));
    }
  }
  return false;
}

}  // namespace

TEST_CASE("integer operations equal the oracle's") {
  for (const auto& [op, kind] : kIntegerOps) {
    Single single(op, false);
    for (const Int a : kIntegers)
      for (const Int b : kIntegers) {
        single.launch.params[0].integer = a, single.launch.params[1].integer = b;
        INFO(tile::name_of(op) << " " << a << ", " << b);
        REQUIRE(same(single.run(), op, dsl::integer_operation(kind, true, {a, 0}, {b, 0})));
      }
  }
}

TEST_CASE("float operations equal the oracle's") {
  for (const auto& [op, kind] : kRealOps) {
    Single single(op, true);
    for (const float a : kReals)
      for (const float b : kReals) {
        single.launch.params[0].real = a, single.launch.params[1].real = b;
        INFO(tile::name_of(op) << " " << a << ", " << b);
        REQUIRE(same(single.run(), op, dsl::float_operation(kind, true, {0, a}, {0, b})));
      }
  }
}
