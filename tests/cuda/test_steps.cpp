// Positions in steps on the Hopper kernel: through the stand-in driver with the host model's bits, and on the model with the CPU's values, for bands, masks of
// pairs, block masks, keys in parts, the wide member and the careful path.
#include <limits>

#include "tests/cuda/cuda_call.h"
#include "tests/cuda/launched_variant.h"

using namespace flexc;
using namespace flexc::test;

namespace {

/// Two intervals a row, affine scores, and what the mods see of Q and KV.
constexpr const char* kBand = R"(
def score_mod(score, b, h, q_idx, kv_idx):
    return score + 0.003 * (h + 1) * (kv_idx - q_idx) + 0.01 * (KV - Q)
def mask_mod(b, h, q_idx, kv_idx):
    return ((q_idx >= kv_idx) and (q_idx - kv_idx < 150)) or (kv_idx < 9)
)";
/// A table of columns, scores of the difference, and a mask that has to be asked pair by pair.
constexpr const char* kPairs = R"(
tensor doc: i32[n]
tensor bias: f32[m]
def score_mod(score, b, h, q_idx, kv_idx):
    return score + bias[abs(q_idx - kv_idx) % 60] * 0.5
def mask_mod(b, h, q_idx, kv_idx):
    return (doc[q_idx % 700] == doc[kv_idx % 700]) & (kv_idx % 3 != 1)
)";

Variant variant(const char* text) { return *Variant::parse(text); }
/// The captures of kPairs; kBand has none.
struct Tables {
  Tensor doc{i32, {700}}, bias{f32, {60}};
  Tables() {
    for (int i = 0; i < 700; ++i) static_cast<std::int32_t*>(doc.view().data)[i] = i / 90;
    fill_normal(bias.view(), 2, "bias");
  }
  Captures of(const char* text) const {
    Captures captures;
    if (text == kPairs) captures.set("doc", doc.view()), captures.set("bias", bias.view());
    return captures;
  }
};

struct Steps {
  std::int64_t q_offset, q_step, kv_offset, kv_step;
};
constexpr std::int64_t kHuge = std::int64_t{1} << 52;

AnyCall call_of(const Steps& steps, std::int64_t head_dim, std::int64_t value_dim) {
  AnyCall call(bf16, head_dim, value_dim);
  call.q_offset = steps.q_offset, call.q_step = steps.q_step, call.kv_offset = steps.kv_offset, call.kv_step = steps.kv_step;
  return call;
}

constexpr double kBf16 = 2 * 0.00390625 * 5;

/// The model's call of a kernel with all its inputs; `change` alters it.
template <class Change>
void run_on(const Kernel& kernel, AnyCall& call, Change change) {
  RunArguments arguments = call.on_host();
  change(arguments);
  const auto status = kernel.run(arguments);
  INFO((status ? "" : status.error().message));
  REQUIRE(status.has_value());
}
std::shared_ptr<const Kernel> compiled(const char* text, const AnyCall& call, Device device) {
  Engine engine(without_disk());
  const auto kernel = engine.compile(variant(text), call.options(device));
  REQUIRE(kernel.has_value());
  return *kernel;
}

}  // namespace

TEST_CASE("steps through the stand-in driver: the Hopper kernel with the host model's bits, and its careful path") {
  if (!has_nvrtc()) return;
  const Steps steps{40, 3, 3, 2};  // at a head dim where machine code takes the ladder's first tile, which is the model's
  const auto hopper = unit_of(variant(kBand), runtime::KernelKind::Hopper, bf16, 128, 128, true), simt = unit_of(variant(kBand), runtime::KernelKind::Simt, bf16, 128, 128);
  for (const bool is_spoilt : {false, true}) {
    CAPTURE(is_spoilt);
    AnyCall on_gpu = call_of(steps, 128, 128), on_model = call_of(steps, 128, 128), on_cpu = call_of(steps, 128, 128);
    // NaN in a key that few rows keep: the rows that do not keep it are computed again, at their own positions.
    if (is_spoilt)
      for (AnyCall* call : {&on_gpu, &on_model, &on_cpu}) call->set(call->k, 1, 1, 190, 3, std::numeric_limits<float>::quiet_NaN());
    fake().reset();
    fake().kernel(hopper->symbol("flexc_model_thread"));
    fake().entry(runtime::kSimtKernel, simt->symbol("flexc_model_thread"));
    const auto status = on_gpu.run_on_gpu(variant(kBand));
    INFO((status ? "" : status.error().message) << fake().violations());
    REQUIRE(status.has_value());
    CHECK(fake().violations() == "");
    CHECK(count_of(fake().calls(), "cuLaunchKernel") == 2);
    CHECK(count_of(fake().calls(), "cuTensorMapEncodeTiled") == 4);
    REQUIRE(on_model.run(variant(kBand), Device::model()).has_value());
    CHECK(same_bits(on_gpu.out, on_model.out));
    CHECK(same_bits(on_gpu.lse, on_model.lse));
    CHECK(same_bits(on_gpu.max_scores, on_model.max_scores));
    REQUIRE(on_cpu.run(variant(kBand), Device::cpu()).has_value());
    CHECK(differences(on_gpu, on_gpu.out, on_cpu, on_cpu.out, kBf16) == "");
    CHECK(differences(on_gpu, on_gpu.lse, on_cpu, on_cpu.lse, 1e-3) == "");
    CHECK(differences(on_gpu, on_gpu.max_scores, on_cpu, on_cpu.max_scores, 1e-3) == "");
    int not_finite = 0;
    for (std::int64_t i = 0; i < 2 * 4 * 150; ++i) not_finite += !std::isfinite(on_cpu.get(on_cpu.lse, i));
    CHECK((not_finite > 0) == is_spoilt);
    CHECK(not_finite < 1000);
  }
  fake().reset();
  // The comparison sees steps that are left out.
  AnyCall stepped = call_of(steps, 128, 128), unstepped = call_of({40, 1, 3, 1}, 128, 128);
  REQUIRE(stepped.run(variant(kBand), Device::model()).has_value());
  REQUIRE(unstepped.run(variant(kBand), Device::cpu()).has_value());
  CHECK(differences(stepped, stepped.lse, unstepped, unstepped.lse, 1e-3) != "");
}

TEST_CASE("steps on the host model: every head dim, both members, any offset and step, block masks, keys in parts") {
  struct Case {
    const char* text;
    std::int64_t head_dim, value_dim;
    std::vector<Steps> steps;
    bool has_parts;
  };
  const Case each_case = GENERATE(values<Case>({{kBand, 64, 64, {{0, 4, 3, 4}, {5, 1, 0, 7}, {-300, 5, -500, 6}, {-100 * kHuge, kHuge, -70 * kHuge, kHuge - 1}}, true},
                                                {kBand, 192, 128, {{2, 3, 1, 2}}, false},
                                                {kPairs, 64, 64, {{2, 3, 600, 1}, {-100 * kHuge, kHuge, -70 * kHuge, kHuge - 1}}, true},
                                                {kPairs, 256, 96, {{1, 2, 0, 2}}, false}}));
  const auto& [text, head_dim, value_dim, steps, has_parts] = each_case;
  CAPTURE(text, head_dim);
  const AnyCall shape = call_of({0, 1, 0, 1}, head_dim, value_dim);
  const auto on_model = compiled(text, shape, Device::model()), on_cpu = compiled(text, shape, Device::cpu());
  const Tables tables;
  const Captures captures = tables.of(text);
  int kept = 0;
  for (const Steps& each : steps) {
    CAPTURE(each.q_offset, each.q_step, each.kv_offset, each.kv_step);
    AnyCall got = call_of(each, head_dim, value_dim), wanted = call_of(each, head_dim, value_dim), masked = call_of(each, head_dim, value_dim), parts = call_of(each, head_dim, value_dim);
    const auto with_captures = [&](RunArguments& arguments) { arguments.captures = captures; };
    run_on(*on_model, got, [&](RunArguments& arguments) {
      with_captures(arguments);
      CHECK(on_model->kernel_of(arguments) == "hopper");
    });
    run_on(*on_cpu, wanted, with_captures);
    CHECK(differences(got, got.out, wanted, wanted.out, kBf16) == "");
    CHECK(differences(got, got.lse, wanted, wanted.lse, 1e-3) == "");
    for (std::int64_t i = 0; i < 2 * 4 * 150; ++i) kept += std::isfinite(wanted.get(wanted.lse, i));

    const MaskShape frame{.batch = 2, .heads = 4, .q_len = 150, .kv_len = 200, .kv_heads = 2, .q_offset = each.q_offset, .kv_offset = each.kv_offset, .q_step = each.q_step, .kv_step = each.kv_step};
    const auto mask = on_model->block_mask(frame, captures);
    REQUIRE(mask.has_value());
    run_on(*on_model, masked, [&](RunArguments& arguments) { with_captures(arguments), arguments.mask = &*mask; });
    CHECK(same_bits(masked.out, got.out));
    CHECK(same_bits(masked.lse, got.lse));
    if (!has_parts) continue;
    run_on(*on_model, parts, [&](RunArguments& arguments) { with_captures(arguments), arguments.split = 2; });
    CHECK(differences(parts, parts.out, wanted, wanted.out, kBf16) == "");
    CHECK(differences(parts, parts.lse, wanted, wanted.lse, 1e-3) == "");
  }
  CHECK(kept > 500);
}

TEST_CASE("a kernel serves calls with and without steps in any order, and one row has none") {
  const auto kernel = compiled(kBand, call_of({0, 1, 0, 1}, 64, 64), Device::model());
  AnyCall before = call_of({7, 1, 5, 1}, 64, 64), between = call_of({7, 2, 5, 1}, 64, 64), after = call_of({7, 1, 5, 1}, 64, 64);
  for (AnyCall* call : {&before, &between, &after}) {
    CHECK(kernel->kernel_of(call->on_host()) == "hopper");
    run_on(*kernel, *call, [](RunArguments&) {});
  }
  CHECK(same_bits(before.out, after.out));
  CHECK_FALSE(same_bits(before.out, between.out));
}
