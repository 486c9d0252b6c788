// Whole calls through the API: strides, 16-bit outputs, block masks, offsets, the kernel cache, many threads.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "tests/api/attention_fixture.h"

using namespace flexc;
using test::Call;
using test::compiled;
using test::Shape;

namespace {

constexpr const char* kCausal = "def mask_mod(b, h, q, k):\n    return q >= k\n";

std::vector<float> floats(const Tensor& tensor) { return {tensor.as<float>(), tensor.as<float>() + tensor.view().element_count()}; }

}  // namespace

TEST_CASE("equal requests share one kernel, different ones do not") {
  Engine engine;
  const Variant variant = test::parsed(kCausal);
  const auto first = *engine.compile(variant, {.head_dim = 8});
  CHECK(*engine.compile(test::parsed("def f(b, h, i, j):\n    return i >= j\nmask_mod = f\n"), {.head_dim = 8}) == first);
  CHECK(*engine.compile(variant, {.head_dim = 16}) != first);
  CHECK(*engine.compile(variant, {.dtype = bf16, .head_dim = 8}) != first);
  // The identity has no names in it, and bindings go by name.
  const auto one = *engine.compile(test::parsed("param a: i32 = 1\ndef mask_mod(b, h, q, k):\n    return q - k < a\n"), {.head_dim = 8});
  const auto two = *engine.compile(test::parsed("param c: i32 = 1\ndef mask_mod(b, h, q, k):\n    return q - k < c\n"), {.head_dim = 8});
  CHECK(one != two);
}

TEST_CASE("strided and broadcast inputs give what packed ones give") {
  const auto kernel = compiled(kCausal);
  Call packed(Shape{.batch = 1});
  REQUIRE(kernel->run(packed.arguments).has_value());
  // The same numbers as [B, L, H, D], and k, v of batch 1 for a batch of 1.
  Tensor moved(f32, {1, 12, 4, 8});
  for (std::int64_t h = 0; h < 4; ++h)
    for (std::int64_t i = 0; i < 12; ++i) std::memcpy(moved.as<float>() + (i * 4 + h) * 8, packed.q.as<float>() + (h * 12 + i) * 8, 8 * sizeof(float));
  Tensor out(f32, {1, 12, 4, 8});
  RunArguments arguments = packed.arguments;
  arguments.q = TensorView(moved.data(), f32, {1, 4, 12, 8}, {384, 8, 32, 1});
  arguments.out = TensorView(out.data(), f32, {1, 4, 12, 8}, {384, 8, 32, 1});
  REQUIRE(kernel->run(arguments).has_value());
  bool same = true;
  for (std::int64_t h = 0; h < 4; ++h)
    for (std::int64_t i = 0; i < 12; ++i) same &= std::memcmp(out.as<float>() + (i * 4 + h) * 8, packed.out.as<float>() + (h * 12 + i) * 8, 8 * sizeof(float)) == 0;
  CHECK(same);
}

TEST_CASE("16-bit outputs are the exact ones rounded once") {
  for (const DType dtype : {f16, bf16}) {
    const auto kernel = compiled(kCausal, {.dtype = dtype, .head_dim = 8, .device = Device::oracle()});
    Call call({}, dtype);
    REQUIRE(kernel->run(call.arguments).has_value());
    Tensor wide(f32, call.out.view().shape);
    RunArguments arguments = call.arguments;
    arguments.out = wide.view();
    REQUIRE(kernel->run(arguments).has_value());
    for (std::int64_t i = 0; i < wide.view().element_count(); ++i) {
      const double narrow = load_as_double(call.out.view(), i), exact = wide.as<float>()[i];
      const double unit = std::ldexp(1.0, dtype == f16 ? -10 : -7) * std::max(std::fabs(exact), 1e-4);
      REQUIRE(std::fabs(narrow - exact) <= unit);
    }
  }
}

TEST_CASE("a batch of 1 in k and v serves every batch") {
  const auto kernel = compiled(kCausal);
  Call call;
  RunArguments arguments = call.arguments;
  arguments.k.shape[0] = arguments.v.shape[0] = 1;
  REQUIRE(kernel->run(arguments).has_value());
  const std::vector<float> broadcast = floats(call.out);
  std::copy_n(call.k.as<float>(), 2 * 20 * 8, call.k.as<float>() + 2 * 20 * 8);
  std::copy_n(call.v.as<float>(), 2 * 20 * 8, call.v.as<float>() + 2 * 20 * 8);
  REQUIRE(kernel->run(call.arguments).has_value());
  CHECK(floats(call.out) == broadcast);
}

TEST_CASE("block masks: counts, kept pairs, uniform dimensions stored once, offsets") {
  const auto kernel = compiled(kCausal);
  MaskReport report;
  MaskShape shape{.batch = 3, .heads = 4, .q_len = 2048, .kv_len = 2048, .refine = MaskShape::Refine::Exact};
  const auto mask = kernel->block_mask(shape, {}, &report);
  REQUIRE(mask.has_value());
  CHECK(mask->batches == 1);
  CHECK(mask->heads == 1);
  CHECK(mask->counts() == BlockMask::Counts{120, 16, 120});
  CHECK(report.kept_pairs == 2048 * 2049 / 2);
  CHECK(report.build_s > 0);
  shape.refine = MaskShape::Refine::None;
  const auto proved = kernel->block_mask(shape, {}, &report);
  REQUIRE(proved.has_value());
  CHECK(proved->runs == mask->runs);
  CHECK(report.kept_pairs == -1);
  CHECK(report.pair_evaluations == 0);
  CHECK(report.evaluations == 31);  // a function of q - k: one tile a diagonal
  CHECK(report.method == "diagonal");

  const auto by_head = compiled("def mask_mod(b, h, q, k):\n    return q - k < 16 * (h + 1)\n")->block_mask({.batch = 3, .heads = 4, .q_len = 64, .kv_len = 64, .block_q = 16, .block_kv = 16}, {});
  REQUIRE(by_head.has_value());
  CHECK(by_head->batches == 1);
  CHECK(by_head->heads == 4);

  const auto late = kernel->block_mask({.q_len = 16, .kv_len = 64, .q_offset = 48, .block_q = 16, .block_kv = 16}, {});
  REQUIRE(late.has_value());
  CHECK(late->counts() == BlockMask::Counts{0, 1, 3});

  const auto everything = compiled("def score_mod(score, b, h, q, k):\n    return score\n")->block_mask({.batch = 2, .q_len = 100, .kv_len = 130, .block_q = 64, .block_kv = 64, .refine = MaskShape::Refine::Exact}, {}, &report);
  REQUIRE(everything.has_value());
  CHECK(everything->counts() == BlockMask::Counts{0, 0, 6});
  CHECK(report.kept_pairs == 13000);
  CHECK(kernel->block_mask({.q_len = 0, .kv_len = 5}, {}).has_value());
}

TEST_CASE("impossible masks are refused") {
  const auto kernel = compiled(kCausal);
  for (const MaskShape& shape : {MaskShape{.batch = 0, .q_len = 4, .kv_len = 4}, MaskShape{.q_len = -1, .kv_len = 4}, MaskShape{.q_len = 4, .kv_len = 4, .block_q = 0},
                                 MaskShape{.heads = 4, .q_len = 4, .kv_len = 4, .kv_heads = 3}, MaskShape{.q_len = std::int64_t{1} << 62, .kv_len = std::int64_t{1} << 62, .block_q = 1, .block_kv = 1}}) {
    const auto mask = kernel->block_mask(shape, {});
    REQUIRE_FALSE(mask.has_value());
    CHECK(mask.error().kind == ErrorKind::Input);
  }
}

TEST_CASE("a block mask changes no bit, and must belong to the call") {
  const auto kernel = compiled(kCausal);
  Call call;
  REQUIRE(kernel->run(call.arguments).has_value());
  const std::vector<float> without = floats(call.out);
  auto mask = *kernel->block_mask({.batch = 2, .heads = 4, .q_len = 12, .kv_len = 20, .kv_heads = 2, .block_q = 4, .block_kv = 4}, {});
  call.arguments.mask = &mask;
  REQUIRE(kernel->run(call.arguments).has_value());
  CHECK(floats(call.out) == without);
  mask.kv_len = 19;
  CHECK_FALSE(kernel->run(call.arguments).has_value());
}

TEST_CASE("offsets move positions; totals set Q and KV") {
  Call call(Shape{.q_len = 1, .kv_len = 20});
  call.arguments.q_offset = 4;
  REQUIRE(compiled(kCausal)->run(call.arguments).has_value());
  const std::vector<float> offset = floats(call.out);
  call.arguments.q_offset = 0;
  REQUIRE(compiled("def mask_mod(b, h, q, k):\n    return k <= 4\n")->run(call.arguments).has_value());
  CHECK(floats(call.out) == offset);
  call.arguments.kv_total = 5;
  REQUIRE(compiled("def mask_mod(b, h, q, k):\n    return k < KV\n")->run(call.arguments).has_value());
  CHECK(floats(call.out) == offset);
}

TEST_CASE("one engine, one kernel, many threads") {
  Engine engine;
  const Variant variant = test::parsed("tensor t: f32[H]\ndef score_mod(score, b, h, q, k):\n    return score * t[h]\n");
  constexpr int kThreads = 8, kRounds = 20;
  std::vector<std::vector<float>> outputs(kThreads);
  std::vector<int> failures(kThreads, 0);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      Tensor t(f32, {4});
      std::fill_n(t.as<float>(), 4, static_cast<float>(thread % 2 + 1));
      for (int round = 0; round < kRounds; ++round) {
        const Variant copy = variant;
        const auto own = Variant::parse("def mask_mod(b, h, q, k):\n    return q - k < " + std::to_string(thread * kRounds + round) + "\n");
        const auto kernel = engine.compile(copy, {.head_dim = 8});
        Call call;
        call.arguments.captures.set("t", t.view());
        if (!own || !engine.compile(*own, {.head_dim = 8}) || !kernel || !(*kernel)->run(call.arguments)) ++failures[static_cast<std::size_t>(thread)];
        const std::vector<float> now = floats(call.out);
        auto& kept = outputs[static_cast<std::size_t>(thread)];
        if (!kept.empty() && kept != now) ++failures[static_cast<std::size_t>(thread)];
        kept = now;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == std::vector<int>(kThreads, 0));
  for (int thread = 2; thread < kThreads; ++thread) CHECK(outputs[static_cast<std::size_t>(thread)] == outputs[static_cast<std::size_t>(thread % 2)]);
  CHECK(outputs[0] != outputs[1]);
}

TEST_CASE("threads change no bit; progress ends at the whole") {
  const auto kernel = compiled(kCausal);
  Call one, many;
  double last = 0;
  bool rising = true;
  many.arguments.threads = 5;
  one.arguments.progress = [&](double share) { rising &= share >= last, last = share; };
  REQUIRE(kernel->run(one.arguments).has_value());
  REQUIRE(kernel->run(many.arguments).has_value());
  CHECK(floats(one.out) == floats(many.out));
  CHECK(floats(one.lse) == floats(many.lse));
  CHECK(rising);
}

TEST_CASE("engines move, and live side by side") {
  Engine first;
  Engine second = std::move(first);
  Engine third({.cache_dir = "/nonexistent"});
  CHECK(second.compile(test::parsed(kCausal), {}).has_value());
  CHECK(third.compile(test::parsed(kCausal), {}).has_value());
  CHECK(version() == "0.1.0");
}
