// The launch on CUDA against a stand-in driver (fake/): what is asked of the driver and in which order, that every failing call gives an error and leaks
// nothing, and, with the kernel on the host model in the place of the machine code, that the answers are the host model's to the bit. No GPU is involved.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "compiler/host/cuda_compile.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/variant_impl.h"
#include "flexc/cuda_memory.h"
#include "flexc/io.h"
#include "runtime/cuda/driver.h"
#include "tests/cuda/emitted_model.h"
#include "tests/cuda/fake/loaded_fake.h"
#include "tests/cuda/gpu_call.h"
#include "tests/cuda/launched_variant.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kVariant = R"(
tensor slopes: f32[H]
param period: i64 = 5
def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)
def mask_mod(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) and ((q_idx + kv_idx) % period != 3)
)";

Variant variant(const char* text = kVariant) { return *Variant::parse(text); }

EngineOptions uncached() {
  EngineOptions options;
  options.disk_cache = false;
  return options;
}

/// The block mask of the call, in blocks of which none is a tile of the kernel's.
Result<BlockMask> mask_of(const Kernel& kernel, const HostCall& host) {
  Captures captures;
  captures.set("slopes", host.slopes.view());
  captures.set_param("period", 7);
  return kernel.block_mask({.batch = 2, .heads = 4, .q_len = 150, .kv_len = 200, .kv_heads = 2, .q_offset = 40, .kv_offset = 3, .block_q = 50, .block_kv = 40}, captures);
}

/// Everything that a program does, from the engine to the answer. The first error ends it.
Result<void> whole_program(HostCall& host, void* stream, const char* text = kVariant, bool with_mask = true, std::int64_t split = 0) {
  Engine engine(uncached());
  auto kernel = engine.compile(variant(text), {.dtype = bf16, .head_dim = host.q.view().shape[3], .value_dim = host.v.view().shape[3], .device = Device::cuda()});
  if (!kernel) return std::unexpected(kernel.error().error);
  const auto memory = CudaMemory::open();
  if (!memory) return std::unexpected(memory.error());
  auto call = GpuCall::copy(*memory, host);
  if (!call) return std::unexpected(call.error());
  const auto mask = mask_of(**kernel, host);
  if (!mask) return std::unexpected(mask.error());
  if (with_mask) call->arguments.mask = &*mask;
  call->arguments.split = split;
  if (auto status = (*kernel)->run(call->arguments, stream); !status) return status;
  if (auto status = memory->copy_back(call->out, host.out.view(), stream); !status) return status;
  return memory->copy_back(call->lse, host.lse.view(), stream);
}

}  // namespace

TEST_CASE("a launch through the stand-in driver, on the host model, gives the host model's bits") {
  if (!has_nvrtc()) return;
  // The last two are padded to 128 and 64 columns, and to 192 and 128.
  const auto [head_dim, value_dim] = GENERATE(table<std::int64_t, std::int64_t>({{64, 64}, {96, 40}, {192, 128}}));
  CAPTURE(head_dim, value_dim);
  fake().reset();
  const auto object = model_of(kWindow, head_dim, value_dim);
  fake().kernel(object->symbol("flexc_model_thread"));

  HostCall on_gpu(head_dim, value_dim), on_model(head_dim, value_dim);
  const auto status = whole_program(on_gpu, fake().stream(), kWindow);
  INFO((status ? "" : status.error().message) << fake().violations());
  REQUIRE(status.has_value());
  CHECK(fake().violations() == "");
  CHECK(fake().held() == "");

  Engine engine(uncached());
  const auto kernel = engine.compile(variant(kWindow), {.dtype = bf16, .head_dim = head_dim, .value_dim = value_dim, .device = Device::model()});
  REQUIRE(kernel.has_value());
  RunArguments arguments{.q = on_model.q.view(), .k = on_model.k.view(), .v = on_model.v.view(), .out = on_model.out.view(), .lse = on_model.lse.view()};
  arguments.captures.set("slopes", on_model.slopes.view());
  arguments.captures.set_param("period", 7);
  arguments.q_offset = 40, arguments.kv_offset = 3;
  REQUIRE((*kernel)->run(arguments).has_value());
  CHECK(std::memcmp(on_gpu.out.data(), on_model.out.data(), on_gpu.out.byte_count()) == 0);
  CHECK(std::memcmp(on_gpu.lse.data(), on_model.lse.data(), on_gpu.lse.byte_count()) == 0);

  // The same in parts of the keys, which a second kernel merges.
  fake().reset();
  fake().kernel(object->symbol("flexc_model_thread"));
  const auto in_parts = whole_program(on_gpu, fake().stream(), kWindow, true, 2);
  INFO((in_parts ? "" : in_parts.error().message) << fake().violations());
  REQUIRE(in_parts.has_value());
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 3);
  CHECK(fake().violations() == "");
  CHECK(fake().held() == "");
  arguments.split = 2;
  REQUIRE((*kernel)->run(arguments).has_value());
  CHECK(std::memcmp(on_gpu.out.data(), on_model.out.data(), on_gpu.out.byte_count()) == 0);
  CHECK(std::memcmp(on_gpu.lse.data(), on_model.lse.data(), on_gpu.lse.byte_count()) == 0);
  fake().reset();
}

TEST_CASE("a launch with a block mask through the stand-in driver gives the bits of one without") {
  if (!has_nvrtc()) return;
  fake().reset();
  const auto object = model_of(kVariant);
  fake().kernel(object->symbol("flexc_model_thread"));
  HostCall with_mask, without;
  for (auto [call, asks] : {std::pair(&with_mask, true), std::pair(&without, false)}) {
    const auto status = whole_program(*call, fake().stream(), kVariant, asks);
    INFO((status ? "" : status.error().message) << fake().violations());
    REQUIRE(status.has_value());
    CHECK(count_of(fake().calls(), "cuMemcpyHtoDAsync_v2") == 1);  // of both runs together
    CHECK(count_of(fake().calls(), "cuLaunchKernel") == (asks ? 2 : 4));  // each the kernel and its careful path
  }
  CHECK(fake().held() == "");
  CHECK(std::memcmp(with_mask.out.data(), without.out.data(), without.out.byte_count()) == 0);
  CHECK(std::memcmp(with_mask.lse.data(), without.lse.data(), without.lse.byte_count()) == 0);
  fake().reset();
}

TEST_CASE("every failing call of the driver is an error, and leaks nothing") {
  if (!has_nvrtc()) return;
  fake().reset();
  HostCall host;
  REQUIRE(whole_program(host, nullptr).has_value());
  const std::string calls = fake().calls();
  CHECK(fake().violations() == "");
  CHECK(fake().held() == "");

  // What comes before NVRTC at each call, what comes after it once: a kernel is compiled for each of those.
  const char* const functions[] = {"cuInit", "cuDriverGetVersion", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2",
                                   "cuModuleLoadData", "cuModuleGetFunction", "cuFuncSetAttribute", "cuMemAlloc_v2", "cuMemcpyHtoD_v2", "cuTensorMapEncodeTiled",
                                   "cuMemAllocAsync", "cuMemsetD32Async", "cuStreamIsCapturing", "cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuMemFreeAsync", "cuStreamSynchronize", "cuMemcpyDtoH_v2"};
  int tried = 0;
  for (const char* function : functions) {
    const int made = count_of(calls, function);
    INFO(function << ", called " << made << " times");
    CHECK(made > 0);
    fake().reset();
    // The last call but one, or the first of the context's, whose last ones give things back and have nobody to tell.
    fake().fail(function, made > 1 && std::string(function) != "cuCtxPushCurrent_v2" ? made - 1 : 1, 719);
    const auto status = whole_program(host, nullptr);
    ++tried;
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().kind != ErrorKind::Input);
    CHECK_THAT(status.error().message, Contains("CUDA_ERROR_LAUNCH_FAILED (719)"));
    const std::string name(function);
    CHECK_THAT(status.error().message, Contains(name.substr(0, name.find("_v2"))));
    CHECK(fake().violations() == "");
    // Memory that the driver refuses to free is the driver's.
    if (name != "cuMemFreeAsync") CHECK(fake().held() == "");
  }
  WARN("driver failures: " << tried << " functions, each gives an error and leaks nothing");
  fake().reset();
  fake().fail("cuMemAlloc_v2", 1, 2);
  const auto full = whole_program(host, nullptr);
  REQUIRE_FALSE(full.has_value());
  CHECK(full.error().kind == ErrorKind::Environment);
  CHECK_THAT(full.error().message, Contains("CUDA_ERROR_OUT_OF_MEMORY"));
}

TEST_CASE("what a call must bring, and what a caller may") {
  if (!has_nvrtc()) return;
  fake().reset();
  Engine engine(uncached());
  const auto kernel = engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  REQUIRE(kernel.has_value());
  CHECK((*kernel)->device().kind == Device::Kind::Cuda);
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  HostCall host;
  const auto call = GpuCall::copy(*memory, host);
  REQUIRE(call.has_value());
  const auto refusal = [&](const RunArguments& arguments) {
    const auto status = (*kernel)->run(arguments);
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().kind == ErrorKind::Input);
    return status.error().message;
  };
  RunArguments wrong = call->arguments;
  wrong.q = host.q.view();
  CHECK_THAT(refusal(wrong), Contains("q is in host memory"));
  wrong = call->arguments;
  wrong.captures.set("slopes", host.slopes.view());
  CHECK_THAT(refusal(wrong), Contains("`slopes` is in host memory"));
  wrong = call->arguments;
  wrong.workspace = static_cast<char*>(wrong.q.data) + 2;
  CHECK_THAT(refusal(wrong), Contains("multiple of 128"));
  wrong = call->arguments;
  wrong.checked = true;  // and nothing is out of range
  CHECK((*kernel)->run(wrong).has_value());
  RunArguments with_sink = call->arguments;
  with_sink.sink = call->slopes.view();
  CHECK((*kernel)->run(with_sink).has_value());

  // A workspace of the caller's: nothing is allocated.
  RunArguments own = call->arguments;
  const auto bytes = static_cast<std::int64_t>((*kernel)->workspace_bytes(own));
  const auto workspace = memory->allocate(u8, {bytes});
  REQUIRE(workspace.has_value());
  own.workspace = workspace->view().data;
  fake().reset();
  CHECK((*kernel)->run(own, fake().stream()).has_value());
  CHECK(count_of(fake().calls(), "cuMemAllocAsync") == 0);
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 2);
  CHECK(fake().violations() == "");

  // With a block mask too; and its metadata fit whatever its blocks are.
  for (const std::int32_t block : {1, 30, 128, 400}) {
    Captures captures;
    captures.set("slopes", host.slopes.view());
    const auto mask = (*kernel)->block_mask({.batch = 2, .heads = 4, .q_len = 150, .kv_len = 200, .kv_heads = 2, .q_offset = 40, .kv_offset = 3, .block_q = block, .block_kv = block}, captures);
    REQUIRE(mask.has_value());
    own.mask = &*mask;
    const auto masked_bytes = static_cast<std::int64_t>((*kernel)->workspace_bytes(own));
    CHECK(masked_bytes > bytes);
    const auto masked_workspace = memory->allocate(u8, {masked_bytes});
    REQUIRE(masked_workspace.has_value());
    own.workspace = masked_workspace->view().data;
    fake().reset();
    CHECK((*kernel)->run(own, fake().stream()).has_value());
    CHECK(count_of(fake().calls(), "cuMemAllocAsync") == 0);
    CHECK(count_of(fake().calls(), "cuMemcpyHtoDAsync_v2") == 1);
    CHECK(fake().violations() == "");

    // Not into a graph: its copy of the metadata would run when they are gone. On another stream, or without the mask, as ever.
    fake().capture(true);
    const auto captured = (*kernel)->run(own, fake().stream());
    REQUIRE_FALSE(captured.has_value());
    CHECK(captured.error().kind == ErrorKind::Input);
    CHECK_THAT(captured.error().message, Contains("block mask cannot be captured into a graph"));
    CHECK(count_of(fake().calls(), "cuLaunchKernel") == 2);
    CHECK((*kernel)->run(own, nullptr).has_value());
    own.mask = nullptr;
    CHECK((*kernel)->run(own, fake().stream()).has_value());
    CHECK(count_of(fake().calls(), "cuMemcpyHtoDAsync_v2") == 2);
    CHECK(fake().violations() == "");
  }

  // No keys at all, and no queries.
  RunArguments empty = call->arguments;
  empty.k.shape[2] = empty.v.shape[2] = 0;
  CHECK((*kernel)->run(empty).has_value());
  empty.q.shape[2] = empty.out.shape[2] = empty.lse.shape[2] = 0;
  fake().reset();
  CHECK((*kernel)->run(empty).has_value());
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == 0);
  CHECK(fake().violations() == "");

  // Positions beyond what the narrow member assumes: the wide one is compiled, and launched.
  RunArguments far = call->arguments;
  far.q_offset = std::int64_t{1} << 40;
  fake().reset();
  CHECK((*kernel)->run(far).has_value());
  CHECK(count_of(fake().calls(), "cuModuleLoadData") == 2);
  CHECK(fake().violations() == "");
}

TEST_CASE("a checked run reports gathers out of range by the CPU's words, and launches nothing") {
  if (!has_nvrtc()) return;
  fake().reset();
  constexpr const char* kGathers = "tensor table: f32[N]\ndef score_mod(score, b, h, q, k):\n    return score + table[q - k]\n";
  Engine engine(uncached());
  const auto on_gpu = engine.compile(variant(kGathers), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  const auto on_cpu = engine.compile(variant(kGathers), {.dtype = bf16, .head_dim = 64, .device = Device::cpu()});
  REQUIRE((on_gpu.has_value() && on_cpu.has_value()));
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  HostCall host;
  const auto call = GpuCall::copy(*memory, host);
  REQUIRE(call.has_value());
  for (const std::int64_t size : {400, 190}) {
    // Every other element of a longer one: strides are the capture's own.
    Tensor table(f32, {2 * size});
    const auto gpu_table = memory->copy_of(table.view());
    REQUIRE(gpu_table.has_value());
    const auto every_other = [&](TensorView view) {
      view.shape[0] = size, view.strides[0] = 2;
      return view;
    };
    RunArguments arguments = call->arguments;
    arguments.captures = {};
    arguments.captures.set("table", every_other(gpu_table->view()));
    arguments.q_offset = arguments.kv_offset = 0;
    arguments.checked = true;
    fake().reset();
    const auto status = (*on_gpu)->run(arguments, fake().stream());
    RunArguments same{.q = host.q.view(), .k = host.k.view(), .v = host.v.view(), .out = host.out.view()};
    same.captures.set("table", every_other(table.view()));
    same.checked = true;
    const auto expected = (*on_cpu)->run(same);
    CHECK(fake().violations() == "");
    REQUIRE(status.has_value() == (size == 400));
    REQUIRE(expected.has_value() == status.has_value());
    CHECK((count_of(fake().calls(), "cuLaunchKernel") > 0) == status.has_value());
    if (status) continue;
    CHECK(status.error().kind == ErrorKind::Input);
    CHECK(status.error().message == expected.error().message);
    CHECK_THAT(status.error().message, Contains("capture \"table\""));
  }
  fake().reset();
}

TEST_CASE("the engine's one cache on disk has cubins too, and the engine counts them") {
  if (!has_nvrtc()) return;
  fake().reset();
  std::string folder = "/tmp/flexc-gpu-kernel-XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const auto counted = [&](std::string* warning) {
    EngineOptions options;
    options.cache_dir = folder;
    options.on_warning = [warning](std::string_view text) { *warning += text; };
    Engine engine(options);
    REQUIRE(engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()}).has_value());
    REQUIRE(engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()}).has_value());
    REQUIRE(engine.compile(variant(), {.dtype = f32, .head_dim = 64, .device = Device::cpu()}).has_value());
    return engine.statistics();
  };
  std::string warnings;
  const EngineStatistics first = counted(&warnings), second = counted(&warnings);
  CHECK(first.kernels_made == 2);
  CHECK(first.compilations == 3);  // the Hopper kernel, its careful path, the CPU's
  CHECK(first.disk_hits == 0);
  CHECK(second.kernels_made == 2);
  CHECK(second.compilations == 0);
  CHECK(second.disk_hits == 3);
  CHECK(warnings.empty());
  // One warning for all that the engine keeps there.
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  const EngineStatistics refused = counted(&warnings);
  CHECK(refused.compilations == 3);
  CHECK_THAT(warnings, Contains(folder));
  CHECK(warnings.find(folder) == warnings.rfind(folder));
  std::filesystem::remove_all(folder);
}

TEST_CASE("automatic takes the GPU where a kernel fits, and only there") {
  if (!has_nvrtc()) return;
  fake().reset();
  {
    Engine engine(uncached());
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 64}))->device().kind == Device::Kind::Cuda);
    CHECK((*engine.compile(variant(), {.dtype = f32, .head_dim = 64}))->device().kind != Device::Kind::Cuda);
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 72}))->device().kind == Device::Kind::Cuda);
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 36}))->device().kind == Device::Kind::Cuda);  // rows of 72 bytes, which are copied to where TMA can step over them
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .value_dim = 264}))->device().kind != Device::Kind::Cuda);
  }
  {
    fake().capability(8, 6);  // the plain kernel's, where it is asked for
    Engine engine(uncached());
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 64}))->device().kind != Device::Kind::Cuda);
    CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()}))->device().kind == Device::Kind::Cuda);
    CHECK(fake().violations() == "");
  }
  fake().capability(7, 5);
  Engine engine(uncached());
  CHECK((*engine.compile(variant(), {.dtype = bf16, .head_dim = 64}))->device().kind != Device::Kind::Cuda);
  const auto other = engine.compile(variant(), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().error.kind == ErrorKind::Environment);
  CHECK_THAT(other.error().error.message, Contains("compute capability 7.5"));
  fake().reset();
}

TEST_CASE("the stand-in notices what is wrong") {
  fake().reset();
  const auto driver = runtime::CudaDriver::open();
  REQUIRE(driver.has_value());
  const auto some = driver->allocate(1024);
  REQUIRE(some.has_value());
  std::vector<std::byte> host(2048);
  const auto noticed = [&](bool status, const char* what) {
    CHECK_FALSE(status);
    CHECK_THAT(fake().violations(), Contains(what));
    fake().reset();
  };
  noticed(driver->copy_in(some->address(), host.data(), 2048).has_value(), "cuMemcpyHtoD");
  noticed(driver->copy_out(host.data(), some->address() + 512, 1024).has_value(), "cuMemcpyDtoH");
  noticed(driver->zero_words_on(nullptr, some->address(), 257).has_value(), "cuMemsetD32Async");
  noticed(driver->synchronize(&host).has_value(), "stream");
  noticed(driver->free_on(nullptr, some->address()).has_value(), "freed");
  noticed(driver->load(host, "nothing", 0).has_value(), "cuModuleLoadData");
  runtime::TensorMapRequest map;
  map.rank = 2, map.address = some->address(), map.sizes = {64, 8}, map.strides = {128}, map.box = {64, 8}, map.swizzle = runtime::TensorMapRequest::Swizzle::Bytes128;
  CHECK(driver->encode(map).has_value());
  map.sizes[1] = 9;
  noticed(driver->encode(map).has_value(), "beyond its memory");
  map.sizes[1] = 8, map.strides[0] = 120;
  noticed(driver->encode(map).has_value(), "multiple of 16");
  double milliseconds = -1;
  const auto took = driver->timed(nullptr, [] { return Result<void>{}; });
  if (took) milliseconds = *took;
  CHECK(milliseconds == 0);
  CHECK(fake().violations() == "");
}
