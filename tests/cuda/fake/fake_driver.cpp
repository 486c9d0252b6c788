#include "tests/cuda/fake/fake_driver.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/cuda/cubin.h"
#include "templates/model/forward_plan.h"
#include "tests/cuda/fake/launch.h"
#include "tests/cuda/fake/state.h"

namespace {

using namespace fake_cuda;
using flexc::runtime::TensorMapRequest;

constexpr unsigned char kPoison = 0xff;  // a NaN of every float type
constexpr int kSharedLimit = 232448, kMostThreads = 1024;
constexpr std::size_t kMemory = std::size_t{80} << 30;  // an H100's

thread_local std::vector<void*> context_stack;

/// Records the call; the status of a failure that was asked for.
int enter(const char* function, bool needs_context = true) {
  Driver& d = driver();
  d.calls += std::string(function) + "\n";
  for (Failure& failure : d.failures)
    if (failure.function == function && failure.left > 0 && --failure.left == 0) return failure.status;
  if (needs_context && !d.initialized) {
    d.violate(std::string(function) + " before cuInit");
    return kNotInitialized;
  }
  if (needs_context && (context_stack.empty() || context_stack.back() != &d.context || d.contexts == 0)) {
    d.violate(std::string(function) + " without a current context");
    return kInvalidContext;
  }
  return 0;
}

#define FLEXC_ENTER(name, ...)                                \
  const std::lock_guard lock(driver().mutex);                 \
  if (const int status = enter(name __VA_OPT__(, ) __VA_ARGS__)) return status

/// The default stream, a default stream for each thread (the driver's handle 2), and the one that tests make.
bool known_stream(void* stream) { return stream == nullptr || reinterpret_cast<std::uintptr_t>(stream) == 2 || stream == &driver().stream; }

/// $FLEXC_FAKE_CUDA_KERNELS names a folder with NAME.cubin and NAME.so: kernels for the host model, by the machine code whose place they take.
void* kernels_of(const std::vector<std::byte>& image) {
  const char* const folder = std::getenv("FLEXC_FAKE_CUDA_KERNELS");
  if (folder == nullptr) return nullptr;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".cubin" || entry.file_size() < image.size()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<char> bytes(image.size());
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (std::memcmp(bytes.data(), image.data(), image.size()) != 0) continue;
    auto object = entry.path();
    return dlopen(object.replace_extension(".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  return nullptr;
}

/// $FLEXC_FAKE_CUDA_HANG: no launch returns, for checks of what is killed in the middle.
void hang_if_asked() {
  if (std::getenv("FLEXC_FAKE_CUDA_HANG") == nullptr) return;
  for (;;) pause();
}

/// $FLEXC_FAKE_CUDA_SPOIL=N: the N-th copy to the host is off by a bit, for checks of what compares runs.
bool spoils_this_copy() {
  static int copies = 0;
  const char* const wanted = std::getenv("FLEXC_FAKE_CUDA_SPOIL");
  return wanted != nullptr && ++copies == std::atoi(wanted);
}

/// The bytes that a map may reach, from its address on.
std::uint64_t extent_of(const TensorMapRequest& map) {
  std::uint64_t last = map.sizes[0] * 2;
  for (std::uint32_t d = 1; d < map.rank; ++d) last += (map.sizes[d] - 1) * map.strides[d - 1];
  return last;
}

}  // namespace

extern "C" {

void flexc_fake_reset() {
  Driver& d = driver();
  d.calls.clear(), d.violations.clear(), d.failures.clear();
  d.major = 9, d.minor = 0, d.kernel = nullptr, d.captures = false;
  d.entries.clear(), d.copied_out.clear();
  std::erase_if(d.memory, [](const auto& entry) { return entry.second.of_stream; });
}
void flexc_fake_fail(const char* function, int number, int status) { driver().failures.push_back({function, number, status}); }
const char* flexc_fake_calls() { return driver().calls.c_str(); }
const char* flexc_fake_violations() { return driver().violations.c_str(); }
FlexcFakeHeld flexc_fake_held() {
  Driver& d = driver();
  FlexcFakeHeld held{d.contexts, static_cast<int>(d.modules.size()), 0, 0, d.events, d.pushed};
  for (const auto& [address, block] : d.memory) ++(block.of_stream ? held.stream_allocations : held.allocations);
  return held;
}
void flexc_fake_capability(int major, int minor) { driver().major = major, driver().minor = minor; }
void flexc_fake_capture(bool is_on) { driver().captures = is_on; }
void flexc_fake_kernel(void (*entry)(void*, void*)) { driver().kernel = entry; }
void flexc_fake_entry(const char* kernel, void (*entry)(void*, void*)) { driver().entries[kernel] = entry; }
std::size_t flexc_fake_copied_out(const void* address, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uint64_t>(address), end = begin + bytes;
  std::size_t copied = 0;
  for (const auto& [first, last] : driver().copied_out)
    if (first < end && begin < last) copied += std::min(last, end) - std::max(first, begin);
  return copied;
}
void* flexc_fake_stream() { return &driver().stream; }

int cuInit(unsigned flags) {
  FLEXC_ENTER("cuInit", false);
  if (flags != 0) return refuse("cuInit: flags");
  driver().initialized = true;
  return 0;
}
int cuGetErrorName(int status, const char** name) {
  *name = status == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : status == kLaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_OF_THE_STAND_IN";
  return 0;
}
int cuDriverGetVersion(int* version) {
  FLEXC_ENTER("cuDriverGetVersion", false);
  *version = 13000;
  return 0;
}
int cuDeviceGetCount(int* count) { return *count = 1, 0; }
int cuDeviceGet(int* device, int ordinal) {
  FLEXC_ENTER("cuDeviceGet", false);
  *device = ordinal;
  return ordinal == 0 ? 0 : 101;
}
int cuDeviceGetName(char* name, int size, int) {
  FLEXC_ENTER("cuDeviceGetName", false);
  std::strncpy(name, "stand-in, no GPU", static_cast<std::size_t>(size));
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  FLEXC_ENTER("cuDeviceGetAttribute", false);
  switch (attribute) {
    case 75: *value = driver().major; return 0;
    case 76: *value = driver().minor; return 0;
    case 16: *value = 3; return 0;
    case 38: *value = 1 << 16; return 0;  // a small L2, so that groups of heads occur
    default: return refuse("cuDeviceGetAttribute: " + std::to_string(attribute));
  }
}
int cuDevicePrimaryCtxRetain(void** context, int) {
  FLEXC_ENTER("cuDevicePrimaryCtxRetain", false);
  ++driver().contexts;
  *context = &driver().context;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  FLEXC_ENTER("cuDevicePrimaryCtxRelease_v2", false);
  if (--driver().contexts < 0) return refuse("cuDevicePrimaryCtxRelease: not retained");
  return 0;
}
int cuCtxPushCurrent_v2(void* context) {
  FLEXC_ENTER("cuCtxPushCurrent_v2", false);
  if (context != &driver().context || driver().contexts == 0) return refuse("cuCtxPushCurrent: no context", kInvalidContext);
  context_stack.push_back(context);
  ++driver().pushed;
  return 0;
}
int cuCtxPopCurrent_v2(void** context) {
  FLEXC_ENTER("cuCtxPopCurrent_v2", false);
  if (context_stack.empty()) return refuse("cuCtxPopCurrent: nothing was pushed", kInvalidContext);
  *context = context_stack.back();
  context_stack.pop_back();
  --driver().pushed;
  return 0;
}
int cuModuleLoadData(void** module, const void* image) {
  FLEXC_ENTER("cuModuleLoadData");
  // The image says itself how long it is: its section headers come last.
  const auto* bytes = static_cast<const std::byte*>(image);
  std::uint64_t table = 0;
  std::uint16_t size = 0, count = 0;
  std::memcpy(&table, bytes + 40, 8), std::memcpy(&size, bytes + 58, 2), std::memcpy(&count, bytes + 60, 2);
  std::uint64_t segments = 0;
  std::uint16_t segment_size = 0, segment_count = 0;
  std::memcpy(&segments, bytes + 32, 8), std::memcpy(&segment_size, bytes + 54, 2), std::memcpy(&segment_count, bytes + 56, 2);
  const std::uint64_t end = std::max(table + std::uint64_t{size} * count, segments + std::uint64_t{segment_size} * segment_count);
  if (std::memcmp(image, "\177ELF", 4) != 0) return refuse("cuModuleLoadData: no ELF file", kInvalidImage);
  auto loaded = std::make_unique<Module>();
  loaded->image.assign(bytes, bytes + end);
  const auto parameters = flexc::runtime::kernel_parameter_bytes(loaded->image);
  if (!parameters) return refuse("cuModuleLoadData: " + parameters.error().message, kInvalidImage);
  loaded->parameters = *parameters;
  loaded->model = kernels_of(loaded->image);
  *module = loaded.get();
  driver().modules[*module] = std::move(loaded);
  return 0;
}
int cuModuleUnload(void* module) {
  FLEXC_ENTER("cuModuleUnload");
  return driver().modules.erase(module) == 1 ? 0 : refuse("cuModuleUnload: no module", kInvalidHandle);
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  FLEXC_ENTER("cuModuleGetFunction");
  const auto found = driver().modules.find(module);
  if (found == driver().modules.end()) return refuse("cuModuleGetFunction: no module", kInvalidHandle);
  const std::string section = std::string(".text.") + name;
  const std::vector<std::byte>& image = found->second->image;
  const auto* text = reinterpret_cast<const char*>(image.data());
  if (std::search(text, text + image.size(), section.c_str(), section.c_str() + section.size() + 1) == text + image.size())
    return refuse(std::string("cuModuleGetFunction: ") + name + " is not there", kNotFound);
  *function = driver().functions.emplace_back(std::make_unique<Function>(Function{found->second.get(), name})).get();
  return 0;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
  FLEXC_ENTER("cuFuncSetAttribute");
  if (attribute != 8 || value < 0 || value > kSharedLimit) return refuse("cuFuncSetAttribute: " + std::to_string(attribute) + " = " + std::to_string(value));
  static_cast<Function*>(function)->smem = value;
  return 0;
}
static int allocate(std::uint64_t* address, std::size_t bytes, bool of_stream) {
  if (bytes == 0) return refuse("an allocation of 0 bytes");
  if (bytes > kMemory) return kOutOfMemory;
  Block block{std::make_unique<std::byte[]>(bytes + 255), bytes, of_stream};
  std::memset(block.bytes.get(), kPoison, bytes + 255);
  *address = (reinterpret_cast<std::uint64_t>(block.bytes.get()) + 255) / 256 * 256;
  driver().memory.emplace(*address, std::move(block));
  return 0;
}
static int release(std::uint64_t address, bool of_stream) {
  const auto found = driver().memory.find(address);
  if (found == driver().memory.end() || found->second.of_stream != of_stream) return refuse("memory is freed that was not allocated so");
  driver().memory.erase(found);
  return 0;
}
int cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  FLEXC_ENTER("cuMemAlloc_v2");
  return allocate(address, bytes, false);
}
int cuMemFree_v2(std::uint64_t address) {
  FLEXC_ENTER("cuMemFree_v2");
  return release(address, false);
}
int cuMemAllocAsync(std::uint64_t* address, std::size_t bytes, void* stream) {
  FLEXC_ENTER("cuMemAllocAsync");
  return known_stream(stream) ? allocate(address, bytes, true) : refuse("cuMemAllocAsync: stream", kInvalidHandle);
}
int cuMemFreeAsync(std::uint64_t address, void* stream) {
  FLEXC_ENTER("cuMemFreeAsync");
  return known_stream(stream) ? release(address, true) : refuse("cuMemFreeAsync: stream", kInvalidHandle);
}
int cuMemcpyHtoD_v2(std::uint64_t to, const void* from, std::size_t bytes) {
  FLEXC_ENTER("cuMemcpyHtoD_v2");
  if (!driver().holds(to, bytes)) return refuse("cuMemcpyHtoD: not the GPU's memory");
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
int cuMemcpyHtoDAsync_v2(std::uint64_t to, const void* from, std::size_t bytes, void* stream) {
  FLEXC_ENTER("cuMemcpyHtoDAsync_v2");
  if (!known_stream(stream) || !driver().holds(to, bytes)) return refuse("cuMemcpyHtoDAsync: stream or memory");
  if (driver().captures && stream == &driver().stream) return refuse("cuMemcpyHtoDAsync: a graph would read the host's memory when it runs");
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void* to, std::uint64_t from, std::size_t bytes) {
  FLEXC_ENTER("cuMemcpyDtoH_v2");
  if (!driver().holds(from, bytes)) return refuse("cuMemcpyDtoH: not the GPU's memory");
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  if (spoils_this_copy()) *static_cast<unsigned char*>(to) ^= 1;
  driver().copied_out.emplace_back(from, from + bytes);
  return 0;
}
int cuMemsetD32Async(std::uint64_t address, unsigned value, std::size_t words, void* stream) {
  FLEXC_ENTER("cuMemsetD32Async");
  if (!known_stream(stream) || address % 4 != 0 || !driver().holds(address, words * 4)) return refuse("cuMemsetD32Async: stream or memory");
  std::fill_n(reinterpret_cast<unsigned*>(address), words, value);
  return 0;
}
int cuStreamSynchronize(void* stream) {
  FLEXC_ENTER("cuStreamSynchronize");
  return known_stream(stream) ? 0 : refuse("cuStreamSynchronize: stream", kInvalidHandle);
}
int cuStreamIsCapturing(void* stream, int* capture) {
  FLEXC_ENTER("cuStreamIsCapturing");
  if (!known_stream(stream)) return refuse("cuStreamIsCapturing: stream", kInvalidHandle);
  *capture = driver().captures && stream == &driver().stream ? 1 : 0;
  return 0;
}
int cuEventCreate(void** event, unsigned) {
  FLEXC_ENTER("cuEventCreate");
  ++driver().events;
  *event = new char;
  return 0;
}
int cuEventDestroy_v2(void* event) {
  FLEXC_ENTER("cuEventDestroy_v2");
  --driver().events;
  delete static_cast<char*>(event);
  return 0;
}
int cuEventRecord(void*, void* stream) {
  FLEXC_ENTER("cuEventRecord");
  return known_stream(stream) ? 0 : refuse("cuEventRecord: stream", kInvalidHandle);
}
int cuEventSynchronize(void*) {
  FLEXC_ENTER("cuEventSynchronize");
  return 0;
}
int cuEventElapsedTime(float* milliseconds, void*, void*) {
  FLEXC_ENTER("cuEventElapsedTime");
  *milliseconds = 0;  // a stand-in measures nothing
  return 0;
}
int cuTensorMapEncodeTiled(void* map, int element, std::uint32_t rank, void* address, const std::uint64_t* sizes, const std::uint64_t* strides, const std::uint32_t* box,
                           const std::uint32_t* element_strides, int interleave, int swizzle, int promotion, int fill) {
  FLEXC_ENTER("cuTensorMapEncodeTiled");
  if (reinterpret_cast<std::uintptr_t>(map) % 64 != 0) return refuse("cuTensorMapEncodeTiled: the map is not aligned");
  if (rank < 1 || rank > TensorMapRequest::kMostDimensions) return refuse("cuTensorMapEncodeTiled: rank");
  TensorMapRequest request;
  request.element = static_cast<TensorMapRequest::Element>(element);
  request.rank = rank;
  request.address = reinterpret_cast<std::uint64_t>(address);
  std::copy_n(sizes, rank, request.sizes.begin()), std::copy_n(strides, rank - 1, request.strides.begin());
  std::copy_n(box, rank, request.box.begin()), std::copy_n(element_strides, rank, request.element_strides.begin());
  request.interleave = static_cast<TensorMapRequest::Interleave>(interleave), request.swizzle = static_cast<TensorMapRequest::Swizzle>(swizzle);
  request.promotion = static_cast<TensorMapRequest::Promotion>(promotion), request.fill = static_cast<TensorMapRequest::Fill>(fill);
  if (auto checked = flexc::runtime::check_tensor_map(request); !checked) return refuse("cuTensorMapEncodeTiled: " + checked.error().message);
  if (!driver().holds(request.address, extent_of(request))) return refuse("cuTensorMapEncodeTiled: the tensor reaches beyond its memory");
  const flexc_tensor_map bytes = flexc::model::encode_map(request);
  std::memcpy(map, &bytes, sizeof bytes);
  return 0;
}
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned smem, void* stream, void** arguments, void** extra) {
  FLEXC_ENTER("cuLaunchKernel");
  hang_if_asked();
  const auto* launched = static_cast<const Function*>(function);
  if (!known_stream(stream) || extra != nullptr) return refuse("cuLaunchKernel: stream");
  if (grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1 || block_x % 128 != 0 || block_x > kMostThreads) return refuse("cuLaunchKernel: grid or block");
  if (static_cast<int>(smem) != launched->smem) return refuse("cuLaunchKernel: other shared memory than cuFuncSetAttribute was told");
  return launch(*launched, grid_x, block_x, smem, arguments);
}
}
