// Operations on floats at edge values: f32 inside the strict cone, f64 outside.
#include <catch2/catch.hpp>

#include <functional>

#include "flexc/dsl/expand_math.h"
#include "tests/oracle/body_builder.h"

using namespace oracle_test;

namespace {

const auto kCount = static_cast<std::int64_t>(kEdgeFloats.size());

/// op(x, y) over all pairs of edge values; unary operations ignore y.
void check(Op op, bool unary, bool strict, const std::function<double(float, float)>& reference) {
  Builder t;
  const std::int64_t values = t.capture(kEdgeFloats.data(), f32, {kCount});
  const NodeId x = t.gather(values, {t.q_idx()}), y = t.gather(values, {t.kv_idx()});
  const NodeId result = t.add(op, kF32Type, unary ? std::vector{x} : std::vector{x, y});
  if (strict) t.strictly(result);
  Evaluator evaluator = t.evaluator();
  for (std::int64_t i = 0; i < kCount; ++i)
    for (std::int64_t j = 0; j < (unary ? 1 : kCount); ++j) {
      const float a = kEdgeFloats[static_cast<std::size_t>(i)], b = kEdgeFloats[static_cast<std::size_t>(j)];
      const double expected = reference(a, b), found = evaluator.score(0, 0, 0, i, j);
      INFO("operation " << static_cast<int>(op) << (strict ? ", strict" : "") << ": " << a << ", " << b << " gives " << found << ", expected " << expected);
      CHECK(same_bits(found, expected));
    }
}

double mod_by_definition(long double x, long double y) {
  if (std::isnan(x) || std::isnan(y) || std::isinf(x) || y == 0) return kNan;
  const long double r = std::remainder(x, y);  // exact; of least magnitude
  long double mod = r;
  if (r != 0 && std::signbit(r) != std::signbit(y)) mod = r + y;  // exact only if y's exponent is near; the caller rounds
  return mod == 0 ? std::copysign(0.0, static_cast<double>(y)) : static_cast<double>(mod);
}

}  // namespace

TEST_CASE("strict arithmetic is f32, rounded once", "[floats]") {
  check(Op::Add, false, true, [](float a, float b) { return static_cast<float>(static_cast<double>(a) + b); });
  check(Op::Sub, false, true, [](float a, float b) { return static_cast<float>(static_cast<double>(a) - b); });
  check(Op::Mul, false, true, [](float a, float b) { return static_cast<float>(static_cast<double>(a) * b); });
  check(Op::Div, false, true, [](float a, float b) { return static_cast<float>(static_cast<double>(a) / b); });
  check(Op::Sqrt, true, true, [](float a, float) { return static_cast<float>(std::sqrt(static_cast<double>(a))); });
  check(Op::Neg, true, true, [](float a, float) { return -a; });
  check(Op::Abs, true, true, [](float a, float) { return std::signbit(a) ? -a : a; });
}

TEST_CASE("other arithmetic is f64", "[floats]") {
  check(Op::Add, false, false, [](float a, float b) { return static_cast<double>(a) + b; });
  check(Op::Mul, false, false, [](float a, float b) { return static_cast<double>(a) * b; });
  check(Op::Div, false, false, [](float a, float b) { return static_cast<double>(a) / b; });
  check(Op::Exp, true, false, [](float a, float) { return std::exp(static_cast<double>(a)); });
  check(Op::Tanh, true, false, [](float a, float) { return std::tanh(static_cast<double>(a)); });
  check(Op::Pow, false, false, [](float a, float b) { return std::pow(static_cast<double>(a), static_cast<double>(b)); });
  check(Op::Log2, true, false, [](float a, float) { return std::log2(static_cast<double>(a)); });
}

TEST_CASE("the strict functions are the expansions", "[floats]") {
  for (Op op : expanded_functions()) {
    const Expansion& expansion = *expansion_of(op);
    check(op, expansion.arity == 1, true, [&](float a, float b) { return evaluate_expansion(expansion, a, b); });
  }
}

TEST_CASE("min and max propagate NaN", "[floats]") {
  for (const bool strict : {false, true}) {
    check(Op::Min, false, strict, [](float a, float b) { return a != a ? a : b != b ? b : a < b ? a : b; });
    check(Op::Max, false, strict, [](float a, float b) { return a != a ? a : b != b ? b : a > b ? a : b; });
  }
}

TEST_CASE("sign, floor, ceil, round half to even", "[floats]") {
  for (const bool strict : {false, true}) {
    check(Op::Sign, true, strict, [](float a, float) { return a > 0 ? 1.0 : a < 0 ? -1.0 : 0.0; });
    check(Op::Floor, true, strict, [](float a, float) { return std::floor(a); });
    check(Op::Ceil, true, strict, [](float a, float) { return std::ceil(a); });
    check(Op::Round, true, strict, [](float a, float) { return std::nearbyint(a); });
  }
}

TEST_CASE("float remainder is Python's", "[floats]") {
  for (const bool strict : {false, true})
    check(Op::Mod, false, strict, [&](float a, float b) -> double {
      if (std::isinf(b) && std::isfinite(a)) return a == 0 ? std::copysign(0.0f, b) : std::signbit(a) == std::signbit(b) ? a : b;
      const double exact = mod_by_definition(a, b);
      if (!strict) return exact;
      return static_cast<float>(exact);
    });
}

TEST_CASE("float floor division is the floor of the true quotient", "[floats]") {
  for (const bool strict : {false, true})
    check(Op::FloorDiv, false, strict, [&](float a, float b) -> double {
      if (std::isinf(b) && std::isfinite(a)) return a != 0 && std::signbit(a) != std::signbit(b) ? -1.0 : static_cast<double>(a / b);
      // 64 bits hold the exact quotient of the edge values wherever its floor depends on it; beyond, it is only rounded.
      const long double quotient = static_cast<long double>(a) / static_cast<long double>(b);
      const long double all_integers = strict ? 0x1p24L : 0x1p53L;
      if (!(std::fabs(quotient) <= all_integers)) return strict ? static_cast<double>(a / b) : static_cast<double>(a) / static_cast<double>(b);
      return static_cast<double>(std::floor(quotient));
    });
  const std::pair<float, float> hard[] = {{1.0f, 0.1f}, {6.0f, 0.1f}, {-1.0f, 0.1f}, {0.3f, 0.1f}, {-1e-45f, 1e30f}, {16777215.0f, 0.99999994f}};
  for (const auto& [x, y] : hard) {
    Builder t;
    t.strictly(t.add(Op::FloorDiv, kF32Type, {t.real(x), t.real(y)}));
    CHECK(t.evaluator().score(0, 0, 0, 0, 0) == static_cast<double>(std::floor(static_cast<long double>(x) / static_cast<long double>(y))));
  }
}

TEST_CASE("float to integer truncates and saturates, NaN gives 0", "[floats]") {
  std::vector<std::int64_t> expected;
  for (float x : kEdgeFloats)
    expected.push_back(std::isnan(x) ? 0 : x >= 0x1p63f ? kMax : x <= -0x1p63f ? kMin : static_cast<std::int64_t>(std::trunc(static_cast<long double>(x))));
  Builder t;
  const NodeId x = t.gather(t.capture(kEdgeFloats.data(), f32, {kCount}), {t.q_idx()});
  t.equals_expected(t.add(Op::FloatToInt, kI64Type, {x}), expected, kCount, 1);
  Evaluator evaluator = t.evaluator();
  for (std::int64_t i = 0; i < kCount; ++i) {
    INFO(kEdgeFloats[static_cast<std::size_t>(i)]);
    CHECK(evaluator.mask(0, 0, i, 0));
  }
}

TEST_CASE("integer to float rounds in the strict cone only", "[floats]") {
  for (const bool strict : {false, true}) {
    Builder t;
    const NodeId i = t.gather(t.capture(kEdgeIntegers.data(), i64, {static_cast<std::int64_t>(kEdgeIntegers.size())}), {t.q_idx()});
    const NodeId x = t.add(Op::IntToFloat, kF32Type, {i});
    if (strict) t.strictly(x);
    Evaluator evaluator = t.evaluator();
    for (std::size_t k = 0; k < kEdgeIntegers.size(); ++k) {
      const auto value = static_cast<long double>(kEdgeIntegers[k]);
      CHECK(evaluator.score(0, 0, 0, static_cast<std::int64_t>(k), 0) == (strict ? static_cast<double>(static_cast<float>(value)) : static_cast<double>(value)));
    }
  }
}

TEST_CASE("comparisons and predicates of floats are IEEE's", "[floats]") {
  const auto check_bool = [](Op op, bool unary, const std::function<bool(float, float)>& reference) {
    Builder t;
    const std::int64_t values = t.capture(kEdgeFloats.data(), f32, {kCount});
    const NodeId x = t.gather(values, {t.q_idx()}), y = t.gather(values, {t.kv_idx()});
    t.add(op, kBoolType, unary ? std::vector{x} : std::vector{x, y});
    Evaluator evaluator = t.evaluator();
    for (std::int64_t i = 0; i < kCount; ++i)
      for (std::int64_t j = 0; j < kCount; ++j)
        CHECK(evaluator.mask(0, 0, i, j) == reference(kEdgeFloats[static_cast<std::size_t>(i)], kEdgeFloats[static_cast<std::size_t>(j)]));
  };
  check_bool(Op::Eq, false, [](float a, float b) { return a == b; });
  check_bool(Op::Ne, false, [](float a, float b) { return !(a == b); });
  check_bool(Op::Lt, false, [](float a, float b) { return a < b; });
  check_bool(Op::Le, false, [](float a, float b) { return a < b || a == b; });
  check_bool(Op::Gt, false, [](float a, float b) { return b < a; });
  check_bool(Op::Ge, false, [](float a, float b) { return b < a || a == b; });
  check_bool(Op::IsNan, true, [](float a, float) { return !(a == a); });
  check_bool(Op::IsInf, true, [](float a, float) { return a == kInf || a == -kInf; });
}
