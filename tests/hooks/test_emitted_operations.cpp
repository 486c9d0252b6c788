// Every operation of the language at edge values, through the emitted CUDA compiled for the host. In the strict cone (a mask) each is bit
// by bit what the oracle's arithmetic gives, whether it is computed for a column or for a pair; outside, within the documented bound.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "compiler/stages.h"
#include "dsl/evaluate/scalar_ops.h"
#include "tests/hooks/host_mods.h"
#include "tests/ir/normal_form_of.h"
#include "tests/ir/operation_cases.h"

using namespace flexc;
using flexc_test::Segment;

namespace {

enum class Kind { Integer, Float, FloatToInteger };

/// An operation, and the mod that asks whether it gives what `e` holds.
struct Question {
  OperationCase operation;
  Kind kind;
  bool of_pair;  ///< a is the row's value and b the column's; else both are the column's
};

std::vector<Question> questions() {
  std::vector<Question> all;
  for (const bool of_pair : {false, true}) {
    for (const OperationCase& c : kIntegerCases) all.push_back({c, Kind::Integer, of_pair});
    for (const OperationCase& c : kFloatCases) all.push_back({c, Kind::Float, of_pair});
    for (const OperationCase& c : kFloatToInteger) all.push_back({c, Kind::FloatToInteger, of_pair});
  }
  return all;
}

/// Equal, with equal signs of zeros, or both NaN.
constexpr const char* kSameFloat = "(v == want and 1.0 / v == 1.0 / want) or (isnan(v) and isnan(want))";

std::string program(const Question& question) {
  const std::string type = question.kind == Kind::Integer ? "i64" : "f32", result = question.kind == Kind::Float ? "f32" : "i64";
  return "tensor x: " + type + "[n]\ntensor y: " + type + "[m]\ntensor e: " + result + "[r, c]\ndef mask_mod(b_, h, q_idx, kv_idx):\n    a = x[" +
         (question.of_pair ? "q_idx" : "kv_idx") + "]\n    b = y[kv_idx]\n    v = " + question.operation.expression + "\n    want = e[q_idx, kv_idx]\n    return " +
         (question.kind == Kind::Float ? kSameFloat : "v == want") + "\n";
}

dsl::Value apply(const Question& question, const dsl::Value& a, const dsl::Value& b) {
  return question.kind == Kind::Integer ? dsl::integer_operation(question.operation.op, true, a, b) : dsl::float_operation(question.operation.op, true, a, b);
}

template <class T>
TensorView view_of(std::vector<T>& data, DType dtype, std::vector<std::int64_t> shape) {
  return TensorView(data.data(), dtype, std::move(shape));
}

/// How many of the answers are not the expected ones. `spoil` changes what is expected.
std::size_t wrong_answers(const Question& question, const dsl::NormalForm& form, const EmittedMod& mod, bool spoil = false) {
  std::vector<dsl::Value> values;
  if (question.kind == Kind::Integer) for (std::int64_t value : integer_edges()) values.push_back({value, 0});
  else for (float value : float_edges()) values.push_back({0, value});
  const std::size_t n = values.size(), rows = question.of_pair ? n : 1, columns = question.of_pair ? n : n * n;
  const auto a_at = [&](std::size_t row, std::size_t column) { return values[question.of_pair ? row : column / n]; };
  const auto b_at = [&](std::size_t column) { return values[column % n]; };

  std::vector<std::int64_t> xi, yi, ei;
  std::vector<float> xf, yf, ef;
  for (std::size_t i = 0; i < (question.of_pair ? rows : columns); ++i) {
    const dsl::Value a = a_at(i, i);
    xi.push_back(a.integer), xf.push_back(static_cast<float>(a.real));
  }
  for (std::size_t i = 0; i < columns; ++i) yi.push_back(b_at(i).integer), yf.push_back(static_cast<float>(b_at(i).real));
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column) {
      const dsl::Value expected = apply(question, a_at(row, column), b_at(column));
      ei.push_back(spoil ? expected.integer ^ std::int64_t{1} << 62 : expected.integer);
      const auto real = static_cast<float>(expected.real);
      ef.push_back(spoil ? std::bit_cast<float>(std::bit_cast<std::uint32_t>(std::isfinite(real) ? real : 1.0f) ^ 1u) : real);
    }

  const auto signed_size = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  dsl::Environment environment;
  environment.problem = {1, 1, 1, signed_size(rows), signed_size(columns)};
  const bool integers = question.kind == Kind::Integer, real_result = question.kind == Kind::Float;
  environment.captures = {integers ? view_of(xi, DType::I64, {signed_size(xi.size())}) : view_of(xf, DType::F32, {signed_size(xf.size())}),
                          integers ? view_of(yi, DType::I64, {signed_size(yi.size())}) : view_of(yf, DType::F32, {signed_size(yf.size())}),
                          real_result ? view_of(ef, DType::F32, {signed_size(rows), signed_size(columns)}) : view_of(ei, DType::I64, {signed_size(rows), signed_size(columns)})};
  const auto fresh = dsl::bind_dims(form, environment);
  REQUIRE(fresh.has_value());
  const auto params = mod.params(form, environment, *fresh, 1.0);
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const Segment segment{0, 0, signed_size(row), 0, 1, static_cast<int>(columns)};
    std::vector<mods::u32> words(mod.hooks.column_words * columns);
    std::vector<unsigned char> keep(columns);
    if (mod.code->columns) mod.code->columns(params.data(), segment, words.data());
    mod.code->keep(params.data(), segment, words.data(), keep.data());
    for (unsigned char kept : keep) wrong += kept == 0;
  }
  return wrong;
}

dsl::NormalForm form_of(const std::string& text) {
  std::string error;
  auto form = normal_form_of_text("test.flex", text, error);
  INFO(text << error);
  REQUIRE(form.has_value());
  return *form;
}

}  // namespace

TEST_CASE("emitted operations at edge values are bit-exact in the strict cone") {
  const std::vector<Question> all = questions();
  std::vector<dsl::NormalForm> forms;
  for (const Question& question : all) forms.push_back(form_of(program(question)));
  const auto host = HostMods::compile(forms);
  INFO((host ? std::string() : host.error().message));
  REQUIRE(host.has_value());
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(program(all[i]));
    CHECK(wrong_answers(all[i], forms[i], host->mods()[i]) == 0);
  }
  // The same with answers that are off by a bit: not one may pass. (A comparison's 0 or 1 is off by 2^62.)
  for (const std::size_t i : {std::size_t{0}, std::size_t{3}, std::size(kIntegerCases) + 15}) {
    INFO(program(all[i]));
    CHECK(wrong_answers(all[i], forms[i], host->mods()[i], true) >= integer_edges().size() * integer_edges().size());
  }
}

TEST_CASE("functions of the score lie within the units' bounds") {
  std::vector<dsl::NormalForm> forms;
  std::vector<OperationCase> cases;
  for (const OperationCase& c : kFloatCases) {
    if (std::string(c.expression).find('b') != std::string::npos && std::string(c.expression) != "abs(a)") continue;
    cases.push_back(c);
    forms.push_back(form_of("def score_mod(score, b_, h, q_idx, kv_idx):\n    a = score\n    return " + std::string(c.expression) + "\n"));
  }
  const auto host = HostMods::compile(forms);
  REQUIRE(host.has_value());
  std::vector<float> acc = float_edges();
  for (int i = -400; i <= 400; ++i) acc.push_back(static_cast<float>(i) / 16.0f);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (host->mods()[i].code->logit2 == nullptr) continue;
    INFO(cases[i].expression);
    dsl::Environment environment;
    environment.problem = {1, 1, 1, 1, static_cast<std::int64_t>(acc.size())};
    const auto params = host->mods()[i].params(forms[i], environment, {}, 1.0);
    std::vector<float> out(acc.size());
    host->mods()[i].code->logit2(params.data(), {0, 0, 0, 0, 1, static_cast<int>(acc.size())}, nullptr, acc.data(), out.data());
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < acc.size(); ++at) {
      const double value = static_cast<float>(dsl::float_operation(cases[i].op, true, {0, acc[at]}, {}).real), expected = value * 1.44269504088896340736;
      const bool same = std::isnan(expected) ? std::isnan(out[at]) : std::isinf(static_cast<float>(expected)) ? out[at] == static_cast<float>(expected)
                                                                   : std::fabs(out[at] - expected) <= 2e-5 * std::fabs(expected) + 1e-37;
      if (!same && wrong++ == 0) UNSCOPED_INFO(acc[at] << ": " << out[at] << " instead of " << expected);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a loop's turns do not compute what no turn changes") {
  // Each sum reads the one before it at an index that all turns share: loop after loop, and none in another.
  const dsl::NormalForm form = form_of(
      "tensor x: i64[n, d]\ndef mask_mod(b, h, q_idx, kv_idx):\n    a = x[kv_idx].sum()\n    c = (x[a] + a).sum()\n    e = (x[c] + c).sum()\n    return e > 0\n");
  const auto hooks = compiler::emit_cuda_hooks(form, {});
  REQUIRE(hooks.has_value());
  std::size_t loops = 0, depth = 0, deepest = 0, open = 0;
  for (std::size_t at = hooks->text.find('\n'); at != std::string::npos; at = hooks->text.find('\n', at + 1)) {
    const std::size_t begin = hooks->text.find_first_not_of(' ', at + 1);
    if (begin == std::string::npos) break;
    if (hooks->text.compare(begin, 5, "for (") == 0) ++loops, ++depth, open = begin - at, deepest = std::max(deepest, depth);
    else if (depth > 0 && hooks->text[begin] == '}' && begin - at <= open) --depth;
  }
  INFO(hooks->text);
  CHECK(loops >= 3);
  CHECK(deepest == 1);
}
