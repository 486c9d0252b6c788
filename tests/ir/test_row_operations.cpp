// Every operation of the language at edge values, through the compiled row functions: integers, booleans and strict floats bit
// by bit what the oracle's arithmetic gives.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "compiler/stages.h"
#include "dsl/evaluate/scalar_ops.h"
#include "runtime/loader/row_object.h"
#include "tests/ir/normal_form_of.h"
#include "tests/ir/operation_cases.h"

using namespace flexc;

namespace {

constexpr float kLog2E = 1.44269504088896340736f;
/// A two-column problem: tensors x and y hold every pair of `values`, one pair a column.
template <class T>
struct Pairs {
  std::vector<T> x, y;
  explicit Pairs(const std::vector<T>& values) {
    for (T a : values) {
      for (T b : values) {
        x.push_back(a);
        y.push_back(b);
      }
    }
  }
};

class Compiled {
 public:
  explicit Compiled(const std::string& text) {
    std::string error;
    const auto form = normal_form_of_text("test.flex", text, error);
    INFO(text << error);
    REQUIRE(form.has_value());
    const auto object = compiler::compile_row_object(*form);
    INFO((object ? std::string() : object.error().message));
    REQUIRE(object.has_value());
    auto loaded = runtime::RowObject::load(*object);
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded.has_value());
    object_.emplace(std::move(*loaded));
  }

  void capture(const void* data, std::size_t size) {
    sizes_.push_back(static_cast<std::int64_t>(size));
    data_.push_back(data);
  }

  std::vector<float> scores(std::size_t count) {
    start(count);
    std::vector<float> storage(count + 32);
    auto* s = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(storage.data()) + 63) / 64 * 64);
    const flexc_row_levels levels = columns();
    REQUIRE(object_->module().score_row != nullptr);
    object_->module().score_row(&launch_, &levels, &segment_, s);
    return {s, s + count};
  }

  std::vector<bool> masks(std::size_t count) {
    start(count);
    std::vector<std::uint64_t> keep((count + 63) / 64 + 1);
    const flexc_row_levels levels = columns();
    REQUIRE(object_->module().mask_row != nullptr);
    object_->module().mask_row(&launch_, &levels, &segment_, keep.data());
    std::vector<bool> bits;
    for (std::size_t i = 0; i < count; ++i) bits.push_back(keep[i / 64] >> (i % 64) & 1);
    return bits;
  }

 private:
  void start(std::size_t count) {
    static const std::int64_t one = 1;
    captures_.clear();
    for (std::size_t i = 0; i < data_.size(); ++i) captures_.push_back({data_[i], &sizes_[i], &one});
    const auto kv = static_cast<std::int64_t>(count);
    launch_ = {{1, 1, 1, 1, kv}, captures_.data(), nullptr, nullptr, nullptr, kLog2E, 1.0f};
    segment_ = {0, 0, 0, 0, 1, kv};
  }

  flexc_row_levels columns() {
    const auto stride = static_cast<std::size_t>(segment_.count);
    table_.assign(stride * object_->module().kv_side_slots, 0);
    if (object_->module().kv_side) object_->module().kv_side(&launch_, nullptr, 0, 0, 0, 1, segment_.count, table_.data(), stride);
    return {nullptr, nullptr, table_.data(), stride};
  }

  std::vector<std::uint64_t> table_;
  std::optional<runtime::RowObject> object_;
  std::vector<const void*> data_;
  std::vector<std::int64_t> sizes_;
  std::vector<flexc_row_capture> captures_;
  flexc_row_launch launch_{};
  flexc_row_segment segment_{};
};

std::string program(const std::string& type, const std::string& mod) {
  return "tensor x: " + type + "[KV]\ntensor y: " + type + "[KV]\n" + mod;
}

/// The expression in a mask that compares it with `expected`, so that all 64 bits count; every column must be kept.
void check_integers(const OperationCase& c, const std::string& type, const void* x, const void* y, const std::vector<std::int64_t>& expected) {
  Compiled compiled(program(type, "tensor e: i64[KV]\ndef mask_mod(b_, h, q_idx, kv_idx):\n    a = x[kv_idx]\n    b = y[kv_idx]\n    return (" + std::string(c.expression) +
                                      ") == e[kv_idx]\n"));
  compiled.capture(x, expected.size());
  compiled.capture(y, expected.size());
  compiled.capture(expected.data(), expected.size());
  const std::vector<bool> kept = compiled.masks(expected.size());
  std::size_t wrong = 0;
  for (bool bit : kept) wrong += !bit;
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("integer operations at edge values are bit-exact") {
  const Pairs<std::int64_t> pairs(integer_edges());
  for (const OperationCase& c : kIntegerCases) {
    INFO(c.expression);
    std::vector<std::int64_t> expected;
    for (std::size_t i = 0; i < pairs.x.size(); ++i) expected.push_back(dsl::integer_operation(c.op, true, {pairs.x[i], 0}, {pairs.y[i], 0}).integer);
    check_integers(c, "i64", pairs.x.data(), pairs.y.data(), expected);
  }
}

TEST_CASE("float operations at edge values are bit-exact") {
  const Pairs<float> pairs(float_edges());
  for (const OperationCase& c : kFloatCases) {
    INFO(c.expression);
    Compiled compiled(program("f32", "def score_mod(score, b_, h, q_idx, kv_idx):\n    a = x[kv_idx]\n    b = y[kv_idx]\n    return " + std::string(c.expression) + " if b == b or b != b else b\n"));
    compiled.capture(pairs.x.data(), pairs.x.size());
    compiled.capture(pairs.y.data(), pairs.x.size());
    const std::vector<float> got = compiled.scores(pairs.x.size());
    std::size_t wrong = 0;
    std::string first;
    for (std::size_t i = 0; i < pairs.x.size(); ++i) {
      const float value = static_cast<float>(dsl::float_operation(c.op, true, {0, pairs.x[i]}, {0, pairs.y[i]}).real);
      const float expected = value * kLog2E;
      if (std::isnan(expected) ? std::isnan(got[i]) : std::bit_cast<std::uint32_t>(expected) == std::bit_cast<std::uint32_t>(got[i])) continue;
      if (wrong++ == 0) first = std::to_string(pairs.x[i]) + ", " + std::to_string(pairs.y[i]) + ": " + std::to_string(got[i]) + " instead of " + std::to_string(expected);
    }
    INFO(first);
    CHECK(wrong == 0);
  }
}

TEST_CASE("conversions and comparisons of floats at edge values are exact") {
  const Pairs<float> pairs(float_edges());
  for (const OperationCase& c : kFloatToInteger) {
    INFO(c.expression);
    std::vector<std::int64_t> expected;
    for (std::size_t i = 0; i < pairs.x.size(); ++i) expected.push_back(dsl::float_operation(c.op, true, {0, pairs.x[i]}, {0, pairs.y[i]}).integer);
    check_integers(c, "f32", pairs.x.data(), pairs.y.data(), expected);
  }
}

TEST_CASE("a wrong value is noticed") {
  const Pairs<std::int64_t> pairs(integer_edges());
  std::vector<std::int64_t> expected;
  for (std::size_t i = 0; i < pairs.x.size(); ++i) expected.push_back(dsl::wrap_add(pairs.x[i], pairs.y[i]) ^ (std::int64_t{1} << 63));
  Compiled compiled(program("i64", "tensor e: i64[KV]\ndef mask_mod(b, h, q_idx, kv_idx):\n    return x[kv_idx] + y[kv_idx] == e[kv_idx]\n"));
  compiled.capture(pairs.x.data(), expected.size());
  compiled.capture(pairs.y.data(), expected.size());
  compiled.capture(expected.data(), expected.size());
  for (bool bit : compiled.masks(expected.size())) CHECK_FALSE(bit);
}
