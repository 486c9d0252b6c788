// The byte format, refusals, functions' enclosures, threads and budgets; and the scalar operations against the oracle's.
#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/tile/classify.h"
#include "tests/tile/random_program.h"

using namespace flexc;
using namespace flexc::tile;

namespace {

Program causal() {
  Program program;
  program.instructions = {{Opcode::QIdx, 0, 0, 0}, {Opcode::KvIdx, 0, 0, 0}, {Opcode::Ge, 0, 0, 2}};
  program.operands = {0, 1};
  program.result = 2;
  return program;
}

BlockMask square(Int length, std::int32_t block) {
  BlockMask shape;
  shape.q_len = shape.kv_len = length;
  shape.block_q = shape.block_kv = block;
  return shape;
}

}  // namespace

TEST_CASE("damaged bytes are refused") {
  const auto bytes = serialize(random_case(4).program);
  REQUIRE(deserialize(bytes).has_value());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{0x10};
    REQUIRE_FALSE(deserialize(flipped).has_value());
    REQUIRE_FALSE(deserialize(std::span(bytes).first(i)).has_value());
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  REQUIRE_FALSE(deserialize(longer).has_value());
}

TEST_CASE("ill-formed programs are refused") {
  REQUIRE(check(causal()).empty());
  Program program = causal();
  program.operands[1] = 2;
  CHECK(check(program).find("comes later") != std::string::npos);
  program = causal();
  program.result = 1;
  CHECK(check(program).find("no boolean") != std::string::npos);
  program = causal();
  program.instructions[2].op = Opcode::AndB;
  CHECK(check(program).find("wrong type") != std::string::npos);
  program = causal();
  program.instructions[2].count = 3;
  CHECK_FALSE(check(program).empty());
  program = causal();
  program.instructions[1] = {Opcode::GatherI, 0, 0, 0};
  CHECK(check(program).find("immediate") != std::string::npos);
  // A loop's index after the loop, a loop without an end, an end without a begin.
  Program loop;
  loop.instructions = {{Opcode::ConstI, 3, 0, 0}, {Opcode::LoopBegin, 0, 0, 1}, {Opcode::LoopSumI, 0, 1, 2}, {Opcode::Le, 0, 3, 2}};
  loop.operands = {0, 1, 1, 2, 0};
  loop.result = 3;
  CHECK(check(loop).empty());
  loop.operands[4] = 1;
  CHECK(check(loop).find("outside") != std::string::npos);
  loop.instructions[2].op = Opcode::Add;
  CHECK(check(loop).find("does not end") != std::string::npos);
}

TEST_CASE("signatures hold every value of a stretch") {
  std::vector<std::int32_t> data(1000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::int32_t>(i * 37 % 911);
  const TensorView view(data.data(), i32, {1000});
  LineSummary line({&view, 0, 1000, 1}, true);
  CHECK_FALSE(line.is_sorted());
  line.add_signatures(kMaxSignatureWords);
  for (Int first = 0; first < 1000; first += 31)
    for (Int last = first; last < 1000; last += 29) {
      Word found[kMaxSignatureWords] = {}, expected[kMaxSignatureWords] = {};
      line.signature(first, last, found);
      for (Int i = first; i <= last; ++i) expected[data[static_cast<std::size_t>(i)] / 64] |= Word{1} << (data[static_cast<std::size_t>(i)] % 64);
      for (std::size_t w = 0; w < kMaxSignatureWords; ++w) REQUIRE(found[w] == expected[w]);
    }
}

TEST_CASE("causal and prefix masks of a million tokens take at most two evaluations a block of rows") {
  ClassifyReport report;
  BlockMask oblong = square(Int{1} << 20, 128);
  oblong.block_kv = 64;
  const auto band = classify(causal(), {}, oblong, {.threads = 1}, &report);
  REQUIRE(band.has_value());
  CHECK(report.method == Method::Band);
  CHECK(report.effort.evaluations == band->q_blocks());
  const auto mask = classify(causal(), {}, square(Int{1} << 20, 128), {.threads = 1}, &report);
  REQUIRE(mask.has_value());
  CHECK(report.method == Method::Diagonal);
  CHECK(report.effort.evaluations <= 2 * mask->q_blocks());
  CHECK(mask->bytes() <= 1000000);
  CHECK(mask->counts() == BlockMask::Counts{33550336, 8192, 33550336});
}

TEST_CASE("the thread count changes no tile, and neither does the way") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomCase random = random_case(seed);
    random.shape.q_len = 700, random.shape.block_q = random.shape.block_kv = 2;
    const auto one = classify(random.program, random.launch, random.shape, {.threads = 1}), three = classify(random.program, random.launch, random.shape, {.threads = 3});
    INFO("seed " << seed);
    REQUIRE(one.has_value());
    REQUIRE(three.has_value());
    REQUIRE(one->runs == three->runs);
    REQUIRE(one->row_begin == three->row_begin);
  }
}

TEST_CASE("a search that runs out of budget says so and calls the rest partial") {
  // (q·k) mod 7 < 3: no region of more than a few pairs can be proved.
  Program program = causal();
  program.instructions = {{Opcode::QIdx, 0, 0, 0}, {Opcode::KvIdx, 0, 0, 0}, {Opcode::Mul, 0, 0, 2}, {Opcode::ConstI, 7, 0, 0}, {Opcode::Mod, 0, 2, 2}, {Opcode::ConstI, 3, 0, 0}, {Opcode::Lt, 0, 4, 2}};
  program.operands = {0, 1, 2, 3, 4, 5};
  program.result = 6;
  REQUIRE(check(program).empty());
  ClassifyReport report;
  const auto mask = classify(program, {}, square(512, 1), {.refine = Refine::None, .node_budget = 1}, &report);
  REQUIRE(mask.has_value());
  CHECK(report.budget_exhausted);
  const auto map = mask->dense();
  CHECK(mask->counts().partial > 1000);
  for (Int row = 0; row < 512; ++row)
    for (Int column = 0; column < 512; ++column) {
      const auto kind = static_cast<TileKind>(map[static_cast<std::size_t>(row * 512 + column)]);
      if (kind != TileKind::Partial) REQUIRE(kind == (row * column % 7 < 3 ? TileKind::Full : TileKind::Empty));
    }
}

TEST_CASE("empty sequences have no tiles") {
  BlockMask shape = square(0, 128);
  REQUIRE(classify(causal(), {}, shape)->row_begin == std::vector<std::uint64_t>{0});
  shape.q_len = 300;
  const auto mask = classify(causal(), {}, shape);
  REQUIRE(mask->row_begin == std::vector<std::uint64_t>{0, 0, 0, 0});
}

TEST_CASE("enclosures hold for the functions, within the margin that expansions need") {
  struct Case {
    Function function;
    double (*exact)(double);
  };
  const Case cases[] = {{Function::Exp, [](double x) { return std::exp(x); }},     {Function::Exp2, [](double x) { return std::exp2(x); }},
                        {Function::Expm1, [](double x) { return std::expm1(x); }}, {Function::Log, [](double x) { return std::log(x); }},
                        {Function::Log2, [](double x) { return std::log2(x); }},   {Function::Log1p, [](double x) { return std::log1p(x); }},
                        {Function::Tanh, [](double x) { return std::tanh(x); }},   {Function::Sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
                        {Function::Erf, [](double x) { return std::erf(x); }},     {Function::Sine, [](double x) { return std::sin(x); }}};
  const float points[] = {-kInf, -200.0f, -90.0f, -3.5f, -1.0f, -0.25f, -1e-30f, 0.0f, 1e-42f, 1e-6f, 0.5f, 1.0f, 7.0f, 88.0f, 300.0f, 3e38f, kInf};
  for (const Case& c : cases)
    for (const float lo : points)
      for (const float hi : points) {
        if (lo > hi) continue;
        const FloatRange bounds = enclose(kAnyFloat, c.function, {lo, hi, false});
        for (const float x : points) {
          if (x < lo || x > hi) continue;
          const double value = c.exact(x);
          for (const double relative : {-0x1p-20, 0.0, 0x1p-20}) {
            const auto rounded = static_cast<float>(value * (1 + relative));
            INFO(name_of(c.function) << "(" << x << ") = " << rounded << " in [" << lo << ", " << hi << "]: " << bounds.lo << " … " << bounds.hi);
            CHECK(bounds.contains(rounded));
          }
        }
      }
}
