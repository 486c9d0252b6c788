#include "runtime/cuda/driver.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace flexc::runtime {
namespace {

// CUresult values that say what the machine lacks, and the first and last of those after which a context is lost.
constexpr int kEnvironmentErrors[] = {2, 3, 34, 46, 100, 101, 209, 802, 803, 804};
constexpr int kFirstFatal = 700, kLastFatal = 719, kIllegalState = 401;

}  // namespace

struct CudaDriver::State {
  CudaLibrary library;
#define FLEXC_CUDA_FUNCTION(member, symbol, ...) std::add_pointer_t<__VA_ARGS__> member = nullptr;
#include "runtime/cuda/driver_functions.def"
#undef FLEXC_CUDA_FUNCTION
  int device = 0, version = 0, multiprocessors = 0, l2_bytes = 0, capability = 0;
  std::string name;
  void* context = nullptr;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (context != nullptr) release_context(device);
  }

  Error error(const std::string& call, int status) const {
    const char* text = nullptr;
    if (get_error_name == nullptr || get_error_name(status, &text) != 0 || text == nullptr) text = "an unknown error";
    const bool lacks = std::ranges::find(kEnvironmentErrors, status) != std::end(kEnvironmentErrors);
    const bool fatal = (status >= kFirstFatal && status <= kLastFatal) || status == kIllegalState;
    return {lacks ? ErrorKind::Environment : ErrorKind::Internal,
            fmt::format("{}: {} ({}){}", call, text, status, fatal ? "; the process's context on this GPU may not be usable any more" : "")};
  }
  std::unexpected<Error> failed(const std::string& call, int status) const { return std::unexpected(error(call, status)); }

  Result<void> find_functions() {
    std::string missing;
    const auto load = [&]<class Function>(Function*& into, const char* symbol) {
      into = library.symbol<Function>(symbol);
      if (into == nullptr && missing.empty()) missing = symbol;
    };
#define FLEXC_CUDA_FUNCTION(member, symbol, ...) load(member, symbol);
#include "runtime/cuda/driver_functions.def"
#undef FLEXC_CUDA_FUNCTION
    if (!missing.empty()) return std::unexpected(Error{ErrorKind::Environment, fmt::format("libcuda.so.1 lacks {}, a function of CUDA 12 or later", missing)});
    return {};
  }

  /// The context is current as long as this lives.
  class Current {
   public:
    explicit Current(const State& state) : state_(state), status_(state.push_context(state.context)) {}
    ~Current() {
      void* ignored = nullptr;
      if (status_ == 0) state_.pop_context(&ignored);
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    int status() const { return status_; }

   private:
    const State& state_;
    int status_;
  };

  /// Runs `function` with the context current. `describe` gives the call's text where it fails.
  template <class Function, class Describe>
  Result<void> call(Function function, Describe describe) const {
    const Current current(*this);
    if (current.status() != 0) return failed("cuCtxPushCurrent", current.status());
    if (const int status = function(); status != 0) return failed(describe(), status);
    return {};
  }
};

Result<CudaDriver> CudaDriver::open(int ordinal) {
  constexpr int kMultiprocessors = 16, kL2Bytes = 38, kMajor = 75, kMinor = 76;  // CUdevice_attribute
  auto library = CudaLibrary::open({"libcuda.so.1"}, "the CUDA driver (libcuda.so.1) is not on the loader's search path");
  if (!library) return std::unexpected(library.error());
  auto state = std::make_shared<State>();
  state->library = std::move(*library);
  if (auto status = state->find_functions(); !status) return std::unexpected(status.error());
  const auto environment = [&](const std::string& call, int status) {
    return std::unexpected(Error{ErrorKind::Environment, state->error(call, status).message});
  };
  if (const int status = state->init(0); status != 0) return environment("cuInit (no GPU, or no permission to use it)", status);
  if (const int status = state->driver_version(&state->version); status != 0) return environment("cuDriverGetVersion", status);
  if (const int status = state->device_get(&state->device, ordinal); status != 0) return environment(fmt::format("cuDeviceGet({})", ordinal), status);
  std::array<char, 256> name{};
  if (const int status = state->device_name(name.data(), static_cast<int>(name.size()) - 1, state->device); status != 0) return environment("cuDeviceGetName", status);
  state->name = name.data();
  int major = 0, minor = 0;
  const std::pair<int*, int> attributes[] = {{&major, kMajor}, {&minor, kMinor}, {&state->multiprocessors, kMultiprocessors}, {&state->l2_bytes, kL2Bytes}};
  for (const auto& [value, attribute] : attributes)
    if (const int status = state->device_attribute(value, attribute, state->device); status != 0) return environment(fmt::format("cuDeviceGetAttribute({})", attribute), status);
  state->capability = 10 * major + minor;
  if (state->capability < kLeastCapability)
    return std::unexpected(Error{ErrorKind::Environment, fmt::format("GPU {} ({}) has compute capability {}.{}; the kernels are for 8.0 and later", ordinal, state->name, major, minor)});
  if (const int status = state->retain_context(&state->context, state->device); status != 0) {
    state->context = nullptr;
    return environment("cuDevicePrimaryCtxRetain", status);
  }
  CudaDriver driver;
  driver.state_ = std::move(state);
  return driver;
}

std::string CudaDriver::name() const { return state_->name; }
int CudaDriver::version() const { return state_->version; }
int CudaDriver::capability() const { return state_->capability; }
int CudaDriver::multiprocessors() const { return state_->multiprocessors; }
std::uint64_t CudaDriver::l2_bytes() const { return static_cast<std::uint64_t>(std::max(state_->l2_bytes, 0)); }

Result<TensorMap> CudaDriver::encode(const TensorMapRequest& request) const {
  TensorMap map;
  const auto encode = [&] {
    return state_->encode_tiled(map.bytes.data(), static_cast<int>(request.element), request.rank, reinterpret_cast<void*>(request.address), request.sizes.data(), request.strides.data(),
                                request.box.data(), request.element_strides.data(), static_cast<int>(request.interleave), static_cast<int>(request.swizzle), static_cast<int>(request.promotion),
                                static_cast<int>(request.fill));
  };
  auto status = state_->call(encode, [&] {
    std::string text = fmt::format("cuTensorMapEncodeTiled(rank {}, address {:#x}", request.rank, request.address);
    for (std::uint32_t i = 0; i < std::min(request.rank, TensorMapRequest::kMostDimensions); ++i) text += fmt::format(", {} in boxes of {}", request.sizes[i], request.box[i]);
    return text + ")";
  });
  if (!status) return std::unexpected(status.error());
  return map;
}

Result<CudaModule> CudaDriver::load(std::span<const std::byte> cubin, const char* kernel, unsigned dynamic_smem_bytes) const {
  constexpr int kMostDynamicSharedMemory = 8;  // CUfunction_attribute
  const State::Current current(*state_);
  if (current.status() != 0) return state_->failed("cuCtxPushCurrent", current.status());
  void* loaded = nullptr;
  if (const int status = state_->load_module(&loaded, cubin.data()); status != 0) return state_->failed(fmt::format("cuModuleLoadData({} bytes)", cubin.size()), status);
  CudaModule module;
  module.driver_ = state_;
  module.module_ = {loaded, [state = state_](void* handle) {
                      const State::Current inner(*state);
                      if (inner.status() == 0) state->unload_module(handle);
                    }};
  if (const int status = state_->get_function(&module.function_, loaded, kernel); status != 0) return state_->failed(fmt::format("cuModuleGetFunction({})", kernel), status);
  if (const int status = state_->set_attribute(module.function_, kMostDynamicSharedMemory, static_cast<int>(dynamic_smem_bytes)); status != 0)
    return state_->failed(fmt::format("cuFuncSetAttribute({} bytes of shared memory)", dynamic_smem_bytes), status);
  return module;
}

Result<CudaAllocation> CudaDriver::allocate(std::size_t bytes) const {
  CudaAllocation allocation;
  allocation.bytes_ = bytes;
  const std::size_t at_least_one = std::max<std::size_t>(bytes, 1);  // the driver refuses none
  auto status = state_->call([&] { return state_->allocate(&allocation.address_, at_least_one); }, [&] { return fmt::format("cuMemAlloc({} bytes)", at_least_one); });
  if (!status) return std::unexpected(status.error());
  allocation.owner_ = {reinterpret_cast<void*>(allocation.address_), [state = state_](void* address) {
                         const State::Current current(*state);
                         if (current.status() == 0) state->free(reinterpret_cast<std::uint64_t>(address));
                       }};
  return allocation;
}

Result<void> CudaDriver::copy_in(std::uint64_t to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return state_->call([&] { return state_->copy_in(to, from, bytes); }, [&] { return fmt::format("cuMemcpyHtoD({:#x}, {} bytes)", to, bytes); });
}

Result<void> CudaDriver::copy_in_on(void* stream, std::uint64_t to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return state_->call([&] { return state_->copy_in_async(to, from, bytes, stream); }, [&] { return fmt::format("cuMemcpyHtoDAsync({:#x}, {} bytes)", to, bytes); });
}

Result<void> CudaDriver::copy_out(void* to, std::uint64_t from, std::size_t bytes) const {
  if (bytes == 0) return {};
  return state_->call([&] { return state_->copy_out(to, from, bytes); }, [&] { return fmt::format("cuMemcpyDtoH({:#x}, {} bytes)", from, bytes); });
}

Result<std::uint64_t> CudaDriver::allocate_on(void* stream, std::size_t bytes) const {
  std::uint64_t address = 0;
  auto status = state_->call([&] { return state_->allocate_async(&address, bytes, stream); }, [&] { return fmt::format("cuMemAllocAsync({} bytes)", bytes); });
  if (!status) return std::unexpected(status.error());
  return address;
}

Result<void> CudaDriver::free_on(void* stream, std::uint64_t address) const {
  return state_->call([&] { return state_->free_async(address, stream); }, [&] { return fmt::format("cuMemFreeAsync({:#x})", address); });
}

Result<void> CudaDriver::zero_words_on(void* stream, std::uint64_t address, std::size_t words) const {
  return state_->call([&] { return state_->set_words(address, 0, words, stream); }, [&] { return fmt::format("cuMemsetD32Async({:#x}, {} words)", address, words); });
}

Result<void> CudaDriver::synchronize(void* stream) const {
  return state_->call([&] { return state_->synchronize(stream); }, [] { return std::string("cuStreamSynchronize"); });
}

Result<bool> CudaDriver::is_capturing(void* stream) const {
  constexpr int kNone = 0;  // CUstreamCaptureStatus
  int capture = kNone;
  auto status = state_->call([&] { return state_->capture_status(stream, &capture); }, [] { return std::string("cuStreamIsCapturing"); });
  if (!status) return std::unexpected(status.error());
  return capture != kNone;
}

Result<std::shared_ptr<void>> CudaDriver::mark(void* stream) const {
  void* event = nullptr;
  if (auto status = state_->call([&] { return state_->create_event(&event, 0); }, [] { return std::string("cuEventCreate"); }); !status) return std::unexpected(status.error());
  std::shared_ptr<void> owner{event, [state = state_](void* handle) {
                                const State::Current current(*state);
                                if (current.status() == 0) state->destroy_event(handle);
                              }};
  if (auto status = state_->call([&] { return state_->record_event(event, stream); }, [] { return std::string("cuEventRecord"); }); !status) return std::unexpected(status.error());
  return owner;
}

Result<double> CudaDriver::milliseconds(const std::shared_ptr<void>& begin, const std::shared_ptr<void>& end) const {
  float elapsed = 0;
  if (auto status = state_->call([&] { return state_->synchronize_event(end.get()); }, [] { return std::string("cuEventSynchronize"); }); !status) return std::unexpected(status.error());
  if (auto status = state_->call([&] { return state_->elapsed(&elapsed, begin.get(), end.get()); }, [] { return std::string("cuEventElapsedTime"); }); !status) return std::unexpected(status.error());
  return elapsed;
}

Result<void> CudaModule::launch(const CudaLaunch& launch) const {
  return driver_->call(
      [&] { return driver_->launch_kernel(function_, launch.blocks, 1, 1, launch.threads, 1, 1, launch.dynamic_smem_bytes, launch.stream, launch.arguments.data(), nullptr); },
      [&] { return fmt::format("cuLaunchKernel({} blocks of {} threads, {} bytes of shared memory)", launch.blocks, launch.threads, launch.dynamic_smem_bytes); });
}

}  // namespace flexc::runtime
