// Gathers: wrapping, out of range, strides, dtypes, and the record of faults. Under the address sanitizer these also prove
// that memory out of range is not touched.
#include <catch2/catch.hpp>

#include <memory>

#include "tests/oracle/body_builder.h"

using namespace oracle_test;

namespace {

constexpr std::int64_t kN = 5;
const std::vector<std::int64_t> kIndices = {0, 1, 4, -1, -5, -6, 5, 6, -4, kMin, kMin + 1, kMax, std::int64_t{1} << 32, -(std::int64_t{1} << 32), std::int64_t{1} << 62};

/// What the language says: an element number, or -1 for the value 0.
std::int64_t resolved(std::int64_t index, std::int64_t n) { return index >= 0 && index < n ? index : index < 0 && index >= -n ? index + n : -1; }

/// An exact heap allocation, so that a sanitizer sees one element too far.
template <class T>
std::unique_ptr<T[]> filled(std::int64_t count) {
  auto data = std::make_unique<T[]>(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) data[static_cast<std::size_t>(i)] = static_cast<T>(i + 1);
  return data;
}

}  // namespace

TEST_CASE("a gather wraps from -n to -1 and is 0 beyond", "[gathers]") {
  const auto data = filled<float>(kN);
  for (std::int64_t index : kIndices) {
    Builder t;
    t.gather(t.capture(data.get(), f32, {kN}), {t.integer(index)});
    Evaluator evaluator = t.evaluator();
    const std::int64_t element = resolved(index, kN);
    INFO("index " << index);
    CHECK(evaluator.score(0, 0, 0, 0, 0) == static_cast<double>(element + 1));
    CHECK(evaluator.fault().has_value() == (element < 0));
    if (element < 0 && evaluator.fault()) {
      CHECK(evaluator.fault()->capture == 0);
      CHECK(evaluator.fault()->axis == 0);
      CHECK(evaluator.fault()->index == index);
    }
  }
}

TEST_CASE("each index of a gather in two dimensions wraps or fails by itself", "[gathers]") {
  const auto data = filled<std::int32_t>(3 * kN);
  std::vector<std::int64_t> expected;
  for (std::int64_t i : kIndices)
    for (std::int64_t j : kIndices) {
      const std::int64_t row = resolved(i, 3), column = resolved(j, kN);
      expected.push_back(row < 0 || column < 0 ? 0 : row * kN + column + 1);
    }
  const auto count = static_cast<std::int64_t>(kIndices.size());
  Builder t;
  const std::int64_t indices = t.capture(kIndices.data(), i64, {count});
  const std::int64_t table = t.capture(data.get(), i32, {3, kN});
  const NodeId value = t.gather(table, {t.gather(indices, {t.q_idx()}), t.gather(indices, {t.kv_idx()})});
  t.equals_expected(value, expected, count, count);
  Evaluator evaluator = t.evaluator();
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j < count; ++j) CHECK(evaluator.mask(0, 0, i, j));
}

TEST_CASE("the first fault is kept, with the axis", "[gathers]") {
  const auto data = filled<float>(2 * 3);
  Builder t;
  t.gather(t.capture(data.get(), f32, {2, 3}), {t.q_idx(), t.kv_idx()});
  Evaluator evaluator = t.evaluator();
  evaluator.score(0, 0, 0, 1, 2);
  CHECK_FALSE(evaluator.fault());
  evaluator.score(0, 0, 0, 1, 3);
  evaluator.score(0, 0, 0, 7, 0);
  REQUIRE(evaluator.fault());
  CHECK(evaluator.fault()->axis == 1);
  CHECK(evaluator.fault()->index == 3);
}

TEST_CASE("captures of every dtype and any strides", "[gathers]") {
  const std::int32_t i32s[] = {-5, 7};
  const std::int64_t i64s[] = {kMin, kMax};
  const std::uint8_t bytes[] = {0, 200};
  const std::uint16_t halves[] = {float_to_f16(0.333f), float_to_f16(-65504.0f)};
  const std::uint16_t brains[] = {float_to_bf16(0.333f), float_to_bf16(1e38f)};
  for (std::int64_t i : {0, 1}) {
    const auto at = static_cast<std::size_t>(i);
    const auto real = [&](const void* data, DType dtype) {
      Builder t;
      t.gather(t.capture(data, dtype, {2}), {t.integer(i)});
      return t.evaluator().score(0, 0, 0, 0, 0);
    };
    const auto integer_is = [&](const void* data, DType dtype, std::int64_t expected) {
      Builder t;
      NodeId value = t.gather(t.capture(data, dtype, {2}), {t.integer(i)});
      if (dtype == DType::Bool) value = t.add(Op::BoolToInt, kI64Type, {value});
      t.add(Op::Eq, kBoolType, {value, t.integer(expected)});
      return t.evaluator().mask(0, 0, 0, 0);
    };
    CHECK(real(halves, f16) == static_cast<double>(f16_to_float(halves[at])));
    CHECK(real(brains, bf16) == static_cast<double>(bf16_to_float(brains[at])));
    CHECK(integer_is(i32s, i32, i32s[at]));
    CHECK(integer_is(i64s, i64, i64s[at]));
    CHECK(integer_is(bytes, u8, bytes[at]));
    CHECK(integer_is(bytes, boolean, i));  // any byte but 0 is true, and true is 1
  }
  const auto data = filled<float>(12);
  Builder t;  // a transposed view, its second dimension reversed
  const std::int64_t id = t.capture(data.get() + 8, f32, {4, 3}, {1, -4});
  t.gather(id, {t.q_idx(), t.kv_idx()});
  Evaluator evaluator = t.evaluator();
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t j = 0; j < 3; ++j) CHECK(evaluator.score(0, 0, 0, i, j) == static_cast<double>(8 + i - 4 * j + 1));
}

TEST_CASE("gathers from empty captures are 0", "[gathers]") {
  for (std::int64_t index : kIndices) {
    Builder t;
    t.gather(t.capture(nullptr, f32, {0}), {t.integer(index)});
    Evaluator evaluator = t.evaluator();
    CHECK(evaluator.score(0, 0, 0, 0, 0) == 0);
    CHECK(evaluator.fault());
  }
}

TEST_CASE("a row gathered out of range is zeros", "[gathers]") {
  const auto data = filled<float>(3 * 4);
  for (std::int64_t index : kIndices) {
    Builder t;
    t.add(Op::Sum, kF32Type, {t.gather_row(t.capture(data.get(), f32, {3, 4}), {t.integer(index)})});
    Evaluator evaluator = t.evaluator();
    const std::int64_t row = resolved(index, 3);
    INFO("index " << index);
    CHECK(evaluator.score(0, 0, 0, 0, 0) == (row < 0 ? 0.0 : static_cast<double>(4 * (4 * row) + 10)));
    CHECK(evaluator.fault().has_value() == (row < 0));
  }
}

TEST_CASE("indexing into a row wraps or gives 0, and is reported at the row's capture", "[gathers]") {
  const auto data = filled<float>(2 * kN);
  for (std::int64_t index : kIndices) {
    Builder t;
    t.capture(data.get(), f32, {2 * kN});
    const NodeId row = t.gather_row(t.capture(data.get(), f32, {2, kN}), {t.integer(1)});
    const NodeId doubled = t.add(Op::Add, row_of(Scalar::F32, kN), {row, row});
    t.add(Op::RowIndex, kF32Type, {doubled, t.integer(index)});
    Evaluator evaluator = t.evaluator();
    const std::int64_t element = resolved(index, kN);
    CHECK(evaluator.score(0, 0, 0, 0, 0) == (element < 0 ? 0.0 : 2.0 * static_cast<double>(kN + element + 1)));
    CHECK(evaluator.fault().has_value() == (element < 0));
    if (element < 0 && evaluator.fault()) {
      CHECK(evaluator.fault()->capture == 1);
      CHECK(evaluator.fault()->axis == 1);
    }
  }
}
