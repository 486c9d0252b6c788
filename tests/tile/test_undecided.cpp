// What is said of tiles that proof left undecided: their number, and which operation stands in the way.
#include <catch2/catch.hpp>

#include "runtime/tile/expression.h"
#include "runtime/tile/undecided.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

namespace {

struct Case {
  Program program;
  Launch launch;
  BlockMask shape;
  UndecidedTiles explain() const {
    REQUIRE(check(program).empty());
    const auto found = classify(program, launch, shape, {.refine = Refine::None});
    const auto exact = classify(program, launch, shape, {.refine = Refine::Exact});
    REQUIRE(found.has_value());
    REQUIRE(exact.has_value());
    return undecided_tiles(program, launch, *found, *exact);
  }
  /// Adds an instruction; its number is returned.
  Register add(Opcode op, Int imm, const std::vector<Register>& operands) {
    program.instructions.push_back({op, imm, static_cast<std::uint32_t>(program.operands.size()), static_cast<std::uint32_t>(operands.size())});
    program.operands.insert(program.operands.end(), operands.begin(), operands.end());
    return program.result = static_cast<Register>(program.instructions.size() - 1);
  }
};

Case square(Int length, std::int32_t block) {
  Case made;
  made.shape.q_len = made.shape.kv_len = length;
  made.shape.block_q = made.shape.block_kv = block;
  made.launch.symbols = {1, 1, 1, length, length};
  return made;
}

}  // namespace

TEST_CASE("undecided: each tile that was looked at has one culprit, and truly holds one value") {
  int undecided = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const RandomCase random = random_case(seed);
    INFO("seed " << seed << "\n" << print(random.program));
    const auto found = classify(random.program, random.launch, random.shape, {.refine = Refine::None});
    const auto exact = classify(random.program, random.launch, random.shape, {.refine = Refine::Exact});
    REQUIRE(found.has_value());
    REQUIRE(exact.has_value());
    const UndecidedTiles open = undecided_tiles(random.program, random.launch, *found, *exact, 8);
    const auto called = found->dense(), truth = exact->dense();
    Int expected = 0;
    for (std::size_t i = 0; i < called.size(); ++i) expected += called[i] != truth[i];
    REQUIRE(open.tiles == expected);
    REQUIRE(open.examined <= std::min<Int>(8, expected));
    Int counted = 0;
    for (const Culprit& culprit : open.culprits) {
      counted += culprit.tiles;
      REQUIRE(culprit.at < random.program.instructions.size());
      REQUIRE_FALSE(expression(random.program, culprit.at, {}).empty());
    }
    REQUIRE(counted == open.examined);
    undecided += expected > 0;
  }
  CHECK(undecided > 20);
}

TEST_CASE("undecided: two conditions that exclude each other, of which neither is settled") {
  // (q_idx % 2 == 0) & (q_idx % 2 == 1) is never true; ranges do not see that both read one value.
  Case made = square(32, 8);
  const Register q = made.add(Opcode::QIdx, 0, {}), k = made.add(Opcode::KvIdx, 0, {}), two = made.add(Opcode::ConstI, 2, {}), zero = made.add(Opcode::ConstI, 0, {}),
                 one = made.add(Opcode::ConstI, 1, {});
  (void)k;
  const Register rest = made.add(Opcode::Mod, 0, {q, two}), even = made.add(Opcode::Eq, 0, {rest, zero}), odd = made.add(Opcode::Eq, 0, {rest, one});
  const Register both = made.add(Opcode::AndB, 0, {even, odd});
  const UndecidedTiles open = made.explain();
  CHECK(open.tiles == 16);
  REQUIRE(open.culprits.size() == 1);
  CHECK(open.culprits[0].at == both);
  CHECK(expression(made.program, both, {}) == "((q_idx % 2) == 0) & ((q_idx % 2) == 1)");
}

TEST_CASE("undecided: a capture's equality is named, with the capture that it reads") {
  // doc[q_idx] - doc[kv_idx] == 5 never holds for these numbers, whose differences are multiples of 10 within every tile's range.
  Case made = square(32, 8);
  std::vector<std::int32_t> numbers(32);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int32_t>(i * 7 % 5) * 10;
  made.program.captures = {{DType::I32, 1}};
  made.launch.captures = {TensorView(numbers.data(), i32, {32})};
  const Register q = made.add(Opcode::QIdx, 0, {}), k = made.add(Opcode::KvIdx, 0, {}), five = made.add(Opcode::ConstI, 5, {});
  const Register a = made.add(Opcode::GatherI, 0, {q}), b = made.add(Opcode::GatherI, 0, {k});
  const Register difference = made.add(Opcode::Sub, 0, {a, b});
  made.add(Opcode::Eq, 0, {difference, five});
  const UndecidedTiles open = made.explain();
  CHECK(open.tiles == 16);
  REQUIRE(open.culprits.size() == 1);
  CHECK(captures_of(made.program, open.culprits[0].at) == std::vector<std::uint32_t>{0});
  CHECK(expression(made.program, made.program.result, {{"doc"}, {}, {}}) == "(doc[q_idx] - doc[kv_idx]) == 5");
}

TEST_CASE("undecided: nothing is said where proof settles everything") {
  Case made = square(64, 8);
  const Register q = made.add(Opcode::QIdx, 0, {}), k = made.add(Opcode::KvIdx, 0, {});
  made.add(Opcode::Ge, 0, {q, k});
  const UndecidedTiles open = made.explain();
  CHECK(open.tiles == 0);
  CHECK(open.examined == 0);
  CHECK(open.culprits.empty());
}
