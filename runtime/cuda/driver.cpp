#include "runtime/cuda/driver.h"

#include <fmt/format.h>

namespace flexc::runtime {

/// Stable C; the suffixes are the driver's own.
struct CudaDriver::State {
  CudaLibrary library;
  int (*init)(unsigned flags);
  int (*get_error_name)(int status, const char** name);
  int (*device_get)(int* device, int ordinal);
  int (*device_attribute)(int* value, int attribute, int device);
  int (*retain_context)(void** context, int device);
  int (*release_context)(int device);
  int (*set_context)(void* context);
  int (*load_module)(void** module, const void* image);
  int (*unload_module)(void* module);
  int (*get_function)(void** function, void* module, const char* name);
  int (*set_attribute)(void* function, int attribute, int value);
  int (*launch_kernel)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned smem_bytes, void* stream,
                       void** arguments, void** extra);
  int (*encode_tiled)(void* map, int element, std::uint32_t rank, void* address, const std::uint64_t* sizes, const std::uint64_t* strides, const std::uint32_t* box,
                      const std::uint32_t* element_strides, int interleave, int swizzle, int promotion, int fill);
  int device = 0, multiprocessors = 0;
  void* context = nullptr;

  ~State() {
    if (context != nullptr) release_context(device);
  }

  std::unexpected<Error> failed(const std::string& call, int status, ErrorKind kind = ErrorKind::Environment) const {
    const char* name = nullptr;
    if (get_error_name(status, &name) != 0 || name == nullptr) name = "an unknown error";
    return std::unexpected(Error{kind, fmt::format("{}: {} ({})", call, name, status)});
  }
};

Result<CudaDriver> CudaDriver::open(int ordinal) {
  constexpr int kMultiprocessors = 16, kMajor = 75;  // CUdevice_attribute
  constexpr int kHopper = 9;
  auto library = CudaLibrary::open({"libcuda.so.1"}, "the CUDA driver (libcuda.so.1) is not on the loader's search path");
  if (!library) return std::unexpected(library.error());
  auto state = std::make_shared<State>();
  bool complete = true;
  const auto load = [&]<class Function>(Function*& into, const char* name) {
    into = library->symbol<Function>(name);
    complete = complete && into != nullptr;
  };
  load(state->init, "cuInit");
  load(state->get_error_name, "cuGetErrorName");
  load(state->device_get, "cuDeviceGet");
  load(state->device_attribute, "cuDeviceGetAttribute");
  load(state->retain_context, "cuDevicePrimaryCtxRetain");
  load(state->release_context, "cuDevicePrimaryCtxRelease_v2");
  load(state->set_context, "cuCtxSetCurrent");
  load(state->load_module, "cuModuleLoadData");
  load(state->unload_module, "cuModuleUnload");
  load(state->get_function, "cuModuleGetFunction");
  load(state->set_attribute, "cuFuncSetAttribute");
  load(state->launch_kernel, "cuLaunchKernel");
  load(state->encode_tiled, "cuTensorMapEncodeTiled");
  if (!complete) return std::unexpected(Error{ErrorKind::Environment, "libcuda.so.1 lacks functions of CUDA 12 or later"});
  state->library = std::move(*library);
  int major = 0;
  if (const int status = state->init(0); status != 0) return state->failed("cuInit (no GPU, or no permission to use it)", status);
  if (const int status = state->device_get(&state->device, ordinal); status != 0) return state->failed(fmt::format("cuDeviceGet({})", ordinal), status);
  if (const int status = state->device_attribute(&major, kMajor, state->device); status != 0) return state->failed("cuDeviceGetAttribute", status);
  if (major != kHopper) return std::unexpected(Error{ErrorKind::Environment, fmt::format("GPU {} has compute capability {}.x; the kernels are for 9.0", ordinal, major)});
  state->device_attribute(&state->multiprocessors, kMultiprocessors, state->device);
  if (const int status = state->retain_context(&state->context, state->device); status != 0) return state->failed("cuDevicePrimaryCtxRetain", status);
  CudaDriver driver;
  driver.state_ = std::move(state);
  return driver;
}

int CudaDriver::multiprocessors() const { return state_->multiprocessors; }

Result<TensorMap> CudaDriver::encode(const TensorMapRequest& request) const {
  TensorMap map;
  const int status = state_->encode_tiled(map.bytes.data(), static_cast<int>(request.element), request.rank, reinterpret_cast<void*>(request.address), request.sizes.data(),
                                          request.strides.data(), request.box.data(), request.element_strides.data(), static_cast<int>(request.interleave),
                                          static_cast<int>(request.swizzle), static_cast<int>(request.promotion), static_cast<int>(request.fill));
  if (status != 0) return state_->failed(fmt::format("cuTensorMapEncodeTiled(rank {}, address {:#x})", request.rank, request.address), status, ErrorKind::Internal);
  return map;
}

Result<CudaModule> CudaDriver::load(std::span<const std::byte> cubin, const char* kernel, unsigned dynamic_smem_bytes) const {
  constexpr int kMostDynamicSharedMemory = 8;  // CUfunction_attribute
  if (const int status = state_->set_context(state_->context); status != 0) return state_->failed("cuCtxSetCurrent", status);
  void* loaded = nullptr;
  if (const int status = state_->load_module(&loaded, cubin.data()); status != 0) return state_->failed(fmt::format("cuModuleLoadData({} bytes)", cubin.size()), status, ErrorKind::Internal);
  CudaModule module;
  module.driver_ = state_;
  module.module_ = {loaded, [state = state_](void* handle) { state->unload_module(handle); }};
  if (const int status = state_->get_function(&module.function_, loaded, kernel); status != 0)
    return state_->failed(fmt::format("cuModuleGetFunction({})", kernel), status, ErrorKind::Internal);
  if (const int status = state_->set_attribute(module.function_, kMostDynamicSharedMemory, static_cast<int>(dynamic_smem_bytes)); status != 0)
    return state_->failed(fmt::format("cuFuncSetAttribute({} bytes of shared memory)", dynamic_smem_bytes), status, ErrorKind::Internal);
  return module;
}

Result<void> CudaModule::launch(const CudaLaunch& launch) const {
  if (const int status = driver_->set_context(driver_->context); status != 0) return driver_->failed("cuCtxSetCurrent", status);
  const int status = driver_->launch_kernel(function_, launch.blocks, 1, 1, launch.threads, 1, 1, launch.dynamic_smem_bytes, launch.stream, launch.arguments.data(), nullptr);
  if (status != 0)
    return driver_->failed(fmt::format("cuLaunchKernel({} blocks of {} threads, {} bytes of shared memory)", launch.blocks, launch.threads, launch.dynamic_smem_bytes), status, ErrorKind::Internal);
  return {};
}

}  // namespace flexc::runtime
