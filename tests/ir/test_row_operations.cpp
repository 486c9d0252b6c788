// Every operation of the language at edge values, through the compiled row functions: integers, booleans and strict floats bit
// by bit what the oracle's arithmetic gives.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <memory>

#include "compiler/stages.h"
#include "dsl/evaluate/scalar_ops.h"
#include "flexc/random.h"
#include "runtime/loader/row_object.h"
#include "tests/ir/keep_row.h"
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
  explicit Compiled(const std::string& text, compiler::Member member = compiler::Member::Wide) {
    std::string error;
    const auto form = normal_form_of_text("test.flex", text, error);
    INFO(text << error);
    REQUIRE(form.has_value());
    const auto code = compiler::compile_row_member(*form, member);
    INFO((code ? std::string() : code.error().message));
    REQUIRE(code.has_value());
    auto loaded = runtime::RowObject::load(code->object);
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded.has_value());
    object_ = std::make_shared<runtime::RowObject>(std::move(*loaded));
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
    keep_row(object_->module(), launch_, levels, segment_, keep.data());
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
  std::shared_ptr<const runtime::RowObject> object_;
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

namespace {

/// An expression over a, b (i32 captures) and c (a u8 capture), all of whose steps fit in 32 bits, and its value.
struct NarrowCase {
  const char* expression;
  std::int64_t (*value)(std::int64_t a, std::int64_t b, std::int64_t c);
};

constexpr NarrowCase kNarrowCases[] = {
    {"(a >> 1) + (b >> 1)", [](std::int64_t a, std::int64_t b, std::int64_t) { return (a >> 1) + (b >> 1); }},
    {"(a >> 1) - (b >> 1)", [](std::int64_t a, std::int64_t b, std::int64_t) { return (a >> 1) - (b >> 1); }},
    {"(a >> 17) * (b >> 17)", [](std::int64_t a, std::int64_t b, std::int64_t) { return (a >> 17) * (b >> 17); }},
    {"(a >> 1) // max(b, -1)", [](std::int64_t a, std::int64_t b, std::int64_t) { return dsl::floor_div(a >> 1, std::max<std::int64_t>(b, -1)); }},
    {"a // 7", [](std::int64_t a, std::int64_t, std::int64_t) { return dsl::floor_div(a, 7); }},
    {"(a >> 1) // -7", [](std::int64_t a, std::int64_t, std::int64_t) { return dsl::floor_div(a >> 1, -7); }},
    {"a % b", [](std::int64_t a, std::int64_t b, std::int64_t) { return dsl::floor_mod(a, b); }},
    {"a % -5", [](std::int64_t a, std::int64_t, std::int64_t) { return dsl::floor_mod(a, -5); }},
    {"a % c", [](std::int64_t a, std::int64_t, std::int64_t c) { return dsl::floor_mod(a, c); }},
    {"-(a >> 1)", [](std::int64_t a, std::int64_t, std::int64_t) { return -(a >> 1); }},
    {"abs(a >> 1)", [](std::int64_t a, std::int64_t, std::int64_t) { return std::abs(a >> 1); }},
    {"sign(a)", [](std::int64_t a, std::int64_t, std::int64_t) { return std::int64_t{(a > 0) - (a < 0)}; }},
    {"min(a, b)", [](std::int64_t a, std::int64_t b, std::int64_t) { return std::min(a, b); }},
    {"max(a, b)", [](std::int64_t a, std::int64_t b, std::int64_t) { return std::max(a, b); }},
    {"a & b", [](std::int64_t a, std::int64_t b, std::int64_t) { return a & b; }},
    {"a | b", [](std::int64_t a, std::int64_t b, std::int64_t) { return a | b; }},
    {"a ^ b", [](std::int64_t a, std::int64_t b, std::int64_t) { return a ^ b; }},
    {"~a", [](std::int64_t a, std::int64_t, std::int64_t) { return ~a; }},
    {"a >> c", [](std::int64_t a, std::int64_t, std::int64_t c) { return dsl::shift_right(a, c); }},
    {"a >> b", [](std::int64_t a, std::int64_t b, std::int64_t) { return dsl::shift_right(a, b); }},
    {"(a & 255) << (c & 15)", [](std::int64_t a, std::int64_t, std::int64_t c) { return (a & 255) << (c & 15); }},
    {"(a & 0) << b", [](std::int64_t, std::int64_t, std::int64_t) { return std::int64_t{0}; }},
    {"(a * b).to(torch.int32)", [](std::int64_t a, std::int64_t b, std::int64_t) { return dsl::wrap_i32(dsl::wrap_mul(a, b)); }},
    {"b if a < b else c", [](std::int64_t a, std::int64_t b, std::int64_t c) { return a < b ? b : c; }},
    {"int(a == b)", [](std::int64_t a, std::int64_t b, std::int64_t) { return std::int64_t{a == b}; }},
    {"int(a <= b) + int(a > c) + int(c != b) + int(a >= b)", [](std::int64_t a, std::int64_t b, std::int64_t c) { return std::int64_t{a <= b} + (a > c) + (c != b) + (a >= b); }}};

struct NarrowValues {
  std::vector<std::int32_t> a, b;
  std::vector<std::uint8_t> c;
  NarrowValues() {
    using I32 = std::numeric_limits<std::int32_t>;
    const std::int32_t edges[] = {0, 1, -1, 2, -2, 3, -5, 7, -7, 31, 32, 33, 63, 64, 65, -63, -64, 255, 65536, 1000003, 1 << 24, (1 << 24) + 1, 1 << 30, I32::max(), I32::max() - 1, I32::min(), I32::min() + 1};
    for (std::int32_t x : edges)
      for (std::int32_t y : edges) {
        a.push_back(x);
        b.push_back(y);
        c.push_back(static_cast<std::uint8_t>(a.size() * 37));
      }
    // Dividends next to multiples of the divisor, of all magnitudes.
    const CounterRandom random(5, "narrow");
    for (std::uint64_t i = 0; i < 3000; ++i) {
      const auto divisor = static_cast<std::int32_t>(static_cast<std::uint32_t>(random.bits(2 * i))) >> (i % 31);
      const std::int64_t most = divisor == 0 ? 1 : std::max<std::int64_t>(std::abs((std::int64_t{1} << 31) / divisor), 1);
      const std::int64_t multiple = divisor * static_cast<std::int64_t>(random.below(2 * i + 1, static_cast<std::uint64_t>(most))) + static_cast<std::int64_t>(i % 3) - 1;
      a.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(i % 2 ? multiple : -multiple, I32::min(), I32::max())));
      b.push_back(divisor);
      c.push_back(static_cast<std::uint8_t>(i));
    }
  }
};

constexpr const char* kNarrowDeclarations = "tensor x: i32[KV]\ntensor y: i32[KV]\ntensor z: u8[KV]\n";
constexpr const char* kNarrowReads = "    a = x[kv_idx]\n    b = y[kv_idx]\n    c = z[kv_idx]\n";

}  // namespace

TEST_CASE("32-bit operations give what the 64-bit ones give") {
  const NarrowValues values;
  for (const NarrowCase& c : kNarrowCases) {
    INFO(c.expression);
    std::vector<std::int64_t> expected;
    for (std::size_t i = 0; i < values.a.size(); ++i) expected.push_back(c.value(values.a[i], values.b[i], values.c[i]));
    for (const auto member : {compiler::Member::Narrow, compiler::Member::Wide}) {
      Compiled compiled(std::string(kNarrowDeclarations) + "tensor e: i64[KV]\ndef mask_mod(b_, h, q_idx, kv_idx):\n" + kNarrowReads + "    return (" + c.expression + ") == e[kv_idx]\n", member);
      compiled.capture(values.a.data(), expected.size());
      compiled.capture(values.b.data(), expected.size());
      compiled.capture(values.c.data(), expected.size());
      compiled.capture(expected.data(), expected.size());
      std::size_t wrong = 0;
      for (bool bit : compiled.masks(expected.size())) wrong += !bit;
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("i32 to float rounds as i64 to float does") {
  const NarrowValues values;
  Compiled compiled(std::string(kNarrowDeclarations) + "def score_mod(score, b_, h, q_idx, kv_idx):\n" + kNarrowReads + "    return float(min(a, b) ^ c)\n", compiler::Member::Narrow);
  compiled.capture(values.a.data(), values.a.size());
  compiled.capture(values.b.data(), values.b.size());
  compiled.capture(values.c.data(), values.c.size());
  const std::vector<float> got = compiled.scores(values.a.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) wrong += got[i] != static_cast<float>(std::int64_t{std::min(values.a[i], values.b[i])} ^ values.c[i]) * kLog2E;
  CHECK(wrong == 0);
}

TEST_CASE("lanes beyond the last column divide by no zero") {
  // The divisor, put right where it is 0, stands in a table that is as long as the columns; a vector is longer.
  Compiled compiled(program("f32", "def score_mod(score, b, h, q_idx, kv_idx):\n    return (q_idx + 7.5) % x[kv_idx]\n"));
  for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{17}, std::size_t{33}}) {
    std::vector<float> divisors;
    for (std::size_t i = 0; i < count; ++i) divisors.push_back(static_cast<float>(i) - 3.0f);
    Compiled fresh = compiled;
    fresh.capture(divisors.data(), count);
    fresh.capture(divisors.data(), count);
    const std::vector<float> got = fresh.scores(count);
    for (std::size_t i = 0; i < count; ++i) {
      const float expected = dsl::float_mod(7.5f, divisors[i]) * kLog2E;
      CHECK((std::isnan(expected) ? std::isnan(got[i]) : got[i] == expected));
    }
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
