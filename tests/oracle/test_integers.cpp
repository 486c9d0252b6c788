// Every operation on integers and booleans at edge values, against 128-bit arithmetic.
#include <catch2/catch.hpp>

#include <functional>

#include "tests/oracle/body_builder.h"

using namespace oracle_test;

namespace {

__extension__ using Wide = __int128;  // GCC and clang have it; -Wpedantic is told so

std::int64_t wrap(Wide value) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(value)); }

Wide floor_quotient(Wide a, Wide b) {
  if (b == 0) return 0;
  Wide quotient = a / b;
  while (quotient * b > a == (b > 0) && quotient * b != a) --quotient;
  return quotient;
}

Wide power_of_two(std::int64_t count) {
  Wide value = 1;
  for (std::int64_t i = 0; i < ((count % 64) + 64) % 64; ++i) value *= 2;
  return value;
}

void check_binary(Op op, Type result_type, const std::function<std::int64_t(Wide, Wide)>& reference) {
  const auto n = static_cast<std::int64_t>(kEdgeIntegers.size());
  std::vector<std::int64_t> expected, wrong;
  for (std::int64_t a : kEdgeIntegers)
    for (std::int64_t b : kEdgeIntegers) expected.push_back(reference(a, b));
  for (std::int64_t value : expected) wrong.push_back(value ^ 1);
  for (const bool right : {true, false}) {
    Builder t;
    const std::int64_t values = t.capture(kEdgeIntegers.data(), i64, {n});
    const NodeId a = t.gather(values, {t.q_idx()}), b = t.gather(values, {t.kv_idx()});
    NodeId result = t.add(op, result_type, {a, b});
    if (result_type == kBoolType) result = t.add(Op::BoolToInt, kI64Type, {result});
    t.equals_expected(result, right ? expected : wrong, n, n);
    Evaluator evaluator = t.evaluator();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        INFO("operands " << kEdgeIntegers[static_cast<std::size_t>(i)] << ", " << kEdgeIntegers[static_cast<std::size_t>(j)]);
        CHECK(evaluator.mask(0, 0, i, j) == right);
      }
    CHECK(!evaluator.fault());
  }
}

void check_unary(Op op, const std::function<std::int64_t(Wide)>& reference) {
  const auto n = static_cast<std::int64_t>(kEdgeIntegers.size());
  std::vector<std::int64_t> expected;
  for (std::int64_t a : kEdgeIntegers) expected.push_back(reference(a));
  Builder t;
  const NodeId a = t.gather(t.capture(kEdgeIntegers.data(), i64, {n}), {t.q_idx()});
  t.equals_expected(t.add(op, kI64Type, {a}), expected, n, 1);
  Evaluator evaluator = t.evaluator();
  for (std::int64_t i = 0; i < n; ++i) {
    INFO("operand " << kEdgeIntegers[static_cast<std::size_t>(i)]);
    CHECK(evaluator.mask(0, 0, i, 0));
  }
}

}  // namespace

TEST_CASE("integer arithmetic wraps", "[integers]") {
  check_binary(Op::Add, kI64Type, [](Wide a, Wide b) { return wrap(a + b); });
  check_binary(Op::Sub, kI64Type, [](Wide a, Wide b) { return wrap(a - b); });
  check_binary(Op::Mul, kI64Type, [](Wide a, Wide b) { return wrap(a * b); });
  check_binary(Op::Min, kI64Type, [](Wide a, Wide b) { return wrap(a < b ? a : b); });
  check_binary(Op::Max, kI64Type, [](Wide a, Wide b) { return wrap(a < b ? b : a); });
}

TEST_CASE("floor division and remainder are Python's and total", "[integers]") {
  check_binary(Op::FloorDiv, kI64Type, [](Wide a, Wide b) { return wrap(floor_quotient(a, b)); });
  check_binary(Op::Mod, kI64Type, [](Wide a, Wide b) { return b == 0 ? 0 : wrap(a - floor_quotient(a, b) * b); });
}

TEST_CASE("bit operations", "[integers]") {
  check_binary(Op::And, kI64Type, [](Wide a, Wide b) { return wrap(a & b); });
  check_binary(Op::Or, kI64Type, [](Wide a, Wide b) { return wrap(a | b); });
  check_binary(Op::Xor, kI64Type, [](Wide a, Wide b) { return wrap(a ^ b); });
}

TEST_CASE("shift counts are taken modulo 64, to the right arithmetically", "[integers]") {
  check_binary(Op::Shl, kI64Type, [](Wide a, Wide b) { return wrap(a * power_of_two(wrap(b))); });
  check_binary(Op::Shr, kI64Type, [](Wide a, Wide b) { return wrap(floor_quotient(a, power_of_two(wrap(b)))); });
}

TEST_CASE("integer comparisons are signed", "[integers]") {
  check_binary(Op::Eq, kBoolType, [](Wide a, Wide b) { return a == b; });
  check_binary(Op::Ne, kBoolType, [](Wide a, Wide b) { return a != b; });
  check_binary(Op::Lt, kBoolType, [](Wide a, Wide b) { return a < b; });
  check_binary(Op::Le, kBoolType, [](Wide a, Wide b) { return a <= b; });
  check_binary(Op::Gt, kBoolType, [](Wide a, Wide b) { return a > b; });
  check_binary(Op::Ge, kBoolType, [](Wide a, Wide b) { return a >= b; });
}

TEST_CASE("unary integer operations", "[integers]") {
  check_unary(Op::Neg, [](Wide a) { return wrap(-a); });
  check_unary(Op::Abs, [](Wide a) { return wrap(a < 0 ? -a : a); });
  check_unary(Op::Sign, [](Wide a) { return (a > 0) - (a < 0); });
  check_unary(Op::Not, [](Wide a) { return wrap(-a - 1); });
  check_unary(Op::WrapI32, [](Wide a) {
    const Wide low = a - floor_quotient(a, Wide{1} << 32) * (Wide{1} << 32);
    return wrap(low >= Wide{1} << 31 ? low - (Wide{1} << 32) : low);
  });
}

TEST_CASE("booleans are 0 and 1, and not is logical", "[integers]") {
  for (const bool x : {false, true})
    for (const bool y : {false, true}) {
      const auto result = [&](Op op) {
        Builder t;
        const NodeId a = t.add(Op::ConstBool, kBoolType, {}, x), b = t.add(Op::ConstBool, kBoolType, {}, y);
        t.add(op, kBoolType, op == Op::Not ? std::vector{a} : std::vector{a, b});
        return t.evaluator().mask(0, 0, 0, 0);
      };
      CHECK(result(Op::And) == (x && y));
      CHECK(result(Op::Or) == (x || y));
      CHECK(result(Op::Xor) == (x != y));
      CHECK(result(Op::Not) == !x);
      CHECK(result(Op::Eq) == (x == y));
    }
}

TEST_CASE("leaves: indices, symbols, params, fresh dims", "[integers]") {
  Builder t;
  t.environment.problem = {3, 5, 7, 11, 13};
  t.form.params = {{"a", DType::I64, {}, {}, true}, {"b", DType::F32, {}, {}, true}, {"c", DType::Bool, {}, {}, true}};
  t.environment.params = {{kMin, 0}, {0, 0.1f}, {1, 0}};
  t.form.fresh_dims = {"n"};
  const auto integer_of = [&](Op op, Type type, std::int64_t imm) {
    Builder probe = t;
    NodeId value = probe.add(op, type, {}, imm);
    if (type == kBoolType) value = probe.add(Op::BoolToInt, kI64Type, {value});
    const std::int64_t candidates[] = {kMin, 1, 2, 3, 4, 5, 7, 11, 13, 17};
    const std::int64_t table = probe.capture(candidates, i64, {10});
    probe.add(Op::Eq, kBoolType, {value, probe.gather(table, {probe.kv_idx()})});
    const std::int64_t sizes[] = {17};
    Evaluator evaluator(probe.body, probe.form, probe.environment, sizes);
    for (std::int64_t i = 0; i < 10; ++i)
      if (evaluator.mask(2, 4, 5 /* not a candidate of another leaf */, i)) return candidates[i];
    return std::int64_t{-1};
  };
  CHECK(integer_of(Op::BatchIndex, kI64Type, 0) == 2);
  CHECK(integer_of(Op::HeadIndex, kI64Type, 0) == 4);
  CHECK(integer_of(Op::QIndex, kI64Type, 0) == 5);
  for (int symbol = 0; symbol < 5; ++symbol) CHECK(integer_of(Op::SymbolValue, kI64Type, symbol) == std::vector<std::int64_t>{3, 5, 7, 11, 13}[static_cast<std::size_t>(symbol)]);
  CHECK(integer_of(Op::FreshDim, kI64Type, 0) == 17);
  CHECK(integer_of(Op::Param, kI64Type, 0) == kMin);
  CHECK(integer_of(Op::Param, kBoolType, 2) == 1);
  Builder real = t;
  real.add(Op::Param, kF32Type, {}, 1);
  CHECK(real.evaluator().score(0, 0, 0, 0, 0) == static_cast<double>(0.1f));
}
