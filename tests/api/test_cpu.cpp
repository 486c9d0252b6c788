// The CPU back end behind the host API, beside the oracle. Machines without AVX2 have none: nothing is compared there.
#include <algorithm>
#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>

#include "attention_fixture.h"

using namespace flexc;
using test::Call;

namespace {

std::shared_ptr<const Kernel> cpu_kernel(std::string_view text, CompileOptions options = {.head_dim = 8}) {
  options.device = Device::cpu();
  Engine engine;
  const auto kernel = engine.compile(test::parsed(text), options);
  return kernel ? *kernel : nullptr;
}

/// Elements of two f32 tensors that differ by more than f32 back ends may, or in being NaN or infinite.
int differences(const Tensor& got, const Tensor& expected) {
  int count = 0;
  for (std::int64_t i = 0; i < expected.view().element_count(); ++i) {
    const double x = load_as_double(got.view(), i), y = load_as_double(expected.view(), i);
    const bool alike = std::isfinite(y) ? std::fabs(x - y) <= 2e-5 + 1e-4 * std::fabs(y) : std::isnan(y) ? std::isnan(x) : x == y;
    count += !alike;
  }
  return count;
}

constexpr std::string_view kAlibiCausal =
    "tensor slopes: f32[H]\n"
    "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n"
    "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n";

}  // namespace

TEST_CASE("affine scores whose row terms are not finite equal the oracle's") {
  const auto cpu = cpu_kernel(kAlibiCausal);
  if (!cpu) return;
  const auto oracle = test::compiled(kAlibiCausal);
  const float infinity = std::numeric_limits<float>::infinity();
  // Overflowing slopes only push further down what a causal mask keeps; an infinite one is NaN on the diagonal.
  for (const std::vector<float>& values : {std::vector<float>{0.5f, 1e-3f, 3e38f, 1e37f}, {infinity, -infinity, std::nanf(""), 0.0f}}) {
    Tensor slopes(f32, {4});
    std::memcpy(slopes.data(), values.data(), sizeof(float) * 4);
    Call a({.q_len = 20}), b({.q_len = 20});
    for (Call* call : {&a, &b}) call->arguments.captures.set("slopes", slopes.view());
    REQUIRE(cpu->run(a.arguments).has_value());
    REQUIRE(oracle->run(b.arguments).has_value());
    CHECK(differences(a.out, b.out) == 0);
    CHECK(differences(a.lse, b.lse) == 0);
  }
}

TEST_CASE("affine scores at positions where their integers wrap equal the oracle's") {
  constexpr std::string_view kText =
      "tensor slopes: f32[H]\n"
      "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (2 * kv_idx - q_idx)\n";
  const auto cpu = cpu_kernel(kText);
  if (!cpu) return;
  const auto oracle = test::compiled(kText);
  Tensor slopes(f32, {4});
  for (int h = 0; h < 4; ++h) slopes.as<float>()[h] = 1e-18f * static_cast<float>(h + 1);
  // 2 kv_idx passes 2^63 in the middle of the row, and the weights with it.
  Call a({.q_len = 20}), b({.q_len = 20});
  for (Call* call : {&a, &b}) {
    call->arguments.captures.set("slopes", slopes.view());
    call->arguments.kv_offset = (std::int64_t{1} << 62) - 5;
  }
  REQUIRE(cpu->run(a.arguments).has_value());
  REQUIRE(oracle->run(b.arguments).has_value());
  CHECK(differences(a.out, b.out) == 0);
  CHECK(differences(a.lse, b.lse) == 0);
}

TEST_CASE("a window far from a tile's first column loses nothing to steep slopes") {
  // The kept scores are small; the distances to the tile's first column are not, and neither is their product with the slope.
  constexpr std::string_view kText =
      "tensor slopes: f32[H]\n"
      "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + slopes[h] * (kv_idx - q_idx)\n"
      "def mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) & (q_idx - kv_idx < 4)\n";
  const auto cpu = cpu_kernel(kText);
  if (!cpu) return;
  const auto oracle = test::compiled(kText);
  Tensor slopes(f32, {4});
  std::ranges::copy(std::vector<float>{9.7f, -8.3f, 2.1f, -3.9f}, slopes.as<float>());
  const test::Shape shape{.batch = 1, .heads = 4, .kv_heads = 2, .q_len = 259, .kv_len = 259};
  Call a(shape), b(shape);
  for (Call* call : {&a, &b}) call->arguments.captures.set("slopes", slopes.view());
  REQUIRE(cpu->run(a.arguments).has_value());
  REQUIRE(oracle->run(b.arguments).has_value());
  CHECK(differences(a.out, b.out) == 0);
  CHECK(differences(a.lse, b.lse) == 0);
}

TEST_CASE("16-bit calls may have an f32 output: the stored one, widened") {
  const auto cpu = cpu_kernel("def mask_mod(b, h, q, k):\n    return q >= k\n", {.dtype = bf16, .head_dim = 8});
  if (!cpu) return;
  Call narrow({}, bf16), wide({}, bf16);
  Tensor out(f32, narrow.out.view().shape);
  wide.arguments.out = out.view();
  REQUIRE(cpu->run(narrow.arguments).has_value());
  REQUIRE(cpu->run(wide.arguments).has_value());
  int different = 0;
  for (std::int64_t i = 0; i < out.view().element_count(); ++i) different += load_as_double(out.view(), i) != load_as_double(narrow.out.view(), i);
  CHECK(different == 0);
}

TEST_CASE("threads and block masks change no bit") {
  constexpr std::string_view kText = "def mask_mod(b, h, q, k):\n    return (q >= k) & (q - k < 40 + h)\n";
  const auto cpu = cpu_kernel(kText);
  if (!cpu) return;
  const test::Shape shape{.batch = 1, .heads = 4, .kv_heads = 2, .q_len = 300, .kv_len = 300};
  Call one(shape), two(shape), proved(shape), usual(shape), exact(shape);
  two.arguments.threads = 2;
  std::vector<BlockMask> masks;
  for (const auto refine : {MaskShape::Refine::None, MaskShape::Refine::Default, MaskShape::Refine::Exact}) {
    auto mask = cpu->block_mask({.batch = 1, .heads = 4, .q_len = 300, .kv_len = 300, .block_q = 32, .block_kv = 32, .refine = refine}, {});
    REQUIRE(mask.has_value());
    masks.push_back(std::move(*mask));
  }
  proved.arguments.mask = &masks[0], usual.arguments.mask = &masks[1], exact.arguments.mask = &masks[2];
  for (Call* call : {&one, &two, &proved, &usual, &exact}) REQUIRE(cpu->run(call->arguments).has_value());
  for (const Call* call : {&two, &proved, &usual, &exact}) {
    CHECK(std::memcmp(one.out.as<float>(), call->out.as<float>(), one.out.byte_count()) == 0);
    CHECK(std::memcmp(one.lse.as<float>(), call->lse.as<float>(), one.lse.byte_count()) == 0);
  }
}

TEST_CASE("a row against many keys: threads share its splits, and change no bit") {
  const auto cpu = cpu_kernel("def mask_mod(b, h, q, k):\n    return q >= k\n");
  if (!cpu) return;
  const test::Shape shape{.batch = 1, .heads = 4, .kv_heads = 2, .q_len = 1, .kv_len = 16500};
  Call one(shape), many(shape);
  one.arguments.q_offset = many.arguments.q_offset = 16000;
  one.arguments.threads = 1, many.arguments.threads = 3;
  REQUIRE(cpu->run(one.arguments).has_value());
  for (int round = 0; round < 5; ++round) {  // the memory of one is the next one's
    REQUIRE(cpu->run(many.arguments).has_value());
    CHECK(std::memcmp(one.out.as<float>(), many.out.as<float>(), one.out.byte_count()) == 0);
    CHECK(std::memcmp(one.lse.as<float>(), many.lse.as<float>(), one.lse.byte_count()) == 0);
  }
}

TEST_CASE("checked mode names the capture and the index on the CPU too") {
  const auto cpu = cpu_kernel("tensor t: f32[n]\ndef score_mod(s, b, h, q, k):\n    return s + t[k]\n");
  if (!cpu) return;
  Tensor t(f32, {10});
  Call call;
  call.arguments.captures.set("t", t.view());
  CHECK(cpu->run(call.arguments).has_value());
  call.arguments.checked = true;
  const auto status = cpu->run(call.arguments);
  REQUIRE_FALSE(status.has_value());
  CHECK_THAT(status.error().message, Catch::Contains("t") && Catch::Contains("10"));
}
