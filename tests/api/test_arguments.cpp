// What Kernel::run refuses, and the words it uses; and what it accepts that one might not expect.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "tests/api/attention_fixture.h"

using namespace flexc;
using Catch::Matchers::Contains;
using test::Call;
using test::compiled;
using test::Shape;

namespace {

constexpr const char* kCausal = "def mask_mod(b, h, q, k):\n    return q >= k\n";
constexpr const char* kBound =
    "tensor slopes: f32[H]\nparam window: i32 = 7\nparam flag: bool = True\nparam cap: f32 = 2.5\nparam needed: i64\n"
    "def score_mod(score, b, h, q, k):\n    return score * cap + slopes[h] + where(flag, needed, window)\n";

/// The message of a call that must fail as the caller's fault.
std::string refusal(const Kernel& kernel, const RunArguments& arguments) {
  const auto status = kernel.run(arguments);
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().kind == ErrorKind::Input);
  CHECK_FALSE(status.error().message.ends_with("\n"));
  return status.error().message;
}

}  // namespace

TEST_CASE("shapes must agree") {
  const auto kernel = compiled(kCausal);
  Call call;
  SECTION("rank") {
    call.arguments.q.shape = {4, 12, 8}, call.arguments.q.strides = {96, 8, 1};
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("q has shape [4, 12, 8]") && Contains("4 dimensions") && Contains("[B, H, Q, D]"));
  }
  SECTION("missing") {
    call.arguments.v = {};
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("v is missing"));
  }
  SECTION("k's length differs from v's") {
    call.arguments.v.shape[2] = 19;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("v has shape [2, 2, 19, 8]") && Contains("expected [2, 2, 20, 8]"));
  }
  SECTION("k's batch is neither 1 nor B") {
    call.arguments.q.shape[0] = 1;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("k has shape [2, 2, 20, 8]") && Contains("expected [1, 2, 20, 8]"));
  }
  SECTION("heads") {
    call.arguments.k.shape[1] = call.arguments.v.shape[1] = 3;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("4 heads") && Contains("multiple of HKV"));
  }
  SECTION("head dim of the kernel") {
    call.arguments.q.shape[3] = call.arguments.k.shape[3] = 4;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("D = 4") && Contains("compiled for 8 and 8"));
  }
  SECTION("out") {
    call.arguments.out.shape[2] = 11;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("out has shape [2, 4, 11, 8]") && Contains("expected [2, 4, 12, 8]"));
  }
  SECTION("lse") {
    call.arguments.lse.shape = {2, 4, 12, 1}, call.arguments.lse.strides = {48, 12, 1, 1};
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("lse has shape") && Contains("[B, H, Q]"));
  }
  SECTION("sink") {
    Tensor sink(f32, {3});
    call.arguments.sink = sink.view();
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("sink has shape [3]; expected [4]"));
  }
  SECTION("stride") {
    call.arguments.k.strides.back() = 2;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("k has the last stride 2"));
  }
  SECTION("an output whose rows share their place") {
    call.arguments.out.strides[2] = 0;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("out has shape [2, 4, 12, 8] and the stride 0 in dimension 2"));
  }
  SECTION("heads of lse that share their place") {
    call.arguments.lse.strides[1] = 0;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("lse has shape [2, 4, 12] and the stride 0 in dimension 1"));
  }
  SECTION("null data") {
    call.arguments.k.data = nullptr;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("k has no data"));
  }
  SECTION("CUDA memory") {
    call.arguments.k.memory = MemoryKind::Cuda;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("k is in CUDA memory"));
  }
}

TEST_CASE("nothing may be empty but the lengths") {
  for (const auto& [shape, name] : {std::pair(Shape{.batch = 0}, "B (batch)"), std::pair(Shape{.heads = 0, .kv_heads = 0}, "H (heads)"), std::pair(Shape{.kv_heads = 0}, "HKV")}) {
    Call call(shape);
    CHECK_THAT(refusal(*compiled(kCausal), call.arguments), Contains(name) && Contains("at least 1"));
  }
  Call no_rows(Shape{.q_len = 0}), no_columns(Shape{.kv_len = 0});
  CHECK(compiled(kCausal)->run(no_rows.arguments).has_value());
  CHECK(compiled(kCausal)->run(no_columns.arguments).has_value());
  for (std::int64_t i = 0; i < no_columns.out.view().element_count(); ++i) REQUIRE(no_columns.out.as<float>()[i] == 0.0f);
  for (std::int64_t i = 0; i < no_columns.lse.view().element_count(); ++i) REQUIRE(no_columns.lse.as<float>()[i] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("dtypes must be the compiled ones") {
  Call call;
  CHECK_THAT(refusal(*compiled(kCausal, {.dtype = bf16, .head_dim = 8, .device = Device::oracle()}), call.arguments), Contains("q is f32") && Contains("bf16"));
  Tensor lse(f64, {2, 4, 12});
  call.arguments.lse = lse.view();
  CHECK_THAT(refusal(*compiled(kCausal), call.arguments), Contains("lse is f64; it must be f32"));
  Tensor out(bf16, {2, 4, 12, 8});
  call.arguments.out = out.view();
  CHECK_THAT(refusal(*compiled(kCausal), call.arguments), Contains("out is bf16"));
}

TEST_CASE("scale, threads, offsets") {
  const auto kernel = compiled(kCausal);
  Call call;
  SECTION("scale") {
    call.arguments.scale = std::numeric_limits<double>::infinity();
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("scale") && Contains("finite"));
  }
  SECTION("threads") {
    call.arguments.threads = -1;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("threads is -1"));
  }
  SECTION("offset") {
    call.arguments.q_offset = std::numeric_limits<std::int64_t>::max() - 3;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("64 bits"));
  }
  SECTION("total") {
    call.arguments.kv_total = -1;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("kv") && Contains("negative"));
  }
}

TEST_CASE("captures and params are bound by name") {
  const auto kernel = compiled(kBound);
  Call call;
  Tensor slopes(f32, {4});
  Captures& captures = call.arguments.captures;
  captures.set("slopes", slopes.view());
  captures.set_param("needed", 1);
  REQUIRE(kernel->run(call.arguments).has_value());

  SECTION("a missing capture") {
    Captures without;
    without.set_param("needed", 1);
    call.arguments.captures = without;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`slopes`") && Contains("not given"));
  }
  SECTION("a missing param") {
    Captures without;
    without.set("slopes", slopes.view());
    call.arguments.captures = without;
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`needed`") && Contains("no default"));
  }
  SECTION("an unknown capture") {
    captures.set("slope", slopes.view());
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("no capture `slope`") && Contains("did you mean `slopes`?"));
  }
  SECTION("an unknown param") {
    captures.set_param("windows", 3);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("no param `windows`") && Contains("did you mean `window`?"));
  }
  SECTION("a capture bound as a param") {
    captures.set_param("slopes", 3);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`slopes` is a capture"));
  }
  SECTION("dtype") {
    Tensor wrong(i32, {4});
    captures.set("slopes", wrong.view());
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`slopes` is declared f32") && Contains("i32"));
  }
  SECTION("rank") {
    Tensor wrong(f32, {4, 1});
    captures.set("slopes", wrong.view());
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`slopes` is declared with 1 dimension") && Contains("has 2"));
  }
  SECTION("extent") {
    Tensor wrong(f32, {5});
    captures.set("slopes", wrong.view());
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("slopes") && Contains("5") && Contains("4"));
  }
  SECTION("a fraction for an integer") {
    captures.set_param("window", 1.5);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`window` is i32") && Contains("1.5"));
  }
  SECTION("out of an i32's range") {
    captures.set_param("window", std::int64_t{1} << 31);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`window` is i32") && Contains("2147483648 was given"));
  }
  SECTION("a bool of 2") {
    captures.set_param("flag", 2);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`flag` is bool"));
  }
  SECTION("beyond f32") {
    captures.set_param("cap", 1e300);
    CHECK_THAT(refusal(*kernel, call.arguments), Contains("`cap` is f32") && Contains("range"));
  }
  SECTION("an integer for f32 is fine, and so is infinity") {
    captures.set_param("cap", 3);
    CHECK(kernel->run(call.arguments).has_value());
    captures.set_param("cap", std::numeric_limits<double>::infinity());
    CHECK(kernel->run(call.arguments).has_value());
  }
}

TEST_CASE("the checked mode names capture and index") {
  const auto kernel = compiled("tensor t: f32[N]\ndef score_mod(score, b, h, q, k):\n    return score + t[k]\n");
  Call call;
  Tensor t(f32, {10});
  call.arguments.captures.set("t", t.view());
  CHECK(kernel->run(call.arguments).has_value());
  call.arguments.checked = true;
  CHECK_THAT(refusal(*kernel, call.arguments), Contains("t") && Contains("10"));
}

TEST_CASE("devices that are not here are the environment's fault") {
  Engine engine;
  const Variant variant = test::parsed(kCausal);
  for (const auto& [device, word] : {std::pair(Device::cuda(), "libcuda.so.1")}) {
    const auto kernel = engine.compile(variant, {.device = device});
    REQUIRE_FALSE(kernel.has_value());
    CHECK(kernel.error().error.kind == ErrorKind::Environment);
    CHECK_THAT(kernel.error().error.message, Contains(word) && Contains("device cpu"));
  }
  // Where the CPU back end cannot run (no AVX2), automatic is the oracle.
  const bool cpu_works = engine.compile(variant, {.device = Device::cpu()}).has_value();
  CHECK((*engine.compile(variant, {}))->device().kind == (cpu_works ? Device::Kind::Cpu : Device::Kind::Oracle));
  CHECK(engine.compile(variant, {.dtype = i32}).error().error.kind == ErrorKind::Usage);
  CHECK(engine.compile(variant, {.head_dim = 0}).error().error.kind == ErrorKind::Input);
}

TEST_CASE("the host model says what the kernels do not take") {
  Engine engine;
  const Variant variant = test::parsed(kCausal);
  const auto refused = [&](const CompileOptions& options, ErrorKind kind) {
    const auto kernel = engine.compile(variant, options);
    REQUIRE_FALSE(kernel.has_value());
    CHECK(kernel.error().error.kind == kind);
    return kernel.error().error.message;
  };
  CHECK_THAT(refused({.dtype = f32, .head_dim = 4097, .device = Device::model()}, ErrorKind::Input), Contains("head dims up to 4096"));
  CHECK_THAT(refused({.dtype = bf16, .head_dim = 64, .value_dim = 513, .device = Device::model()}, ErrorKind::Input), Contains("value dims up to 512"));
  setenv("FLEXC_CUDA_KERNEL", "hopper", 1);
  CHECK_THAT(refused({.dtype = f32, .device = Device::model()}, ErrorKind::Usage), Contains("bf16"));
  CHECK_THAT(refused({.dtype = bf16, .head_dim = 320, .device = Device::model()}, ErrorKind::Input), Contains("up to 256"));
  setenv("FLEXC_CUDA_KERNEL", "wgmma", 1);
  CHECK_THAT(refused({.dtype = bf16, .device = Device::model()}, ErrorKind::Usage), Contains("FLEXC_CUDA_KERNEL is `wgmma`"));
  unsetenv("FLEXC_CUDA_KERNEL");
}
