// Kernels out of a bundle are those that the compiler makes, to the bit; and what is not in the bundle is said to be missing.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "runtime/bundle/loaded_bundle.h"
#include "runtime/kernel/assumptions.h"
#include "tests/bundle/bundle_fixture.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::int64_t kHeadDim = 16;

std::vector<BundleInput> whole_gallery() {
  std::vector<BundleInput> inputs;
  for (const GalleryEntry& entry : gallery()) inputs.push_back({std::string(entry.name), variant_of(entry.text), std::string(entry.name)});
  return inputs;
}

const CompiledBundle& gallery_bundle() {
  static const CompiledBundle bundle = bundle_of(whole_gallery(), {.dtypes = {f32, bf16}, .head_dims = {kHeadDim}, .for_cuda = false});
  return bundle;
}

Bundle loaded(const CompiledBundle& bundle) {
  auto made = Engine().load_bundle(bytes_of(bundle.bytes));
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return *made;
}

bool has_avx2() { return runtime::detect_cpu_level().has_value(); }

std::string refusal(const Bundle& bundle, std::string_view variant, const KernelRequest& request) {
  const auto kernel = bundle.kernel(variant, request);
  return kernel ? "" : kernel.error().message;
}

}  // namespace

TEST_CASE("every gallery entry: the bundle's kernel gives the compiler's bits, with and without its block mask") {
  if (!has_avx2()) return;
  const Bundle bundle = loaded(gallery_bundle());
  CHECK(bundle.variants().size() == gallery().size());
  Engine engine({.disk_cache = false});
  const GalleryProblem shape{.batch = 2, .heads = 4, .kv_heads = 2, .q_total = 150, .kv_total = 150, .consts = {}};
  for (const GalleryEntry& entry : gallery()) {
    const Variant variant = variant_of(entry.text);
    const GalleryCaptures captures(entry, variant, shape);
    for (const DType dtype : {f32, bf16}) {
      INFO(entry.name << " " << name_of(dtype));
      const auto compiled = engine.compile(variant, {.dtype = dtype, .head_dim = kHeadDim, .device = Device::cpu()});
      const auto bundled = bundle.kernel(entry.name, {.dtype = dtype, .head_dim = kHeadDim});
      REQUIRE(compiled.has_value());
      REQUIRE(bundled.has_value());
      const MaskShape mask_shape{.batch = shape.batch, .heads = shape.heads, .q_len = shape.q_total, .kv_len = shape.kv_total, .kv_heads = shape.kv_heads, .block_q = 32, .block_kv = 32};
      const auto mask = (*compiled)->block_mask(mask_shape, captures.captures), again = (*bundled)->block_mask(mask_shape, captures.captures);
      REQUIRE(mask.has_value());
      REQUIRE(again.has_value());
      CHECK((mask->runs == again->runs && mask->row_begin == again->row_begin));
      const Outputs expected(**compiled, shape, kHeadDim, dtype, captures.captures, &*mask);
      CHECK(expected == Outputs(**bundled, shape, kHeadDim, dtype, captures.captures, &*again));
      CHECK(expected == Outputs(**bundled, shape, kHeadDim, dtype, captures.captures));
    }
  }
}

TEST_CASE("an older machine takes the objects for x86-64-v3, and they are within rounding of this machine's") {
  if (!has_avx2()) return;
  const Bundle bundle = loaded(gallery_bundle());
  const GalleryProblem shape{.batch = 1, .heads = 4, .kv_heads = 2, .q_total = 70, .kv_total = 70, .consts = {}};
  for (const GalleryEntry& entry : gallery()) {
    INFO(entry.name);
    const GalleryCaptures captures(entry, variant_of(entry.text), shape);
    const auto& impl = BundleAccess::impl(bundle);
    const auto variant = std::ranges::find(impl.data->contents.variants, entry.name, &runtime::BundledKernels::name);
    REQUIRE(variant != impl.data->contents.variants.end());
    const auto old = impl.cpu_kernel(*variant, {.head_dim = kHeadDim}, runtime::CpuLevel::X86_64_v3);
    const auto here = bundle.kernel(entry.name, {.head_dim = kHeadDim});
    REQUIRE(old.has_value());
    REQUIRE(here.has_value());
    const Outputs a(**old, shape, kHeadDim, f32, captures.captures), b(**here, shape, kHeadDim, f32, captures.captures);
    int far = 0;
    for (std::int64_t i = 0; i < a.out.view().element_count(); ++i) {
      const float x = a.out.as<float>()[i], y = b.out.as<float>()[i];
      far += !(std::isfinite(y) ? std::fabs(x - y) <= 2e-5f + 1e-4f * std::fabs(y) : std::isnan(y) ? std::isnan(x) : x == y);
    }
    CHECK(far == 0);
  }
}

TEST_CASE("a call beyond the narrow member's assumptions takes the bundle's wide one") {
  if (!has_avx2()) return;
  const char* const text = "param far: i64 = 0\ndef mask_mod(b, h, q, k):\n    return q + far >= k + far\n";
  const Bundle bundle = loaded(bundle_of({{"far", variant_of(text)}}, {.head_dims = {kHeadDim}, .for_cuda = false}));
  const auto kernel = bundle.kernel("far", {.head_dim = kHeadDim});
  REQUIRE(kernel.has_value());
  const auto compiled = Engine({.disk_cache = false}).compile(variant_of(text), {.head_dim = kHeadDim, .device = Device::cpu()});
  REQUIRE(compiled.has_value());
  const GalleryProblem shape{.batch = 1, .heads = 2, .kv_heads = 1, .q_total = 40, .kv_total = 40, .consts = {}};
  for (const std::int64_t far : {std::int64_t{0}, std::int64_t{1} << 40, std::numeric_limits<std::int64_t>::max()}) {
    Captures captures;
    captures.set_param("far", far);
    CHECK(Outputs(**kernel, shape, kHeadDim, f32, captures) == Outputs(**compiled, shape, kHeadDim, f32, captures));
  }
}

TEST_CASE("a param without a normal reciprocal is beyond a narrow member that multiplies by it") {
  runtime::Signature signature;
  signature.params.resize(1);
  signature.params[0].type = f32;
  signature.params[0].used = true;
  const auto taken = [&](float cap) {
    runtime::Environment environment;
    environment.params = {{0, cap}};
    return within({runtime::kAssumesReciprocals}, {}, signature, environment, {});
  };
  for (float cap : {30.0f, -0.5f, 0.0f, 0x1p-126f, 0x1p126f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) CHECK(taken(cap));
  for (float cap : {1e38f, -1e38f, 0x1.000002p126f, 0x1p-127f, 1e-45f, std::numeric_limits<float>::max()}) CHECK_FALSE(taken(cap));
  signature.params[0].used = false;
  CHECK(taken(1e38f));
}

TEST_CASE("what a bundle does not have is an error that says what it has") {
  const Bundle bundle = loaded(gallery_bundle());
  const auto refused = [&](std::string_view variant, const KernelRequest& request) { return refusal(bundle, variant, request); };
  CHECK_THAT(refused("alibbi", {.head_dim = kHeadDim}), Contains("no variant 'alibbi'; did you mean 'alibi'?"));
  CHECK_THAT(refused("wombat_of_the_year", {.head_dim = kHeadDim}), Contains("its variants are") && Contains("causal"));
  CHECK_THAT(refused("alibi", {.dtype = f16, .head_dim = kHeadDim}), Contains("compiled for f32, bf16, not for f16"));
  CHECK_THAT(refused("alibi", {.head_dim = 64}), Contains("head dims 16, not for 64"));
  CHECK_THAT(refused("alibi", {.head_dim = kHeadDim, .features = {"sink"}}), Contains("without the feature sink"));
  CHECK_THAT(refused("alibi", {.head_dim = kHeadDim, .features = {"lsee"}}), Contains("no feature 'lsee'"));
  CHECK_THAT(refused("alibi", {.head_dim = kHeadDim, .device = Device::oracle()}), Contains("device oracle"));
  CHECK(refused("alibi", {.head_dim = kHeadDim, .features = {"lse"}}) == (has_avx2() ? "" : refused("alibi", {.head_dim = kHeadDim})));
  if (!has_avx2()) return;
  // The captures are checked as a compiled kernel checks them.
  const GalleryProblem shape{.batch = 1, .heads = 2, .kv_heads = 2, .q_total = 8, .kv_total = 8, .consts = {}};
  CHECK_THROWS_WITH(Outputs(**bundle.kernel("alibi", {.head_dim = kHeadDim}), shape, kHeadDim, f32, {}), Contains("`slopes`") && Contains("not given"));
  Captures misspelt;
  misspelt.set("slops", TensorView(&shape, f32, {2}));
  CHECK_THROWS_WITH(Outputs(**bundle.kernel("alibi", {.head_dim = kHeadDim}), shape, kHeadDim, f32, misspelt), Contains("did you mean `slopes`?"));
  Tensor x(f32, {1, 1, 1, kHeadDim});
  const auto checked = (*bundle.kernel("causal", {.head_dim = kHeadDim}))->run({.q = x.view(), .k = x.view(), .v = x.view(), .out = x.view(), .checked = true});
  REQUIRE(!checked.has_value());
  CHECK(checked.error().kind == ErrorKind::Environment);
}

TEST_CASE("sixteen threads that ask for one kernel get one, and it outlives engine and bundle") {
  if (!has_avx2()) return;
  std::shared_ptr<const Kernel> kept;
  {
    const Bundle bundle = loaded(gallery_bundle());
    std::vector<std::thread> threads;
    std::vector<std::shared_ptr<const Kernel>> found(16);
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 16; ++t)
      threads.emplace_back([&, t] {
        for (int round = 0; round < 200; ++round)
          for (const GalleryEntry& entry : gallery()) {
            const auto kernel = bundle.kernel(entry.name, {.head_dim = kHeadDim});
            wrong += !kernel || *kernel != *bundle.kernel(entry.name, {.head_dim = kHeadDim});
            if (entry.name == "causal" && kernel) found[static_cast<std::size_t>(t)] = *kernel;
          }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    for (const auto& kernel : found) CHECK(kernel == found[0]);
    kept = found[0];
  }
  const GalleryProblem shape{.batch = 1, .heads = 2, .kv_heads = 2, .q_total = 20, .kv_total = 20, .consts = {}};
  const Outputs ran(*kept, shape, kHeadDim, f32, {});
  CHECK(std::isfinite(ran.out.as<float>()[0]));
}

TEST_CASE("a bundle goes with its last owner, though kernels were asked of it") {
  if (!has_avx2()) return;
  std::weak_ptr<const BundleData> data;
  std::shared_ptr<const Kernel> kept;
  {
    const Bundle bundle = loaded(gallery_bundle());
    data = BundleAccess::impl(bundle).data;
    kept = *bundle.kernel("causal", {.head_dim = kHeadDim});
    REQUIRE(bundle.kernel("alibi", {.head_dim = kHeadDim}).has_value());
  }
  CHECK_FALSE(data.expired());
  kept.reset();
  CHECK(data.expired());
}

TEST_CASE("equal inputs give equal bytes; the header names what can be bound") {
  const std::vector<BundleInput> inputs = {{"alibi", variant_of(find_gallery_entry("alibi")->text)}, {"my-window", variant_of("param window: i32 = 8\ndef mask_mod(b, h, q, k):\n    return q - k <= window\n")}};
  const BundleOptions options{.dtypes = {f32, f32}, .head_dims = {kHeadDim}, .for_cuda = false, .file_stem = "made.here"};
  const CompiledBundle first = bundle_of(inputs, options), second = bundle_of(inputs, options);
  CHECK(first.bytes == second.bytes);
  CHECK(first.header == second.header);
  CHECK_THAT(first.header, Contains("#define MADE_HERE_ALIBI \"alibi\"") && Contains("MADE_HERE_ALIBI_CAPTURE_SLOPES \"slopes\" /* f32[H] */") && Contains("MADE_HERE_MY_WINDOW_PARAM_WINDOW \"window\" /* i32, default 8 */"));
  CHECK(loaded(first).dtypes() == std::vector<DType>{f32});
  CHECK(loaded(first).made_by() == version());
}

TEST_CASE("what cannot be bundled is refused") {
  const auto refused = [](const std::vector<BundleInput>& inputs, BundleOptions options) {
    auto bundle = compile_bundle(inputs, options);
    return bundle ? "" : bundle.error().error.message;
  };
  const Variant causal = variant_of("def mask_mod(b, h, q, k):\n    return q >= k\n");
  CHECK_THAT(refused({}, {}), Contains("at least one variant"));
  CHECK_THAT(refused({{"a", causal}, {"a", causal}}, {}), Contains("are called `a`"));
  CHECK_THAT(refused({{"a b", causal}}, {}), Contains("cannot be a variant's name"));
  CHECK_THAT(refused({{"a-b", causal}, {"a_b", causal}}, {}), Contains("become BUNDLE_A_B"));
  CHECK_THAT(refused({{"a", causal}}, {.dtypes = {i32}}), Contains("dtype i32"));
  CHECK_THAT(refused({{"a", causal}}, {.head_dims = {0}}), Contains("head dim 0"));
  CHECK_THAT(refused({{"a", causal}}, {.features = {"lsse"}}), Contains("did you mean `lse`?"));
  CHECK_THAT(refused({{"a", causal}}, {.head_dims = {8192}, .require_cuda = true}), Contains("head dim 8192"));
  CHECK_THAT(refused({{"a", *Variant::from_expressions("score + bias[h]", "")}}, {}), Contains("`bias` is not"));
}
