// The plain kernel by itself through the stand-in driver: what the Hopper kernel does not take, with the host model's bits; and what is refused where the plain
// one may not serve.
#include <cmath>
#include <cstdlib>

#include "tests/cuda/cuda_call.h"
#include "tests/cuda/launched_variant.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kBand = R"(
def score_mod(score, b, h, q_idx, kv_idx):
    return score + 0.01 * h * (kv_idx - q_idx)
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) and (q_idx - kv_idx < 70)
)";
Variant variant() { return *Variant::parse(kBand); }

/// $FLEXC_CUDA_KERNEL as long as this lives.
struct Chosen {
  explicit Chosen(const char* kernel) { setenv("FLEXC_CUDA_KERNEL", kernel, 1); }
  ~Chosen() { unsetenv("FLEXC_CUDA_KERNEL"); }
};

}  // namespace

TEST_CASE("f32, wide head dims, scales that are not positive and views that TMA cannot describe run on the plain kernel, with the host model's bits") {
  if (!has_nvrtc()) return;
  struct Case {
    DType dtype;
    std::int64_t head_dim, value_dim;
    double scale;
    bool misaligned;
    int major;
  };
  const Case each = GENERATE(values<Case>({{f32, 64, 64, 0, false, 9}, {f32, 17, 80, 0, true, 8}, {bf16, 320, 512, 0, false, 9}, {bf16, 64, 64, -0.3, false, 9}, {f16, 72, 36, 0, false, 8}}));
  CAPTURE(name_of(each.dtype), each.head_dim, each.value_dim, each.scale);
  constexpr std::int64_t kRows = 70, kKeys = 100;
  const auto call = [&] { return AnyCall(each.dtype, each.head_dim, each.value_dim, kRows, kKeys); };
  AnyCall on_gpu = call(), on_model = call(), on_cpu = call();
  on_gpu.scale = on_model.scale = each.scale;
  on_gpu.q_offset = on_model.q_offset = 40, on_gpu.kv_offset = on_model.kv_offset = 3;
  const auto object = unit_of(variant(), runtime::KernelKind::Simt, each.dtype, each.head_dim, each.value_dim);
  fake().reset();
  fake().capability(each.major, 0);
  fake().entry(runtime::kSimtKernel, object->symbol("flexc_model_thread"));
  const auto status = on_gpu.run_on_gpu(variant(), [&](RunArguments& arguments) {
    if (!each.misaligned) return;
    // The same rows in the other order: a negative stride, beginning at a place that is no multiple of 16 bytes.
    arguments.q.data = static_cast<float*>(arguments.q.data) + (kRows - 1) * arguments.q.strides[2];
    arguments.q.strides[2] = -arguments.q.strides[2];
  });
  INFO((status ? "" : status.error().message) << fake().violations());
  REQUIRE(status.has_value());
  CHECK(fake().violations() == "");
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 1);
  CHECK(count_of(fake().calls(), "cuTensorMapEncodeTiled") == 0);
  const Chosen simt("simt");  // the model lays tensors out for TMA itself
  Engine engine(without_disk());
  RunArguments arguments = on_model.on_host();
  if (each.misaligned) {
    arguments.q.data = static_cast<float*>(arguments.q.data) + (kRows - 1) * arguments.q.strides[2];
    arguments.q.strides[2] = -arguments.q.strides[2];
  }
  const auto kernel = engine.compile(variant(), on_model.options(Device::model()));
  REQUIRE(kernel.has_value());
  REQUIRE((*kernel)->run(arguments).has_value());
  CHECK(same_bits(on_gpu.out, on_model.out));
  CHECK(same_bits(on_gpu.lse, on_model.lse));
  CHECK(same_bits(on_gpu.max_scores, on_model.max_scores));
  on_cpu.scale = each.scale, on_cpu.q_offset = 40, on_cpu.kv_offset = 3;
  if (!each.misaligned) {
    REQUIRE(on_cpu.run(variant(), Device::cpu()).has_value());
    CHECK(differences(on_gpu, on_gpu.out, on_cpu, on_cpu.out, each.dtype == f32 ? 1e-4 : 0.04) == "");
    CHECK(differences(on_gpu, on_gpu.lse, on_cpu, on_cpu.lse, 1e-3) == "");
  }
  fake().reset();
}

TEST_CASE("the plain kernel by itself needs no workspace") {
  if (!has_nvrtc()) return;
  fake().reset();
  for (const auto& [dtype, is_needed] : {std::pair(f32, false), {bf16, true}}) {
    AnyCall call(dtype, 64, 64);
    Engine engine(without_disk());
    const auto kernel = engine.compile(variant(), call.options(Device::cuda()));
    REQUIRE(kernel.has_value());
    CHECK(((*kernel)->workspace_bytes(call.on_host()) > 0) == is_needed);
  }
  fake().reset();
}

TEST_CASE("the plain kernel takes positions in steps: the host model's bits, the CPU's values") {
  if (!has_nvrtc()) return;
  const Chosen simt("simt");
  AnyCall on_gpu(bf16, 64, 64, 70, 100), on_model = on_gpu, on_cpu(bf16, 64, 64, 70, 100);
  on_model.out = Tensor(bf16, on_gpu.out.view().shape), on_model.lse = Tensor(f32, on_gpu.lse.view().shape), on_model.max_scores = Tensor(f32, on_gpu.max_scores.view().shape);
  for (AnyCall* call : {&on_gpu, &on_model, &on_cpu}) call->q_offset = 40, call->kv_offset = 3, call->q_step = 3, call->kv_step = 2;
  const auto object = unit_of(variant(), runtime::KernelKind::Simt, bf16, 64, 64);
  fake().reset();
  fake().entry(runtime::kSimtKernel, object->symbol("flexc_model_thread"));
  const auto status = on_gpu.run_on_gpu(variant());
  INFO((status ? "" : status.error().message) << fake().violations());
  REQUIRE(status.has_value());
  CHECK(fake().violations() == "");
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 1);
  REQUIRE(on_model.run(variant(), Device::model()).has_value());
  CHECK(same_bits(on_gpu.out, on_model.out));
  CHECK(same_bits(on_gpu.lse, on_model.lse));
  REQUIRE(on_cpu.run(variant(), Device::cpu()).has_value());
  CHECK(differences(on_gpu, on_gpu.out, on_cpu, on_cpu.out, 0.04) == "");
  CHECK(differences(on_gpu, on_gpu.lse, on_cpu, on_cpu.lse, 1e-3) == "");
  // Without its steps it is another call.
  AnyCall unstepped(bf16, 64, 64, 70, 100);
  unstepped.q_offset = 40, unstepped.kv_offset = 3;
  REQUIRE(unstepped.run(variant(), Device::cpu()).has_value());
  CHECK(differences(on_gpu, on_gpu.lse, unstepped, unstepped.lse, 1e-3) != "");
  fake().reset();
}

TEST_CASE("positions in steps beyond 2^30 are the plain kernel's wide member's, with tables, masks and two intervals") {
  constexpr const char* kText = R"(
tensor bias: f32[n]
def score_mod(score, b, h, q_idx, kv_idx):
    return score + bias[kv_idx % 64] + 0.1 * ((q_idx - kv_idx) % 7)
def mask_mod(b, h, q_idx, kv_idx):
    return (((q_idx >= kv_idx) & (q_idx - kv_idx < 9000000000)) | (kv_idx < 5)) & (kv_idx % 5 != 1)
)";
  const Variant wide = *Variant::parse(kText);
  Tensor bias(f32, {64});
  fill_normal(bias.view(), 2, "bias");
  Engine engine(without_disk());
  struct Case {
    std::int64_t q_offset, q_step, kv_offset, kv_step;
  };
  // Beyond, below with the same text's narrow member, and negative.
  for (const Case& each : {Case{0, std::int64_t{1} << 28, 1, std::int64_t{1} << 27}, Case{2, 5, 1, 4}, Case{-5000, 400, -(std::int64_t{1} << 40), std::int64_t{1} << 35}}) {
    CAPTURE(each.q_offset, each.q_step, each.kv_offset, each.kv_step);
    AnyCall on_model(f32, 32, 32, 70, 100), on_cpu(f32, 32, 32, 70, 100);
    for (auto [call, device] : {std::pair(&on_model, Device::model()), {&on_cpu, Device::cpu()}}) {
      call->q_offset = each.q_offset, call->q_step = each.q_step, call->kv_offset = each.kv_offset, call->kv_step = each.kv_step;
      const auto kernel = engine.compile(wide, call->options(device));
      REQUIRE(kernel.has_value());
      RunArguments arguments = call->on_host();
      arguments.captures.set("bias", bias.view());
      REQUIRE((*kernel)->run(arguments).has_value());
    }
    CHECK(differences(on_model, on_model.out, on_cpu, on_cpu.out, 1e-4) == "");
    CHECK(differences(on_model, on_model.lse, on_cpu, on_cpu.lse, 1e-4) == "");
  }
}

TEST_CASE("where the plain kernel may not serve, what the Hopper kernel lacks is an error") {
  if (!has_nvrtc()) return;
  const Chosen hopper("hopper");
  fake().reset();
  const auto refusal = [](AnyCall call, auto change) {
    const auto status = call.run_on_gpu(variant(), change);
    REQUIRE_FALSE(status.has_value());
    return status.error().message;
  };
  const auto nothing = [](RunArguments&) {};
  CHECK_THAT(refusal(AnyCall(bf16, 64, 64), [](RunArguments& a) { a.scale = -1; }), Contains("positive, finite scale"));
  CHECK_THAT(refusal(AnyCall(f32, 64, 64), nothing), Contains("bf16 and f16"));
  CHECK_THAT(refusal(AnyCall(bf16, 320, 64), nothing), Contains("up to 256"));
  fake().capability(8, 0);
  CHECK_THAT(refusal(AnyCall(bf16, 64, 64), nothing), Contains("compute capability 8.0"));
  fake().reset();
  const Chosen other("fastest");
  CHECK_THAT(refusal(AnyCall(bf16, 64, 64), nothing), Contains("auto, hopper or simt"));
}

TEST_CASE("head dims beyond both kernels are refused") {
  fake().reset();
  for (const auto& [head_dim, value_dim] : {std::pair<std::int64_t, std::int64_t>{64, 513}, {4097, 64}}) {
    AnyCall call(f32, head_dim, value_dim, 2, 2);
    for (const Device device : {Device::cuda(), Device::model()}) {
      Engine engine(without_disk());
      const auto kernel = engine.compile(variant(), call.options(device));
      REQUIRE_FALSE(kernel.has_value());
      CHECK(kernel.error().error.kind == ErrorKind::Input);
      CHECK_THAT(kernel.error().error.message, Contains("up to 4096"));
    }
  }
}
