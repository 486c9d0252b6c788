// Cubins out of a bundle, against the stand-in driver of tests/cuda/fake, with the host model in the place of the machine code: the answers are the host
// model's to the bit, in this process and in one that links flexc::runtime alone; every failing call of the driver is an error, and leaks nothing. No GPU is
// involved.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/variant_impl.h"
#include "flexc/flexc_c.h"
#include "runtime/bundle/loaded_bundle.h"
#include "runtime/cuda/member_bytes.h"
#include "tests/bundle/cuda_bundle.h"
#include "tests/cuda/fake/loaded_fake.h"
#include "tests/cuda/gpu_call.h"

using namespace flexc;
using namespace flexc::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kFar = std::int64_t{1} << 40;  // beyond what a narrow member assumes of positions

Bundle loaded(std::string_view bytes = cuda_bundle().bytes) {
  auto made = Engine().load_bundle(bytes_of(bytes));
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return *made;
}

/// A folder that goes with the test: the bundle, its cubins with what the host model runs in their place, and what hosts write.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "flexc-cuda-bundle-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    unsetenv("FLEXC_FAKE_CUDA_KERNELS");
    fs::remove_all(path);
  }
  void write(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream(path / name, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// From now on the stand-in runs the units of the bundle's cubins on the host model.
  void put_model_in_place_of(const Bundle& bundle) const {
    const Bundle::Impl& impl = BundleAccess::impl(bundle);
    const auto variant = VariantAccess::share(variant_of(kWindow));
    const auto functions = ir_functions();
    REQUIRE(functions.has_value());
    for (const runtime::BundledCudaMember& member : impl.data->contents.variants[0].cuda) {
      compiler::CudaHookOptions options;
      const bool is_simt = member.machine == runtime::kSimtMachine;
      options.member = member.member, options.kernel = is_simt ? runtime::KernelKind::Simt : runtime::KernelKind::Hopper;
      options.in_steps = member.machine == runtime::kStepsMachine;
      const auto kernels = (*functions)->emit_cuda_kernels(*variant->form, options, bf16, 64, 64);
      REQUIRE(kernels.has_value());
      const auto described = runtime::deserialize_member(impl.data->blob(member.launch));
      REQUIRE(described.has_value());
      const auto source = std::ranges::find(kernels->sources, described->member.tile, [](const auto& each) { return each.member.tile; });
      REQUIRE(source != kernels->sources.end());
      const std::string name = std::string(is_simt ? "simt_" : options.in_steps ? "steps_" : "") + (member.member == runtime::Member::Narrow ? "narrow" : "wide");
      REQUIRE(member.cubin.has_value());
      write(name + ".cubin", impl.data->blob(*member.cubin));
      REQUIRE(compile_for_model(*source, (path / (name + ".so")).string()).has_value());
    }
    setenv("FLEXC_FAKE_CUDA_KERNELS", path.c_str(), 1);
  }
};

/// A kernel's call on "the GPU", there and back. The first error ends it.
Result<void> run_on_gpu(const Kernel& kernel, HostCall& host, std::int64_t q_offset, std::int64_t step = 1) {
  const auto memory = CudaMemory::open();
  if (!memory) return std::unexpected(memory.error());
  auto call = GpuCall::copy(*memory, host);
  if (!call) return std::unexpected(call.error());
  call->arguments.q_offset = q_offset, call->arguments.q_step = call->arguments.kv_step = step;
  if (auto status = kernel.run(call->arguments); !status) return status;
  if (auto status = memory->copy_back(call->out, host.out.view()); !status) return status;
  return memory->copy_back(call->lse, host.lse.view());
}

/// Everything that a host does, from the bundle to the answer.
Result<void> whole_program(const std::string& bytes, HostCall& host, std::int64_t q_offset, std::int64_t step = 1) {
  auto bundle = Engine().load_bundle(bytes_of(bytes));
  if (!bundle) return std::unexpected(bundle.error());
  const auto kernel = bundle->kernel("window", {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  if (!kernel) return std::unexpected(kernel.error());
  return run_on_gpu(**kernel, host, q_offset, step);
}

/// The same with the compiler's kernel.
Result<void> compiled_program(HostCall& host, std::int64_t q_offset, std::int64_t step = 1) {
  const auto kernel = Engine(EngineOptions{.disk_cache = false}).compile(variant_of(kWindow), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  if (!kernel) return std::unexpected(kernel.error().error);
  return run_on_gpu(**kernel, host, q_offset, step);
}

/// Whether the member's tile is the one that Device::model() runs.
bool has_first_tile(const Bundle& bundle, runtime::Member which) {
  const Bundle::Impl& impl = BundleAccess::impl(bundle);
  const auto variant = VariantAccess::share(variant_of(kWindow));
  compiler::CudaHookOptions options;
  options.member = which;
  const auto kernels = (*ir_functions())->emit_cuda_kernels(*variant->form, options, bf16, 64, 64);
  const auto member = std::ranges::find(impl.data->contents.variants[0].cuda, which, &runtime::BundledCudaMember::member);
  return runtime::deserialize_member(impl.data->blob(member->launch))->member.tile == kernels->sources.front().member.tile;
}

/// The same call by the compiler's kernel on the host model.
void run_model(HostCall& host, std::int64_t q_offset, std::int64_t step = 1) {
  const auto kernel = Engine({.disk_cache = false}).compile(variant_of(kWindow), {.dtype = bf16, .head_dim = 64, .device = Device::model()});
  REQUIRE(kernel.has_value());
  RunArguments arguments{.q = host.q.view(), .k = host.k.view(), .v = host.v.view(), .out = host.out.view(), .lse = host.lse.view()};
  arguments.captures.set("slopes", host.slopes.view());
  arguments.captures.set_param("period", 7);
  arguments.q_offset = q_offset, arguments.kv_offset = 3;
  arguments.q_step = arguments.kv_step = step;
  const auto status = (*kernel)->run(arguments);
  INFO((status ? "" : status.error().message));
  REQUIRE(status.has_value());
}

std::string raw(const Tensor& tensor) { return {static_cast<const char*>(tensor.view().data), tensor.byte_count()}; }

/// The same by the plain kernel.
void run_plain_model(HostCall& host, std::int64_t q_offset, std::int64_t step) {
  setenv("FLEXC_CUDA_KERNEL", "simt", 1);
  run_model(host, q_offset, step);
  unsetenv("FLEXC_CUDA_KERNEL");
}

/// A call of the bundle's in steps launches so many kernels and has the expected bits, which are not those of a call without steps.
void check_stepped_call(const std::string& bytes, std::int64_t q_offset, std::int64_t step, const HostCall& expected, int launches) {
  HostCall here, neighbours;
  fake().reset();
  REQUIRE(whole_program(bytes, neighbours, q_offset).has_value());
  fake().reset();
  const auto status = whole_program(bytes, here, q_offset, step);
  INFO((status ? "" : status.error().message) << fake().violations());
  REQUIRE(status.has_value());
  CHECK(count_of(fake().calls(), "cuLaunchKernel") == launches);
  CHECK(fake().violations() == "");
  CHECK(raw(here.out) == raw(expected.out));
  CHECK(raw(here.lse) == raw(expected.lse));
  CHECK(raw(here.lse) != raw(neighbours.lse));
}

}  // namespace

TEST_CASE("a cubin out of a bundle, launched through the stand-in driver on the host model, gives the host model's bits") {
  if (!has_nvrtc()) return;
  fake().reset();
  const Folder folder;
  bool is_wide_on_model = false;
  {
    const Bundle bundle = loaded();
    REQUIRE(has_first_tile(bundle, runtime::Member::Narrow));
    is_wide_on_model = has_first_tile(bundle, runtime::Member::Wide);
    CHECK(bundle.variants()[0].cubins == std::vector<std::string>{"sm_90a bf16 64", "sm_90 bf16 64"});
    CHECK(BundleAccess::impl(bundle).data->contents.variants[0].cuda.size() == 4);
    CHECK(cuda_bundle().cubins == 4);
    CHECK(cuda_bundle().warnings.empty());
    folder.put_model_in_place_of(bundle);
  }
  folder.write("window.flexb", bytes_of(cuda_bundle().bytes));
  for (const std::int64_t q_offset : {std::int64_t{40}, kFar}) {
    INFO("q_offset " << q_offset);
    HostCall expected, here;
    if (q_offset != kFar || is_wide_on_model) run_model(expected, q_offset);
    else REQUIRE(compiled_program(expected, q_offset).has_value());
    fake().reset();
    const auto status = whole_program(cuda_bundle().bytes, here, q_offset);
    INFO((status ? "" : status.error().message) << fake().violations());
    REQUIRE(status.has_value());
    // The narrow members of both kernels with the kernel, the wide ones for the call that needs them.
    CHECK(count_of(fake().calls(), "cuModuleLoadData") == (q_offset == kFar ? 4 : 2));
    CHECK(fake().violations() == "");
    CHECK(fake().held() == "");
    CHECK(raw(here.out) == raw(expected.out));
    CHECK(raw(here.lse) == raw(expected.lse));

    // A process of its own that links flexc::runtime alone, with the compiler's libraries unreadable.
    const std::string at = folder.path.string() + "/";
    const std::string command = "REFUSE_OPENS_ALLOW_CUDA=1 LD_PRELOAD=" FLEXC_REFUSER " " FLEXC_CUDA_HOST " " + at + "window.flexb " + at + "out " + at + "lse " + std::to_string(q_offset);
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(folder.read("out") == raw(expected.out));
    CHECK(folder.read("lse") == raw(expected.lse));
  }
  // Calls in steps are the plain kernel's, which the bundle has too.
  HostCall plain;
  run_plain_model(plain, 40, 2);
  check_stepped_call(cuda_bundle().bytes, 40, 2, plain, 1);
}

TEST_CASE("a bundle with the feature `steps` has the Hopper kernel for positions in steps, with the compiler's bits") {
  if (!has_nvrtc()) return;
  const CompiledBundle made = bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {bf16}, .head_dims = {64}, .features = {"lse", "steps"}});
  const auto bundle = Engine().load_bundle(bytes_of(made.bytes));
  REQUIRE(bundle.has_value());
  fake().reset();
  const Folder folder;
  folder.put_model_in_place_of(*bundle);
  // The narrow member, and the wide one: a row then keeps the key of its own number alone.
  for (const std::int64_t step : {std::int64_t{2}, std::int64_t{1} << 31}) {
    HostCall compiled;
    REQUIRE(compiled_program(compiled, 40, step).has_value());
    check_stepped_call(made.bytes, 40, step, compiled, 2);
  }
  // What the plain kernel makes of the same call is near, and has other bits.
  HostCall compiled, plain;
  REQUIRE(compiled_program(compiled, 40, 2).has_value());
  run_plain_model(plain, 40, 2);
  CHECK(raw(compiled.lse) != raw(plain.lse));
  for (std::size_t i = 0; i < plain.lse.byte_count() / sizeof(float); ++i) CHECK(std::abs(compiled.lse.as<float>()[i] - plain.lse.as<float>()[i]) < 1e-3f);
  fake().reset();
}

TEST_CASE("from C: tensors in the GPU's memory, a stream and a workspace of the caller's") {
  if (!has_nvrtc()) return;
  fake().reset();
  const Folder folder;
  folder.put_model_in_place_of(loaded());
  HostCall expected, here;
  run_model(expected, 40);
  fake().reset();
  {
    flexc_error* error = nullptr;
    flexc_engine* const engine = flexc_engine_create(nullptr, &error);
    flexc_bundle* const bundle = flexc_engine_load_bundle_memory(engine, cuda_bundle().bytes.data(), cuda_bundle().bytes.size(), &error);
    const flexc_compile_options options{FLEXC_BF16, FLEXC_CUDA, 64, 0};
    flexc_kernel* const kernel = flexc_bundle_kernel(bundle, "window", &options, &error);
    INFO(flexc_error_message(error));
    REQUIRE(kernel != nullptr);
    CHECK(flexc_kernel_device(kernel) == FLEXC_CUDA);
    const auto memory = CudaMemory::open();
    REQUIRE(memory.has_value());
    const auto gpu = GpuCall::copy(*memory, here);
    REQUIRE(gpu.has_value());
    const auto tensor = [](const CudaTensor& from) {
      const TensorView& view = from.view();
      return flexc_tensor{view.data, static_cast<flexc_dtype>(view.dtype), static_cast<std::int32_t>(view.shape.size()), view.shape.data(), view.strides.data()};
    };
    flexc_binding bindings[2] = {};
    bindings[0].name = "slopes", bindings[0].tensor = tensor(gpu->slopes);
    bindings[1].name = "period", bindings[1].integer = 7;
    flexc_call call = {};
    call.q = tensor(gpu->q), call.k = tensor(gpu->k), call.v = tensor(gpu->v), call.out = tensor(gpu->out), call.lse = tensor(gpu->lse);
    call.bindings = bindings, call.binding_count = 2;
    call.q_offset = 40, call.kv_offset = 3;
    call.stream = fake().stream();
    const std::size_t bytes = flexc_kernel_workspace_bytes(kernel, &call);
    CHECK(bytes > 0);
    CHECK(flexc_kernel_workspace_bytes(nullptr, &call) == 0);
    const auto workspace = memory->allocate(u8, {static_cast<std::int64_t>(bytes)});
    REQUIRE(workspace.has_value());
    call.workspace = workspace->view().data;
    CHECK(flexc_run(kernel, &call, &error) == 1);
    CHECK(count_of(fake().calls(), "cuMemAllocAsync") == 0);
    REQUIRE(memory->copy_back(gpu->out, here.out.view(), call.stream).has_value());
    REQUIRE(memory->copy_back(gpu->lse, here.lse.view(), call.stream).has_value());
    // Memory that is no GPU's is the driver's to refuse: from C a pointer says nothing of itself.
    call.q = {here.q.view().data, FLEXC_BF16, 4, here.q.view().shape.data(), nullptr};
    CHECK(flexc_run(kernel, &call, &error) == 0);
    CHECK_THAT(flexc_error_message(error), Contains("cuTensorMapEncodeTiled"));
    flexc_error_destroy(error);
    flexc_kernel_destroy(kernel);
    flexc_bundle_destroy(bundle);
    flexc_engine_destroy(engine);
  }
  CHECK(fake().held() == "");
  CHECK(raw(here.out) == raw(expected.out));
  CHECK(raw(here.lse) == raw(expected.lse));
}

TEST_CASE("automatic is the GPU where it is and the bundle has a cubin, else the CPU; and what is missing is said") {
  if (!has_nvrtc()) return;
  fake().reset();
  const auto refused = [](const Bundle& bundle, const KernelRequest& request, ErrorKind kind) {
    const auto kernel = bundle.kernel("window", request);
    REQUIRE_FALSE(kernel.has_value());
    CHECK(kernel.error().kind == kind);
    return kernel.error().message;
  };
  const std::string both = bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {f32, bf16}, .head_dims = {64, 36, 264}}).bytes;
  const bool has_cpu = runtime::detect_cpu_level().has_value();
  {
    const Bundle bundle = loaded(both);
    const auto device = [&](const KernelRequest& request) { return (*bundle.kernel("window", request))->device().kind; };
    CHECK(device({.dtype = bf16}) == Device::Kind::Cuda);
    CHECK(device({.dtype = bf16, .device = Device::cuda()}) == Device::Kind::Cuda);
    CHECK(*bundle.kernel("window", {.dtype = bf16}) == *bundle.kernel("window", {.dtype = bf16, .device = Device::cuda()}));
    if (has_cpu) {
      CHECK(device({.dtype = bf16, .device = Device::cpu()}) == Device::Kind::Cpu);
      CHECK(device({.dtype = f32}) == Device::Kind::Cpu);
      CHECK(device({.dtype = bf16, .head_dim = 264}) == Device::Kind::Cpu);
      CHECK(device({.dtype = bf16, .head_dim = 36}) == Device::Kind::Cuda);  // rows of 72 bytes, which TMA cannot step over, are copied
      CHECK(device({.dtype = bf16, .value_dim = 32}) == Device::Kind::Cpu);
    }
    CHECK(device({.dtype = f32, .device = Device::cuda()}) == Device::Kind::Cuda);  // the plain kernel's
    CHECK(device({.dtype = bf16, .head_dim = 264, .device = Device::cuda()}) == Device::Kind::Cuda);
    CHECK_THAT(refused(bundle, {.dtype = bf16, .value_dim = 32, .device = Device::cuda()}, ErrorKind::Input), Contains("value dim 32") && Contains("bf16 with head dim 64"));
  }
  CHECK(fake().held() == "");
  fake().capability(10, 0);
  {
    const Bundle bundle = loaded(both);
    if (has_cpu) CHECK((*bundle.kernel("window", {.dtype = bf16}))->device().kind == Device::Kind::Cpu);
    CHECK_THAT(refused(bundle, {.dtype = bf16, .device = Device::cuda()}, ErrorKind::Environment), Contains("an sm_100, and the bundle's cubins are for sm_90"));
  }
  fake().reset();

  const CompiledBundle cuda = bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {bf16}, .for_cpu = false});
  CHECK(cuda.cubins == 4);
  {
    const Bundle bundle = loaded(cuda.bytes);
    CHECK((*bundle.kernel("window", {.dtype = bf16}))->device().kind == Device::Kind::Cuda);
    CHECK_THAT(refused(bundle, {.dtype = bf16, .device = Device::cpu()}, ErrorKind::Input), Contains("for cuda alone"));
  }
  {
    fake().capability(8, 0);
    const Bundle bundle = loaded(cuda.bytes);
    CHECK_THAT(refused(bundle, {.dtype = bf16}, ErrorKind::Environment), Contains("an sm_80,"));
    fake().reset();
  }
  const CompiledBundle cpu = bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {bf16}, .for_cuda = false});
  CHECK(cpu.cubins == 0);
  CHECK(cpu.warnings.empty());
  CHECK_THAT(refused(loaded(cpu.bytes), {.dtype = bf16, .device = Device::cuda()}, ErrorKind::Input), Contains("none of this variant"));
  const auto no_kernels = compile_bundle(std::vector<BundleInput>{{"window", variant_of(kWindow)}}, {.dtypes = {f32}, .head_dims = {8192}, .for_cpu = false});
  REQUIRE_FALSE(no_kernels.has_value());
  CHECK_THAT(no_kernels.error().error.message, Contains("head dim 8192"));
  CHECK(bundle_of({{"window", variant_of(kWindow)}}, {.dtypes = {bf16}, .for_cpu = false}).bytes == cuda.bytes);
}

// The last one: what the stand-in refused to take back stays held.
TEST_CASE("each call of the driver fails in turn: an error, and nothing leaks") {
  if (!has_nvrtc()) return;
  fake().reset();
  HostCall host;
  REQUIRE(whole_program(cuda_bundle().bytes, host, kFar).has_value());
  CHECK(fake().held() == "");
  const std::string calls = fake().calls();
  std::map<std::string, int> made;
  for (std::size_t at = 0; at < calls.size(); at = calls.find('\n', at) + 1) ++made[calls.substr(at, calls.find('\n', at) - at)];
  const auto gives_back = [](const std::string& function) {
    return function.find("Free") != std::string::npos || function.find("Release") != std::string::npos || function == "cuModuleUnload" || function.find("CtxPop") != std::string::npos ||
           function.find("CtxPush") != std::string::npos;
  };
  int tried = 0, errors = 0, unheard = 0;
  for (const bool giving_back : {false, true})
    for (const auto& [function, count] : made)
      for (int number = 1; number <= count && gives_back(function) == giving_back; ++number) {
        INFO(function << ", call " << number << " of " << count);
        fake().reset();
        fake().fail(function.c_str(), number, 719);
        const auto status = whole_program(cuda_bundle().bytes, host, kFar);
        ++tried;
        if (status) {
          // What gives things back at the end has nobody to tell.
          CHECK(giving_back);
          ++unheard;
          continue;
        }
        ++errors;
        CHECK(status.error().kind != ErrorKind::Input);
        CHECK_THAT(status.error().message, Contains("719"));
        if (!giving_back) CHECK(fake().violations() == "");
        if (!giving_back) CHECK(fake().held() == "");
      }
  WARN("driver failures, kernels from a bundle: " << tried << " calls failed in turn, " << errors << " errors, " << unheard << " that give back and have nobody to tell; 0 leaks");
  CHECK(errors > 30);
  fake().reset();
}
