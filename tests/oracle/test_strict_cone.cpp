// Where f32 ends and f64 begins.
#include <catch2/catch.hpp>

#include "tests/oracle/body_builder.h"

using namespace oracle_test;

TEST_CASE("the strict cone is what integers and booleans depend on", "[strict]") {
  Builder t;
  const NodeId score = t.score(), tenth = t.real(0.1f);
  const NodeId product = t.add(Op::Mul, kF32Type, {score, tenth});        // only the result reads it
  const NodeId scaled = t.add(Op::Sub, kF32Type, {tenth, t.real(3.0f)});  // the comparison depends on it
  const NodeId condition = t.add(Op::Lt, kBoolType, {scaled, t.real(0.5f)});
  const NodeId result = t.add(Op::Select, kF32Type, {condition, product, scaled});
  const std::vector<bool> strict = strict_cone(t.body);
  CHECK_FALSE(strict[score]);
  CHECK(strict[tenth]);
  CHECK_FALSE(strict[product]);
  CHECK(strict[scaled]);
  CHECK(strict[condition]);
  CHECK_FALSE(strict[result]);
}

TEST_CASE("index arithmetic through floats is f32 arithmetic", "[strict]") {
  // int(0.1 · 10 · 2^30): 0.1 · 10 is 1 in f32, and a little more in f64.
  Builder t;
  const NodeId x = t.add(Op::Mul, kF32Type, {t.real(0.1f), t.real(10.0f)});
  const NodeId y = t.add(Op::Mul, kF32Type, {x, t.real(0x1p30f)});
  t.add(Op::Eq, kBoolType, {t.add(Op::FloatToInt, kI64Type, {y}), t.integer(std::int64_t{1} << 30)});
  CHECK(t.evaluator().mask(0, 0, 0, 0));
  CHECK(static_cast<std::int64_t>(static_cast<double>(0.1f) * 10 * 0x1p30) != (std::int64_t{1} << 30));
}

TEST_CASE("the score is f64, but rounded where it enters a boolean", "[strict]") {
  const double just_above = 1 + 0x1p-40;
  Builder t;
  const NodeId score = t.score();
  const NodeId condition = t.add(Op::Gt, kBoolType, {score, t.real(1.0f)});
  t.add(Op::Select, kF32Type, {condition, t.real(5.0f), score});
  CHECK(t.evaluator().score(just_above, 0, 0, 0, 0) == just_above);  // 1 > 1 is false in f32; the value chosen stays f64
  CHECK(t.evaluator().score(1 + 0x1p-20, 0, 0, 0, 0) == 5);
}

TEST_CASE("a strict node that reads the score reads an f32", "[strict]") {
  const double score = 1 + 0x1p-30;
  Builder t;
  t.strictly(t.add(Op::Sub, kF32Type, {t.score(), t.real(1.0f)}));
  CHECK(t.evaluator().score(score, 0, 0, 0, 0) == 0);
  Builder loose;
  loose.add(Op::Sub, kF32Type, {loose.score(), loose.real(1.0f)});
  CHECK(loose.evaluator().score(score, 0, 0, 0, 0) == 0x1p-30);
}
