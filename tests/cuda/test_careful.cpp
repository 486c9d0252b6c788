// The careful path: what the Hopper kernel marks as not finite is computed again by the plain kernel. NaN and infinities in removed places have no effect, in
// kept ones they propagate; on the host model and through the stand-in driver, against the CPU's answers.
#include <cmath>
#include <cstdlib>
#include <limits>

#include "tests/cuda/cuda_call.h"
#include "tests/cuda/launched_variant.h"

using namespace flexc;
using namespace flexc::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// A band, and a mask of pairs with a table of columns beside it.
constexpr const char* kBand = R"(
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) and (q_idx - kv_idx < 70)
)";
constexpr const char* kPairs = R"(
def score_mod(score, b, h, q_idx, kv_idx):
    return 20 * tanh(score / 20) + 0.1 * h
def mask_mod(b, h, q_idx, kv_idx):
    return ((q_idx // 16 + kv_idx // 8) % 3 != 0) and kv_idx < 190 and kv_idx % 64 != 5
)";

Variant variant(const char* text) { return *Variant::parse(text); }

/// Keys 190 to 199 are kept by nobody (positions 0 to 149 of q under kBand); key 60 and 100 by some rows.
void spoil(AnyCall& call) {
  for (std::int64_t key = 190; key < 200; ++key) {
    call.set(call.v, 0, key % 2, key, 3, key % 3 == 0 ? kNan : key % 3 == 1 ? kInfinity : -kInfinity);
    call.set(call.k, key % 2, 1, key, 0, kNan);
  }
  call.set(call.v, 0, 0, 60, 5, kNan);
  call.set(call.v, 0, 1, 100, 6, kInfinity);
  call.set(call.k, 0, 0, 20, 1, kNan);
  call.set(call.q, 1, 3, 75, 2, kNan);
}

constexpr double k16Bits = 2 * 0.00390625 * 5, kStatistic = 1e-3;  // two units of bf16 of the largest |v|

void compare(const AnyCall& got, const AnyCall& wanted) {
  CHECK(differences(got, got.out, wanted, wanted.out, k16Bits) == "");
  CHECK(differences(got, got.lse, wanted, wanted.lse, kStatistic) == "");
  CHECK(differences(got, got.max_scores, wanted, wanted.max_scores, kStatistic) == "");
}

}  // namespace

TEST_CASE("NaN and infinities in removed places have no effect, in kept ones they propagate: the host model, every head dim") {
  const auto [text, dtype, head_dim, value_dim] = GENERATE(table<const char*, DType, std::int64_t, std::int64_t>(
      {{kPairs, f16, 64, 64}, {kBand, f16, 128, 128}, {kPairs, bf16, 96, 40}, {kBand, bf16, 192, 128}, {kBand, bf16, 256, 256}}));
  CAPTURE(text, head_dim, value_dim);
  AnyCall on_model(dtype, head_dim, value_dim), on_cpu(dtype, head_dim, value_dim);
  spoil(on_model), spoil(on_cpu);
  const auto status = on_model.run(variant(text), Device::model());
  INFO((status ? "" : status.error().message));
  REQUIRE(status.has_value());
  REQUIRE(on_cpu.run(variant(text), Device::cpu()).has_value());
  compare(on_model, on_cpu);
  // Some rows are not finite, and most are.
  int finite = 0, others = 0;
  for (std::int64_t i = 0; i < 2 * 4 * 150; ++i) ++(std::isfinite(on_model.get(on_model.lse, i)) ? finite : others);
  CHECK(finite > 600);
  CHECK(others > 0);
}

TEST_CASE("a launch recomputes what its first kernel marked: the host model's bits; without the second kernel it is noticed") {
  if (!has_nvrtc()) return;
  const auto [text, head_dim, value_dim] = GENERATE(table<const char*, std::int64_t, std::int64_t>({{kBand, 64, 64}, {kPairs, 96, 40}}));
  CAPTURE(text, head_dim);
  const auto hopper = unit_of(variant(text), runtime::KernelKind::Hopper, bf16, head_dim, value_dim), simt = unit_of(variant(text), runtime::KernelKind::Simt, bf16, head_dim, value_dim);
  AnyCall on_model(bf16, head_dim, value_dim);
  spoil(on_model);
  REQUIRE(on_model.run(variant(text), Device::model()).has_value());
  for (const bool is_careful : {true, false}) {
    fake().reset();
    fake().kernel(hopper->symbol("flexc_model_thread"));
    if (is_careful) fake().entry(runtime::kSimtKernel, simt->symbol("flexc_model_thread"));
    AnyCall on_gpu(bf16, head_dim, value_dim);
    spoil(on_gpu);
    const auto status = on_gpu.run_on_gpu(variant(text));
    INFO((status ? "" : status.error().message) << fake().violations());
    REQUIRE(status.has_value());
    CHECK(fake().violations() == "");
    CHECK(same_bits(on_gpu.out, on_model.out) == is_careful);
    CHECK(differences(on_gpu, on_gpu.out, on_model, on_model.out, k16Bits).empty() == is_careful);
    if (is_careful) CHECK(same_bits(on_gpu.lse, on_model.lse));
    CHECK(count_of(fake().calls(), "cuLaunchKernel") == 2);
  }
  fake().reset();
}

TEST_CASE("scores that the lazy maximum cannot hold are computed again") {
  setenv("FLEXC_HOPPER_FORMS", "maximum=lazy", 1);
  AnyCall on_model(bf16, 64, 64), on_cpu(bf16, 64, 64);
  on_model.scale = on_cpu.scale = 4;  // logits of some hundred: more than 126 above a row's first
  Engine engine(without_disk());
  const auto kernel = engine.compile(variant(kBand), on_model.options(Device::model()));
  unsetenv("FLEXC_HOPPER_FORMS");
  REQUIRE(kernel.has_value());
  RunArguments arguments = on_model.on_host();
  arguments.max_scores = {};
  REQUIRE((*kernel)->run(arguments).has_value());
  REQUIRE(on_cpu.run(variant(kBand), Device::cpu()).has_value());
  CHECK(differences(on_model, on_model.out, on_cpu, on_cpu.out, k16Bits) == "");
  CHECK(differences(on_model, on_model.lse, on_cpu, on_cpu.lse, kStatistic) == "");
}
