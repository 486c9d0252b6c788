// Dense attention against long double, in shapes that matter; closed forms; thread counts; rounded mode.
#include <catch2/catch.hpp>

#include <thread>

#include "tests/oracle/attention_case.h"

using namespace oracle_test;
using Catch::Matchers::Contains;

namespace {

void add_window_mask(NormalForm& form, std::int64_t window) {  // 0 ≤ q - kv ≤ window
  Builder t;
  const NodeId distance = t.add(Op::Sub, kI64Type, {t.q_idx(), t.kv_idx()});
  const NodeId causal = t.add(Op::Ge, kBoolType, {distance, t.integer(0)}), near = t.add(Op::Le, kBoolType, {distance, t.integer(window)});
  t.add(Op::And, kBoolType, {causal, near});
  form.mask = t.body;
}

/// score + (h + 1) · 0.125 · (kv_idx - q_idx)
void add_alibi_score(NormalForm& form) {
  Builder t;
  const NodeId distance = t.add(Op::IntToFloat, kF32Type, {t.add(Op::Sub, kI64Type, {t.kv_idx(), t.q_idx()})});
  const NodeId head = t.add(Op::IntToFloat, kF32Type, {t.add(Op::Add, kI64Type, {t.add(Op::HeadIndex, kI64Type), t.integer(1)})});
  const NodeId slope = t.add(Op::Mul, kF32Type, {head, t.real(0.125f)});
  t.add(Op::Add, kF32Type, {t.score(), t.add(Op::Mul, kF32Type, {slope, distance})});
  form.score = t.body;
}

void check_against_definition(AttentionCase& c, const AttentionCase::Mask& mask, const AttentionCase::Score& score) {
  REQUIRE(c.run());
  const auto expected = c.expected(mask, score);
  const auto close = [](double found, long double wanted) {
    return static_cast<long double>(found) == wanted || std::fabs(static_cast<long double>(found) - wanted) <= 1e-13L * std::max(1.0L, std::fabs(wanted));
  };
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < c.out.size(); ++i) wrong += !close(c.out[i], expected.out[i]);
  for (std::size_t i = 0; i < c.lse.size(); ++i) wrong += !close(c.lse[i], expected.lse[i]) || !close(c.top[i], expected.top[i]);
  CHECK(wrong == 0);
}

const AttentionCase::Mask kAll = [](auto...) { return true; };
const AttentionCase::Score kIdentity = [](long double s, auto...) { return s; };

}  // namespace

TEST_CASE("attention by definition, many shapes", "[attention]") {
  const Sizes shapes[] = {
      {1, 1, 1, 1, 1, 4, 4}, {2, 3, 3, 5, 7, 8, 8},      {1, 6, 2, 9, 4, 3, 5},        {2, 4, 1, 70, 33, 16, 2}, {3, 4, 2, 6, 6, 4, 4, 1},
      {2, 2, 2, 0, 5, 4, 4}, {2, 2, 2, 5, 0, 4, 4},      {1, 2, 2, 130, 65, 1, 1},
  };
  for (const Sizes& shape : shapes) {
    AttentionCase plain(shape);
    check_against_definition(plain, kAll, kIdentity);
    AttentionCase windowed(shape);
    add_window_mask(windowed.form, 3);
    add_alibi_score(windowed.form);
    windowed.sink.assign(static_cast<std::size_t>(shape.heads), -0.25f);
    windowed.sink[0] = 1.5f;
    windowed.call.q_offset = 4;
    windowed.call.kv_offset = 2;
    check_against_definition(
        windowed, [](auto, auto, std::int64_t q, std::int64_t kv) { return q - kv >= 0 && q - kv <= 3; },
        [](long double s, auto, std::int64_t h, std::int64_t q, std::int64_t kv) { return s + static_cast<long double>(h + 1) * 0.125L * static_cast<long double>(kv - q); });
    AttentionCase striped(shape, 2);
    add_window_mask(striped.form, 9);
    add_alibi_score(striped.form);
    striped.call.q_offset = 2, striped.call.q_step = 3;
    striped.call.kv_offset = 1, striped.call.kv_step = 2;
    check_against_definition(
        striped, [](auto, auto, std::int64_t q, std::int64_t kv) { return q - kv >= 0 && q - kv <= 9; },
        [](long double s, auto, std::int64_t h, std::int64_t q, std::int64_t kv) { return s + static_cast<long double>(h + 1) * 0.125L * static_cast<long double>(kv - q); });
  }
}

TEST_CASE("k and v may have different batches, strides and dtypes", "[attention]") {
  AttentionCase c({2, 2, 1, 4, 5, 3, 2});
  REQUIRE(c.run());
  const std::vector<double> reference = c.out;
  // v in [B, KV, HKV, DV] order of f64, q reversed by a negative stride.
  std::vector<double> v64(c.v.size());
  for (std::size_t i = 0; i < c.v.size(); ++i) v64[i] = static_cast<double>(c.v[i]);
  std::vector<float> reversed(c.q.rbegin(), c.q.rend());
  c.call.v = {v64.data(), f64, {2, 1, 5, 2}, {10, 2, 2, 1}};
  c.call.q = {reversed.data() + reversed.size() - 1, f32, {2, 2, 4, 3}, {-24, -12, -3, -1}};
  REQUIRE(evaluate_attention(c.form, c.environment, c.call));
  CHECK(c.out == reference);
}

TEST_CASE("equal scores average the values", "[attention]") {
  AttentionCase c({1, 1, 1, 1, 8, 4, 1});
  std::fill(c.k.begin(), c.k.end(), 0.0f);
  for (std::int64_t i = 0; i < 8; ++i) c.v_at(0, 0, i, 0) = static_cast<float>(i);
  REQUIRE(c.run());
  CHECK(c.out[0] == Approx(3.5).epsilon(1e-15));
  CHECK(c.lse[0] == Approx(std::log(8.0)).epsilon(1e-15));
  CHECK(c.top[0] == 0);
}

TEST_CASE("large scores do not overflow", "[attention]") {
  AttentionCase c({1, 1, 1, 1, 2, 1, 1});
  c.q = {1000.0f};
  c.k = {3.0f, 1.0f};
  c.v = {5.0f, -7.0f};
  c.call.scale = 1;
  REQUIRE(c.run());
  CHECK(c.out[0] == 5);
  CHECK(c.lse[0] == 3000);
  CHECK(c.top[0] == 3000);
}

TEST_CASE("the thread count changes no bit, and progress ends at 1", "[attention]") {
  AttentionCase c({2, 3, 1, 200, 50, 8, 8});
  add_window_mask(c.form, 20);
  REQUIRE(c.run());
  const std::vector<double> out = c.out, lse = c.lse;
  double last = 0;
  bool increasing = true;
  const auto caller = std::this_thread::get_id();
  c.call.progress = [&](double share) {
    increasing &= share >= last && std::this_thread::get_id() == caller;
    last = share;
  };
  for (int threads : {1, 2, 3, 7, 64}) {
    last = 0;
    c.call.threads = threads;
    REQUIRE(c.run());
    CHECK(std::memcmp(out.data(), c.out.data(), out.size() * sizeof(double)) == 0);
    CHECK(std::memcmp(lse.data(), c.lse.data(), lse.size() * sizeof(double)) == 0);
    CHECK(increasing);
    CHECK(last == 1);
  }
}

TEST_CASE("outputs may be f32 and strided", "[attention]") {
  AttentionCase c({1, 2, 2, 3, 4, 4, 2});
  REQUIRE(c.run());
  std::vector<float> out(48, -1.0f), lse(6);
  c.call.out = {out.data(), f32, {1, 2, 3, 2}, {0, 24, 8, 4}};
  c.call.lse = {lse.data(), f32, {1, 2, 3}, {6, 1, 2}};
  REQUIRE(evaluate_attention(c.form, c.environment, c.call));
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t row = 0; row < 3; ++row) {
      CHECK(lse[static_cast<std::size_t>(h + 2 * row)] == static_cast<float>(c.lse[c.row_at(0, h, row)]));
      for (std::int64_t i = 0; i < 2; ++i) CHECK(out[static_cast<std::size_t>(24 * h + 8 * row + 4 * i)] == static_cast<float>(c.out_at(0, h, row, i)));
    }
  CHECK(out[1] == -1.0f);
}

TEST_CASE("checked mode names capture, dimension and index of the first gather out of range", "[attention]") {
  AttentionCase c({1, 2, 2, 150, 9, 4, 4});
  const std::vector<float> bias(100, 0.5f);
  Builder t;
  const NodeId value = t.gather(t.capture(bias.data(), f32, {100}), {t.q_idx()});
  t.add(Op::Add, kF32Type, {t.score(), value});
  c.form = t.form;
  c.form.score = t.body;
  c.environment.captures = t.environment.captures;
  CHECK(c.run());
  c.call.checked = true;
  for (int threads : {1, 4}) {
    c.call.threads = threads;
    const auto status = c.run();
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == ErrorKind::Input);
    CHECK_THAT(status.error().message, Contains("\"c0\"") && Contains("index 100 of dimension 0") && Contains("size is 100"));
  }
}

TEST_CASE("rounded mode rounds scores, weights and outputs to the dtype", "[attention]") {
  AttentionCase c({1, 2, 2, 6, 40, 16, 8});
  REQUIRE(c.run());
  const std::vector<double> exact = c.out;
  c.call.mode = OracleMode::Rounded;
  for (DType dtype : {bf16, f16, f32}) {
    c.call.rounded_dtype = dtype;
    REQUIRE(c.run());
    double worst = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      CHECK(c.out[i] == static_cast<double>(round_to(dtype, c.out[i])));
      worst = std::max(worst, std::fabs(c.out[i] - exact[i]));
    }
    for (double top : c.top) CHECK(top == static_cast<double>(round_to(dtype, top)));
    const double unit = dtype == bf16 ? 0x1p-8 : dtype == f16 ? 0x1p-11 : 0x1p-24;
    CHECK(worst > unit / 16);
    CHECK(worst < unit * 16);
  }
}

TEST_CASE("inconsistent calls are refused as internal errors", "[attention]") {
  AttentionCase c({1, 2, 2, 3, 4, 4, 2});
  REQUIRE(c.run());
  c.call.out.shape[2] = 4;
  auto status = evaluate_attention(c.form, c.environment, c.call);
  REQUIRE_FALSE(status);
  CHECK(status.error().kind == ErrorKind::Internal);
  AttentionCase missing({1, 1, 1, 1, 1, 1, 1});
  missing.form.captures = {{"slopes", f32, {{Dim::Kind::Symbol, 1}}, true}};
  status = missing.run();
  REQUIRE_FALSE(status);
  CHECK_THAT(status.error().message, Contains("slopes"));
}
