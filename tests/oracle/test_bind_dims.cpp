// The launch's checks of captures and params: what is refused, and that the message names it.
#include <catch2/catch.hpp>

#include "tests/oracle/body_builder.h"

using namespace oracle_test;
using Catch::Matchers::Contains;

namespace {

const Dim kHeads{Dim::Kind::Symbol, 1}, kFresh{Dim::Kind::Fresh, 0}, kOther{Dim::Kind::Fresh, 1};
float data[64];

NormalForm form_of(std::vector<CaptureInfo> captures) {
  NormalForm form;
  form.captures = std::move(captures);
  form.fresh_dims = {"n", "m"};
  return form;
}

std::string message(const NormalForm& form, std::vector<TensorView> views, std::vector<ParamValue> params = {}) {
  const auto bound = bind_dims(form, {{2, 4, 2, 8, 16}, std::move(views), std::move(params)});
  return bound ? "" : bound.error().message;
}

}  // namespace

TEST_CASE("fresh dims take their sizes from the captures", "[bind]") {
  const NormalForm form = form_of({{"a", f32, {kHeads, kFresh}, true}, {"b", f32, {kFresh}, true}});
  const auto bound = bind_dims(form, {{2, 4, 2, 8, 16}, {TensorView(data, f32, {4, 7}), TensorView(data, f32, {7})}, {}});
  REQUIRE(bound);
  CHECK(*bound == std::vector<std::int64_t>{7, 0});
}

TEST_CASE("captures that do not fit are refused by name", "[bind]") {
  const NormalForm form = form_of({{"slopes", f32, {kHeads, kFresh}, true}, {"b", f32, {kFresh}, true}});
  const TensorView good(data, f32, {4, 7}), b(data, f32, {7});
  CHECK(message(form, {good, b}).empty());
  CHECK_THAT(message(form, {}), Contains("\"slopes\" is missing") && Contains("f32[H, n]"));
  CHECK_THAT(message(form, {TensorView(data, f16, {4, 7}), b}), Contains("\"slopes\": expected f32[H, n], found f16[4, 7]"));
  CHECK_THAT(message(form, {TensorView(data, f32, {4}), b}), Contains("found f32[4]"));
  CHECK_THAT(message(form, {TensorView(data, f32, {5, 7}), b}), Contains("H is 4") && Contains("dimension 0 is 5"));
  CHECK_THAT(message(form, {good, TensorView(data, f32, {6})}), Contains("\"b\"") && Contains("n is 7 in capture \"slopes\""));
  CHECK_THAT(message(form, {TensorView(nullptr, f32, {4, 7}), b}), Contains("null"));
  CHECK_THAT(message(form, {TensorView(data, f32, {4, 7}, {}, MemoryKind::Cuda), b}), Contains("host memory"));
  CHECK(message(form_of({{"unused", f32, {kFresh}, false}}), {}).empty());
  CHECK(message(form_of({{"unused", f32, {kFresh}, false}}), {TensorView{}}).empty());
}

TEST_CASE("rows that are combined must be equally long", "[bind]") {
  NormalForm form = form_of({{"a", f32, {kFresh}, true}, {"b", f32, {kOther}, true}});
  form.equal_lengths = {{kFresh, kOther}};
  CHECK(message(form, {TensorView(data, f32, {7}), TensorView(data, f32, {7})}).empty());
  CHECK_THAT(message(form, {TensorView(data, f32, {7}), TensorView(data, f32, {8})}), Contains("\"a\"") && Contains("\"b\"") && Contains("7 and 8"));
}

TEST_CASE("a shape that is read needs its capture, a param its value", "[bind]") {
  NormalForm form = form_of({{"a", f32, {kFresh}, false}});
  form.sizes_read = {0};
  CHECK_THAT(message(form, {}), Contains("\"a\" is missing") && Contains("shape"));
  NormalForm with_param;
  with_param.params = {{"window", DType::I32, {}, {}, true}};
  CHECK_THAT(message(with_param, {}), Contains("\"window\""));
  CHECK(message(with_param, {}, {{5, 0}}).empty());
}
