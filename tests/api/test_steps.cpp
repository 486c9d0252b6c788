// Positions with a step: the striped shards of a sequence (rank r of W has the positions r, r + W, …), merged by their lse, are the whole sequence, for every
// gallery entry; block masks of shards change no bit; steps and positions that cannot be are refused.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <catch2/catch.hpp>

#include "flexc/gallery.h"
#include "tests/api/attention_fixture.h"

using namespace flexc;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t kBatch = 1, kHeads = 4, kKvHeads = 2, kLength = 67, kDim = 8;
using Limits = std::numeric_limits<std::int64_t>;

/// Rows rank, rank + step, … of [B, H, L, D].
Tensor striped(const Tensor& whole, std::int64_t rank, std::int64_t step) {
  const auto& shape = whole.view().shape;
  const std::int64_t rows = (shape[2] - rank + step - 1) / step, width = shape[3];
  Tensor part(f32, {shape[0], shape[1], rows, width});
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane)
    for (std::int64_t row = 0; row < rows; ++row)
      std::memcpy(part.as<float>() + (plane * rows + row) * width, whole.as<float>() + (plane * shape[2] + rank + row * step) * width, static_cast<std::size_t>(width) * sizeof(float));
  return part;
}

/// What shards of the keys leave of some rows, merged by the definition: outputs weighted by exp(lse).
struct Merged {
  std::vector<double> sum, total;
  explicit Merged(std::int64_t rows) : sum(static_cast<std::size_t>(rows * kDim)), total(static_cast<std::size_t>(rows)) {}
  void add(const Tensor& out, const Tensor& lse) {
    for (std::size_t row = 0; row < total.size(); ++row) {
      const double weight = std::exp(static_cast<double>(lse.as<float>()[row]));
      if (weight == 0) continue;
      total[row] += weight;
      for (std::size_t i = 0; i < kDim; ++i) sum[row * kDim + i] += weight * out.as<float>()[row * kDim + i];
    }
  }
  double out(std::size_t at) const { return total[at / kDim] == 0 ? 0 : sum[at] / total[at / kDim]; }
  double lse(std::size_t row) const { return std::log(total[row]); }
};

struct Sequence {
  Tensor q{f32, {kBatch, kHeads, kLength, kDim}}, k{f32, {kBatch, kKvHeads, kLength, kDim}}, v{f32, {kBatch, kKvHeads, kLength, kDim}};
  std::vector<Tensor> made;
  Captures captures;

  Sequence(const GalleryEntry& entry, const Variant& variant) {
    fill_normal(q.view(), 1, "q"), fill_normal(k.view(), 1, "k"), fill_normal(v.view(), 1, "v");
    for (const Variant::Capture& capture : variant.captures()) {
      auto tensor = make_capture(entry.name, capture.name, capture.dims, {kBatch, kHeads, kKvHeads, kLength, kLength, {}}, 3);
      REQUIRE(tensor.has_value());
      made.push_back(std::move(*tensor));
      captures.set(capture.name, made.back().view());
    }
  }
};

/// Rows `rank_q` of `world`, over the keys of `rank_kv`.
struct Shard {
  Tensor q, k, v, out, lse;
  RunArguments arguments;
  MaskShape shape;
  Shard(const Sequence& whole, std::int64_t world, std::int64_t rank_q, std::int64_t rank_kv)
      : q(striped(whole.q, rank_q, world)), k(striped(whole.k, rank_kv, world)), v(striped(whole.v, rank_kv, world)), out(f32, q.view().shape), lse(f32, {kBatch, kHeads, q.view().shape[2]}) {
    arguments = {.q = q.view(), .k = k.view(), .v = v.view(), .out = out.view(), .lse = lse.view(), .captures = whole.captures};
    arguments.q_offset = rank_q, arguments.kv_offset = rank_kv, arguments.q_step = arguments.kv_step = world;
    arguments.q_total = arguments.kv_total = kLength;
    arguments.threads = 1;
    shape = {.batch = kBatch, .heads = kHeads, .q_len = q.view().shape[2], .kv_len = k.view().shape[2], .kv_heads = kKvHeads, .q_offset = rank_q, .kv_offset = rank_kv, .q_total = kLength,
             .kv_total = kLength, .q_step = world, .kv_step = world, .block_q = 5, .block_kv = 7};
  }
  void run(const Kernel& kernel) {
    const auto status = kernel.run(arguments);
    INFO((status ? std::string() : status.error().message));
    REQUIRE(status.has_value());
  }
  bool same_bits(const Shard& other) const {
    const auto same = [](const Tensor& a, const Tensor& b) { return std::memcmp(a.as<float>(), b.as<float>(), a.byte_count()) == 0; };
    return same(out, other.out) && same(lse, other.lse);
  }
};

bool is_near(double x, double y) { return std::isfinite(y) ? std::fabs(x - y) <= 3e-5 + 2e-4 * std::fabs(y) : x == y; }

/// Outputs of the striped calls that are not the whole sequence's.
int differences(const Sequence& whole, const Kernel& kernel, std::int64_t world, const Tensor& out, const Tensor& lse) {
  int wrong = 0;
  for (std::int64_t rank_q = 0; rank_q < world; ++rank_q) {
    const std::int64_t rows = (kLength - rank_q + world - 1) / world;
    Merged merged(kBatch * kHeads * rows);
    for (std::int64_t rank_kv = 0; rank_kv < world; ++rank_kv) {
      Shard shard(whole, world, rank_q, rank_kv);
      shard.run(kernel);
      merged.add(shard.out, shard.lse);
    }
    for (std::int64_t plane = 0; plane < kBatch * kHeads; ++plane)
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto at = static_cast<std::size_t>(plane * rows + row), there = static_cast<std::size_t>(plane * kLength + rank_q + row * world);
        wrong += !is_near(merged.lse(at), lse.as<float>()[there]);
        for (std::size_t i = 0; i < kDim; ++i) wrong += !is_near(merged.out(at * kDim + i), out.as<float>()[there * kDim + i]);
      }
  }
  return wrong;
}

std::shared_ptr<const Kernel> kernel_of(const Variant& variant, Device device) {
  static Engine engine({.disk_cache = false});
  const auto kernel = engine.compile(variant, {.head_dim = kDim, .device = device});
  if (!kernel && kernel.error().error.kind == ErrorKind::Environment) return nullptr;  // no AVX2
  REQUIRE(kernel.has_value());
  return *kernel;
}

}  // namespace

TEST_CASE("striped shards of every gallery entry, merged, are the whole sequence's rows") {
  int entries = 0, noticed = 0, narrowed = 0;
  for (const GalleryEntry& entry : gallery()) {
    INFO(entry.name);
    const Variant variant = test::parsed(entry.text);
    const Sequence whole(entry, variant);
    const auto oracle = kernel_of(variant, Device::oracle()), cpu = kernel_of(variant, Device::cpu());
    Shard all(whole, 1, 0, 0);
    all.run(*oracle);
    ++entries;
    for (const std::int64_t world : {1, 2, 3, 5}) {
      INFO(world << " ranks");
      if (world == 2 || world == 5) CHECK(differences(whole, *oracle, world, all.out, all.lse) == 0);
      if (!cpu) continue;
      CHECK(differences(whole, *cpu, world, all.out, all.lse) == 0);
      // Block masks of shards; one with any tile of a shard of its own.
      Shard plain(whole, world, world - 1, 0), masked(whole, world, world - 1, 0);
      plain.run(*cpu);
      for (const auto refine : {MaskShape::Refine::None, MaskShape::Refine::Default, MaskShape::Refine::Exact}) {
        masked.shape.refine = refine;
        const auto mask = cpu->block_mask(masked.shape, whole.captures);
        REQUIRE(mask.has_value());
        masked.arguments.mask = &*mask;
        masked.run(*cpu);
        CHECK(plain.same_bits(masked));
        narrowed += mask->counts().empty > 0;
        masked.arguments.checked = true;
        CHECK(cpu->run(masked.arguments).has_value());
        masked.arguments.checked = false;
      }
    }
    // The comparison sees a step that is left out.
    if (!cpu) continue;
    Shard stepped(whole, 3, 1, 2), unstepped(whole, 3, 1, 2);
    unstepped.arguments.q_step = unstepped.arguments.kv_step = 1;
    stepped.run(*cpu), unstepped.run(*cpu);
    noticed += !stepped.same_bits(unstepped);
  }
  CHECK(entries > 30);
  CHECK((noticed > 15 || noticed == 0));  // most read positions; without a CPU back end nothing is looked at
  CHECK((narrowed > 100 || narrowed == 0));
}

TEST_CASE("queries and keys may have steps of their own; Q and KV default to the last position + 1") {
  // Q and KV are seen by the score; a window, and a column of its own a key.
  constexpr std::string_view kText =
      "tensor bias: f32[n]\n"
      "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + bias[kv_idx] + 0.001 * Q - 0.002 * KV + 0.01 * (q_idx - 2 * kv_idx)\n"
      "def mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) & (q_idx - kv_idx < 41) | (kv_idx < 6)\n";
  const Variant variant = test::parsed(kText);
  const auto cpu = kernel_of(variant, Device::cpu()), oracle = kernel_of(variant, Device::oracle());
  Tensor bias(f32, {400});
  fill_normal(bias.view(), 5, "bias");
  for (const auto& [q_offset, q_step, kv_offset, kv_step] : {std::tuple{0, 3, 0, 1}, {0, 1, 0, 4}, {7, 5, 2, 3}, {-9, 2, -4, 7}, {100, 1, 50, 2}, {3, 4, 1, 4}}) {
    CAPTURE(q_offset, q_step, kv_offset, kv_step);
    test::Call call({.q_len = 37, .kv_len = 41}), expected({.q_len = 37, .kv_len = 41});
    // The same, by a mod that computes its positions itself.
    const std::string text = "tensor bias: f32[n]\nparam q0: i64 = 0\nparam qs: i64 = 1\nparam k0: i64 = 0\nparam ks: i64 = 1\nparam last_q: i64 = 0\nparam last_k: i64 = 0\n"
                             "def score_mod(score, b, h, i, j):\n    q_idx = q0 + qs * i\n    kv_idx = k0 + ks * j\n"
                             "    return score + bias[kv_idx] + 0.001 * last_q - 0.002 * last_k + 0.01 * (q_idx - 2 * kv_idx)\n"
                             "def mask_mod(b, h, i, j):\n    q_idx = q0 + qs * i\n    kv_idx = k0 + ks * j\n"
                             "    return (q_idx >= kv_idx) & (q_idx - kv_idx < 41) | (kv_idx < 6)\n";
    for (test::Call* each : {&call, &expected}) each->arguments.captures.set("bias", bias.view());
    Captures& params = expected.arguments.captures;
    params.set_param("q0", q_offset), params.set_param("qs", q_step), params.set_param("k0", kv_offset), params.set_param("ks", kv_step);
    params.set_param("last_q", std::max(0, q_offset + q_step * 36 + 1)), params.set_param("last_k", std::max(0, kv_offset + kv_step * 40 + 1));
    REQUIRE(kernel_of(test::parsed(text), Device::oracle())->run(expected.arguments).has_value());
    call.arguments.q_offset = q_offset, call.arguments.q_step = q_step, call.arguments.kv_offset = kv_offset, call.arguments.kv_step = kv_step;
    for (const auto& kernel : {oracle, cpu}) {
      if (!kernel) continue;
      REQUIRE(kernel->run(call.arguments).has_value());
      int wrong = 0;
      for (std::int64_t i = 0; i < call.out.view().element_count(); ++i) wrong += !is_near(load_as_double(call.out.view(), i), load_as_double(expected.out.view(), i));
      for (std::int64_t i = 0; i < call.lse.view().element_count(); ++i) wrong += !is_near(load_as_double(call.lse.view(), i), load_as_double(expected.lse.view(), i));
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("positions at the ends of 64 bits, and beyond what a narrow member takes") {
  const Variant variant = test::parsed("def score_mod(score, b, h, q, k):\n    return score + 0.5 * ((q % 3) - (k % 5))\ndef mask_mod(b, h, q, k):\n    return (q >= k) | (k % 7 == 1)\n");
  const auto cpu = kernel_of(variant, Device::cpu()), oracle = kernel_of(variant, Device::oracle());
  constexpr std::int64_t kRows = 12, kKeys = 20, kHuge = std::int64_t{1} << 59;
  for (const auto& [q_offset, q_step, kv_offset, kv_step] : {std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>{Limits::max() - 11 * kHuge - 1, kHuge, Limits::min(), kHuge - 1},
                                                             {Limits::min(), kHuge, 0, 3},
                                                             {5, (std::int64_t{1} << 30) / 11, 0, (std::int64_t{1} << 30) / 19 + 1},
                                                             {0, 1, 0, std::int64_t{1} << 27}}) {
    CAPTURE(q_offset, q_step, kv_offset, kv_step);
    test::Call a({.q_len = kRows, .kv_len = kKeys}), b({.q_len = kRows, .kv_len = kKeys});
    for (test::Call* call : {&a, &b}) call->arguments.q_offset = q_offset, call->arguments.q_step = q_step, call->arguments.kv_offset = kv_offset, call->arguments.kv_step = kv_step;
    REQUIRE(oracle->run(b.arguments).has_value());
    MaskShape shape{.batch = 2, .heads = 4, .q_len = kRows, .kv_len = kKeys, .kv_heads = 2, .q_offset = q_offset, .kv_offset = kv_offset, .q_step = q_step, .kv_step = kv_step, .block_q = 3, .block_kv = 4};
    shape.refine = MaskShape::Refine::Exact;
    const auto mask = oracle->block_mask(shape, {});
    REQUIRE(mask.has_value());
    BlockMask frame = *mask;
    const BlockMask truth = brute_force_block_mask(frame, [](auto, auto, std::int64_t q, std::int64_t k) { return q >= k || (k % 7 + 7) % 7 == 1; });
    CHECK(mask->runs == truth.runs);
    if (!cpu) continue;
    REQUIRE(cpu->run(a.arguments).has_value());
    int wrong = 0;
    for (std::int64_t i = 0; i < a.out.view().element_count(); ++i) wrong += !is_near(load_as_double(a.out.view(), i), load_as_double(b.out.view(), i));
    CHECK(wrong == 0);
  }
}

TEST_CASE("steps and positions that cannot be are refused, and name what they are") {
  const Variant variant = test::parsed("def mask_mod(b, h, q, k):\n    return q >= k\n");
  const auto oracle = kernel_of(variant, Device::oracle());
  const auto refusal = [&](auto change) {
    test::Call call;
    change(call.arguments);
    const auto status = oracle->run(call.arguments);
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().kind == ErrorKind::Input);
    return status.error().message;
  };
  CHECK_THAT(refusal([](RunArguments& a) { a.q_step = 0; }), Contains("q_step is 0") && Contains("at least 1"));
  CHECK_THAT(refusal([](RunArguments& a) { a.kv_step = -3; }), Contains("kv_step is -3"));
  CHECK_THAT(refusal([](RunArguments& a) { a.q_step = Limits::max(); }), Contains("q_step 9223372036854775807") && Contains("64 bits"));
  CHECK_THAT(refusal([](RunArguments& a) { a.kv_step = 2, a.kv_offset = Limits::max() - 38; }), Contains("kv_offset") && Contains("64 bits"));
  test::Call last;
  last.arguments.kv_step = 2, last.arguments.kv_offset = Limits::max() - 39;  // the last key is at the last position but one
  CHECK(oracle->run(last.arguments).has_value());
  const auto mask_refusal = [&](auto change) {
    MaskShape shape{.batch = 2, .heads = 4, .q_len = 12, .kv_len = 20};
    change(shape);
    const auto mask = oracle->block_mask(shape, {});
    REQUIRE_FALSE(mask.has_value());
    return mask.error().message;
  };
  CHECK_THAT(mask_refusal([](MaskShape& s) { s.q_step = -1; }), Contains("q_step is -1"));
  CHECK_THAT(mask_refusal([](MaskShape& s) { s.kv_step = Limits::max() / 2; }), Contains("kv_step"));
}

TEST_CASE("a block mask serves calls of its own steps only; a length of one has none") {
  const Variant variant = test::parsed("def mask_mod(b, h, q, k):\n    return q >= k\n");
  for (const Device device : {Device::oracle(), Device::cpu()}) {
    const auto kernel = kernel_of(variant, device);
    if (!kernel) continue;
    const MaskShape shape{.batch = 2, .heads = 4, .q_len = 12, .kv_len = 20, .kv_heads = 2, .q_step = 2, .kv_step = 2};
    const auto mask = kernel->block_mask(shape, {});
    REQUIRE(mask.has_value());
    CHECK(mask->q_step == 2);
    CHECK(mask->transposed().q_step == 2);
    for (const bool checked : {false, true}) {
      test::Call call;
      call.arguments.mask = &*mask, call.arguments.checked = checked;
      call.arguments.q_step = call.arguments.kv_step = 2;
      CHECK(kernel->run(call.arguments).has_value());
      call.arguments.kv_step = 1;
      const auto status = kernel->run(call.arguments);
      REQUIRE_FALSE(status.has_value());
      CHECK_THAT(status.error().message, Contains("steps 2 and 2") && Contains("2 and 1"));
    }
    // Made for other steps, and called this call's: a checked run compares what the mask was built from.
    BlockMask claimed = *mask;
    claimed.q_step = claimed.kv_step = 3;
    test::Call call;
    call.arguments.mask = &claimed, call.arguments.q_step = call.arguments.kv_step = 3;
    call.arguments.checked = true;
    const auto status = kernel->run(call.arguments);
    REQUIRE_FALSE(status.has_value());
    CHECK_THAT(status.error().message, Contains("built from other"));

    MaskShape one = shape;
    one.q_len = 1, one.q_step = 9;
    const auto decoded = kernel->block_mask(one, {});
    REQUIRE(decoded.has_value());
    test::Call decode({.q_len = 1});
    decode.arguments.mask = &*decoded, decode.arguments.kv_step = 2;
    CHECK(kernel->run(decode.arguments).has_value());
  }
}
