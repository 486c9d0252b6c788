// Rows: elementwise operations with broadcast, and reductions in element order.
#include <catch2/catch.hpp>

#include "tests/oracle/body_builder.h"

using namespace oracle_test;

namespace {

/// Values whose f32 sum depends on order and on every rounding.
const std::vector<float> kA = {0x1p24f, 1.0f, 1.0f, -0x1p24f, 0.1f, 0.2f, 0x1.000002p0f, 3e-5f};
const std::vector<float> kB = {0.3f, 0x1.000002p0f, -0.7f, 0.3f, 1e7f, -3.3f, 0x1.fffffep-1f, 0.1f};
constexpr std::int64_t kN = 8;

double reduce(Op op, const std::vector<float>& a, bool strict) {
  Builder t;
  const NodeId row = t.gather_row(t.capture(a.data(), f32, {1, static_cast<std::int64_t>(a.size())}), {t.integer(0)});
  const NodeId result = t.add(op, kF32Type, {row});
  if (strict) t.strictly(result);
  return t.evaluator().score(0, 0, 0, 0, 0);
}

double dot(const std::vector<float>& x, const std::vector<float>& y, bool strict) {
  Builder t;
  const auto n = static_cast<std::int64_t>(x.size());
  const NodeId a = t.gather_row(t.capture(x.data(), f32, {1, n}), {t.integer(0)}), b = t.gather_row(t.capture(y.data(), f32, {1, n}), {t.integer(0)});
  const NodeId result = t.add(Op::Dot, kF32Type, {a, b});
  if (strict) t.strictly(result);
  return t.evaluator().score(0, 0, 0, 0, 0);
}

}  // namespace

TEST_CASE("strict sums and dots are f32, in order, unfused", "[rows]") {
  volatile float sum = 0, product = 0, total = 0;  // volatile: each step is rounded to f32 and nothing is fused
  for (std::size_t i = 0; i < kA.size(); ++i) {
    sum = sum + kA[i];
    product = kA[i] * kB[i];
    total = total + product;
  }
  CHECK(reduce(Op::Sum, kA, true) == static_cast<double>(sum));
  CHECK(dot(kA, kB, true) == static_cast<double>(total));
  double wide_sum = 0, wide_dot = 0;
  for (std::size_t i = 0; i < kA.size(); ++i) {
    wide_sum += static_cast<double>(kA[i]);
    wide_dot += static_cast<double>(kA[i]) * static_cast<double>(kB[i]);
  }
  CHECK(reduce(Op::Sum, kA, false) == wide_sum);
  CHECK(dot(kA, kB, false) == wide_dot);
  CHECK(static_cast<double>(sum) != wide_sum);
  CHECK(static_cast<double>(total) != wide_dot);
}

TEST_CASE("a strict dot rounds each product before it adds", "[rows]") {
  // (1 + u)² - (1 + 2u) is u² exactly, but 0 once the square is rounded.
  const std::vector<float> x = {-1.0f, 0x1.000002p0f}, y = {0x1.000004p0f, 0x1.000002p0f};
  CHECK(dot(x, y, true) == 0);
  CHECK(dot(x, y, false) == 0x1p-46);
}

TEST_CASE("row minimum and maximum propagate NaN", "[rows]") {
  for (const bool strict : {false, true}) {
    CHECK(reduce(Op::RowMin, kA, strict) == -0x1p24);
    CHECK(reduce(Op::RowMax, kA, strict) == 0x1p24);
    for (std::size_t at = 0; at < kA.size(); ++at) {
      std::vector<float> poisoned = kA;
      poisoned[at] = kNan;
      CHECK(std::isnan(reduce(Op::RowMin, poisoned, strict)));
      CHECK(std::isnan(reduce(Op::RowMax, poisoned, strict)));
    }
  }
}

TEST_CASE("empty rows", "[rows]") {
  CHECK(reduce(Op::Sum, {}, false) == 0);
  CHECK(reduce(Op::RowMin, {}, false) == static_cast<double>(kInf));
  CHECK(reduce(Op::RowMax, {}, true) == static_cast<double>(-kInf));
  for (const auto& [op, expected] : {std::pair{Op::RowMin, kMax}, {Op::RowMax, kMin}, {Op::Sum, std::int64_t{0}}}) {
    Builder t;
    const NodeId row = t.gather_row(t.capture(nullptr, i64, {0, 0}), {t.integer(0)});
    t.add(Op::Eq, kBoolType, {t.add(op, kI64Type, {row}), t.integer(expected)});
    CHECK(t.evaluator().mask(0, 0, 0, 0));
  }
}

TEST_CASE("elementwise operations broadcast scalars, on either side", "[rows]") {
  const Type row_type = row_of(Scalar::F32, kN);
  for (std::int64_t i = 0; i < kN; ++i) {
    Builder t;
    const NodeId a = t.gather_row(t.capture(kA.data(), f32, {1, kN}), {t.integer(0)}), b = t.gather_row(t.capture(kB.data(), f32, {1, kN}), {t.integer(0)});
    const NodeId score = t.score();
    const NodeId difference = t.add(Op::Sub, row_type, {score, a});                          // score - a
    const NodeId product = t.add(Op::Mul, row_type, {difference, b});                        // · b
    const NodeId absolute = t.add(Op::Abs, row_type, {product});
    const NodeId shifted = t.add(Op::Div, row_type, {absolute, t.real(3.0f)});               // / 3
    const NodeId chosen = t.add(Op::Select, row_type, {t.add(Op::Lt, kBoolType, {t.q_idx(), t.kv_idx()}), shifted, b});
    t.add(Op::RowIndex, kF32Type, {chosen, t.integer(i)});
    Evaluator evaluator = t.evaluator();
    const double x = static_cast<double>(kA[static_cast<std::size_t>(i)]), y = static_cast<double>(kB[static_cast<std::size_t>(i)]);
    CHECK(evaluator.score(0.25, 0, 0, 0, 1) == std::fabs((0.25 - x) * y) / 3);
    CHECK(evaluator.score(0.25, 0, 0, 1, 1) == y);
  }
}

TEST_CASE("rows of integers wrap", "[rows]") {
  const std::int64_t a[] = {kMax, 2, -3}, b[] = {kMax, kMin, 5};
  Builder t;
  const NodeId x = t.gather_row(t.capture(a, i64, {1, 3}), {t.integer(0)}), y = t.gather_row(t.capture(b, i64, {1, 3}), {t.integer(0)});
  const NodeId sum = t.add(Op::Sum, kI64Type, {x}), dot = t.add(Op::Dot, kI64Type, {x, y});
  const NodeId smallest = t.add(Op::RowMin, kI64Type, {t.add(Op::Not, row_of(Scalar::I64, 3), {y})});
  const NodeId sum_right = t.add(Op::Eq, kBoolType, {sum, t.integer(kMax - 1)});
  const NodeId dot_right = t.add(Op::Eq, kBoolType, {dot, t.integer(1 - 15)});  // kMax² wraps to 1, 2·kMin to 0
  const NodeId least_right = t.add(Op::Eq, kBoolType, {smallest, t.integer(kMin)});
  t.add(Op::And, kBoolType, {t.add(Op::And, kBoolType, {sum_right, dot_right}), least_right});
  CHECK(t.evaluator().mask(0, 0, 0, 0));
  const NodeId floats = t.add(Op::IntToFloat, row_of(Scalar::F32, 3), {x});
  t.add(Op::RowMin, kF32Type, {floats});
  CHECK(t.evaluator().score(0, 0, 0, 0, 0) == -3);
}
