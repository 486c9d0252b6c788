// Removed pairs, -inf, +inf, NaN, sinks and empty rows: each rule of the semantics by itself.
#include <catch2/catch.hpp>

#include "tests/oracle/attention_case.h"

using namespace oracle_test;

namespace {

constexpr std::int64_t kColumns = 4, kRemoved = 2;

/// One row, four columns; keys are the scores themselves (q = 1, scale = 1), values are 1, 2, 3, 4 and 10, 20, 30, 40.
AttentionCase row_case(const std::vector<float>& scores) {
  AttentionCase c({1, 1, 1, 1, kColumns, 1, 2});
  c.q = {1.0f};
  c.k = scores;
  c.v = {1, 10, 2, 20, 3, 30, 4, 40};
  c.call.scale = 1;
  return c;
}

/// kv_idx != kRemoved
void remove_one(AttentionCase& c) {
  Builder t;
  t.add(Op::Ne, kBoolType, {t.kv_idx(), t.integer(kRemoved)});
  c.form.mask = t.body;
}

void remove_all(AttentionCase& c) {
  Builder t;
  t.add(Op::ConstBool, kBoolType, {}, 0);
  c.form.mask = t.body;
}

struct Answer {
  double out0, out1, lse, top;
};

Answer run(AttentionCase& c) {
  REQUIRE(c.run());
  return {c.out[0], c.out[1], c.lse[0], c.top[0]};
}

const float kScores[] = {0.5f, -1.0f, 2.0f, 0.25f};
std::vector<float> scores_with(std::int64_t at, float value) {
  std::vector<float> scores(kScores, kScores + kColumns);
  scores[static_cast<std::size_t>(at)] = value;
  return scores;
}

}  // namespace

TEST_CASE("NaN and inf at a removed pair have no effect, in k, v or the score", "[special]") {
  AttentionCase clean = row_case(scores_with(0, 0.5f));
  remove_one(clean);
  const Answer expected = run(clean);
  CHECK(std::isfinite(expected.out0));
  for (float poison : {kNan, kInf, -kInf}) {
    AttentionCase c = row_case(scores_with(kRemoved, poison));
    remove_one(c);
    c.v_at(0, 0, kRemoved, 0) = poison;
    c.v_at(0, 0, kRemoved, 1) = -poison;
    const Answer found = run(c);
    CHECK(same_bits(found.out0, expected.out0));
    CHECK(same_bits(found.out1, expected.out1));
    CHECK(same_bits(found.lse, expected.lse));
    CHECK(same_bits(found.top, expected.top));
  }
}

TEST_CASE("a score of -inf is removed in every respect", "[special]") {
  AttentionCase masked = row_case(scores_with(kRemoved, 2.0f));
  remove_one(masked);
  const Answer expected = run(masked);
  AttentionCase c = row_case(scores_with(kRemoved, -kInf));
  c.v_at(0, 0, kRemoved, 0) = kNan;
  c.v_at(0, 0, kRemoved, 1) = kInf;
  const Answer found = run(c);
  CHECK(same_bits(found.out0, expected.out0));
  CHECK(same_bits(found.out1, expected.out1));
  CHECK(same_bits(found.lse, expected.lse));
  CHECK(same_bits(found.top, expected.top));
}

TEST_CASE("a row with nothing left gives out 0, lse -inf, max -inf", "[special]") {
  AttentionCase all_removed = row_case(scores_with(0, 0.5f)), all_minus_inf = row_case({-kInf, -kInf, -kInf, -kInf});
  remove_all(all_removed);
  for (AttentionCase* c : {&all_removed, &all_minus_inf}) {
    for (std::int64_t i = 0; i < kColumns; ++i) c->v_at(0, 0, i, 0) = kNan;
    const Answer found = run(*c);
    CHECK(same_bits(found.out0, 0.0));
    CHECK(same_bits(found.out1, 0.0));
    CHECK(found.lse == static_cast<double>(-kInf));
    CHECK(found.top == static_cast<double>(-kInf));
  }
}

TEST_CASE("a sink enters denominator and lse, not the values and not max_scores", "[special]") {
  const double e = std::exp(0.5) + std::exp(-1.0) + std::exp(2.0) + std::exp(0.25);
  const double weighted = std::exp(0.5) * 1 + std::exp(-1.0) * 2 + std::exp(2.0) * 3 + std::exp(0.25) * 4;
  for (float sink : {-3.0f, 0.0f, 5.0f}) {
    AttentionCase c = row_case(scores_with(0, 0.5f));
    c.sink = {sink};
    const Answer found = run(c);
    const double total = e + std::exp(static_cast<double>(sink));
    CHECK(found.out0 == Approx(weighted / total).epsilon(1e-14));
    CHECK(found.lse == Approx(std::log(total)).epsilon(1e-14));
    CHECK(found.top == 2);
  }
  AttentionCase without = row_case(scores_with(0, 0.5f)), with = row_case(scores_with(0, 0.5f));
  with.sink = {-kInf};
  CHECK(run(without).lse == run(with).lse);
}

TEST_CASE("an empty row with a sink has lse = sink and out 0", "[special]") {
  AttentionCase c = row_case(scores_with(0, 0.5f));
  remove_all(c);
  c.sink = {1.25f};
  Answer found = run(c);
  CHECK(found.out0 == 0);
  CHECK(found.lse == 1.25);
  CHECK(found.top == static_cast<double>(-kInf));
  c.sink = {-kInf};
  CHECK(run(c).lse == static_cast<double>(-kInf));
  AttentionCase no_keys({1, 1, 1, 2, 0, 4, 3});
  no_keys.sink = {-2.0f};
  REQUIRE(no_keys.run());
  CHECK(no_keys.lse == std::vector<double>{-2, -2});
  CHECK(no_keys.out == std::vector<double>(6, 0.0));
}

TEST_CASE("a kept NaN score makes out, lse and max NaN", "[special]") {
  for (std::int64_t at = 0; at < kColumns; ++at)
    for (float other : {0.5f, kInf}) {
      std::vector<float> scores = scores_with(at, kNan);
      scores[static_cast<std::size_t>((at + 1) % kColumns)] = other;
      AttentionCase c = row_case(scores);
      const Answer found = run(c);
      CHECK(std::isnan(found.out0));
      CHECK(std::isnan(found.out1));
      CHECK(std::isnan(found.lse));
      CHECK(std::isnan(found.top));
    }
}

TEST_CASE("a kept +inf score makes out NaN, lse and max +inf", "[special]") {
  for (std::int64_t at = 0; at < kColumns; ++at) {
    AttentionCase c = row_case(scores_with(at, kInf));
    c.sink = {0.5f};
    const Answer found = run(c);
    CHECK(std::isnan(found.out0));
    CHECK(std::isnan(found.out1));
    CHECK(found.lse == static_cast<double>(kInf));
    CHECK(found.top == static_cast<double>(kInf));
  }
}

TEST_CASE("a NaN or inf in a kept value reaches its own column of out only", "[special]") {
  AttentionCase clean = row_case(scores_with(0, 0.5f));
  const Answer expected = run(clean);
  AttentionCase c = row_case(scores_with(0, 0.5f));
  c.v_at(0, 0, 1, 0) = kNan;
  Answer found = run(c);
  CHECK(std::isnan(found.out0));
  CHECK(found.out1 == expected.out1);
  CHECK(found.lse == expected.lse);
  CHECK(found.top == expected.top);
  c.v_at(0, 0, 1, 0) = kInf;
  CHECK(run(c).out0 == static_cast<double>(kInf));
}

TEST_CASE("a sink of +inf or NaN behaves as such a score, but for max and empty rows", "[special]") {
  AttentionCase c = row_case(scores_with(0, 0.5f));
  c.sink = {kInf};
  Answer found = run(c);
  CHECK(std::isnan(found.out0));
  CHECK(found.lse == static_cast<double>(kInf));
  CHECK(found.top == 2);
  c.sink = {kNan};
  found = run(c);
  CHECK(std::isnan(found.out0));
  CHECK(std::isnan(found.lse));
  CHECK(found.top == 2);
}

TEST_CASE("the score mod sees the scaled score, the mask decides afterwards", "[special]") {
  // score_mod: 1 / score. A NaN or inf that it makes of a removed pair has no effect.
  AttentionCase c = row_case({4.0f, 2.0f, 0.0f, 8.0f});
  c.call.scale = 0.5;
  Builder t;
  t.add(Op::Div, kF32Type, {t.real(1.0f), t.score()});
  c.form.score = t.body;
  remove_one(c);
  const Answer found = run(c);
  CHECK(found.top == 1);
  CHECK(found.lse == Approx(std::log(std::exp(0.5) + std::exp(1.0) + std::exp(0.25))).epsilon(1e-14));
}

TEST_CASE("rounded mode keeps the rules of special values", "[special]") {
  AttentionCase c = row_case(scores_with(1, -kInf));
  c.call.mode = OracleMode::Rounded;
  c.call.rounded_dtype = bf16;
  c.v_at(0, 0, 1, 0) = kNan;
  CHECK(std::isfinite(run(c).out0));
  remove_all(c);
  c.sink = {0.1f};
  const Answer found = run(c);
  CHECK(found.out0 == 0);
  CHECK(found.lse == static_cast<double>(0.1f));
}
