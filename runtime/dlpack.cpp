#include "flexc/dlpack.h"

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace flexc {
namespace {

// DLPack's ABI (https://dmlc.github.io/dlpack/latest/c_api.html), the parts that have not changed since version 0.2.
struct Device {
  std::int32_t type, id;
};
struct DataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct DlTensor {
  void* data;
  Device device;
  std::int32_t rank;
  DataType type;
  std::int64_t* shape;
  std::int64_t* strides;  ///< in elements; null: row-major
  std::uint64_t byte_offset;
};
struct DlManagedTensor {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManagedTensor*);
};
enum : std::int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3, kCudaManaged = 13 };
enum : std::uint8_t { kInt = 0, kUnsigned = 1, kFloat = 2, kBfloat = 4, kBool = 6 };

constexpr struct {
  DType dtype;
  std::uint8_t code, bits;
} kTypes[] = {{DType::F32, kFloat, 32}, {DType::F16, kFloat, 16}, {DType::BF16, kBfloat, 16}, {DType::F64, kFloat, 64},
              {DType::I32, kInt, 32},   {DType::I64, kInt, 64},   {DType::U8, kUnsigned, 8},  {DType::Bool, kBool, 8}};

std::unexpected<Error> refused(std::string why) { return std::unexpected(Error{ErrorKind::Input, "DLPack tensor: " + std::move(why)}); }

std::optional<DType> dtype_of(DataType type) {
  for (const auto& known : kTypes)
    if (type.lanes == 1 && known.code == type.code && known.bits == type.bits) return known.dtype;
  return std::nullopt;
}

/// A managed tensor and what it points to.
struct Owner {
  DlManagedTensor managed;
  Tensor tensor;
  TensorView view;
};

}  // namespace

Result<TensorView> from_dlpack(const void* dl_tensor) {
  if (dl_tensor == nullptr) return refused("it is null");
  const auto& given = *static_cast<const DlTensor*>(dl_tensor);
  const bool on_host = given.device.type == kCpu || given.device.type == kCudaHost;
  if (!on_host && given.device.type != kCuda && given.device.type != kCudaManaged) return refused(fmt::format("device type {} is neither the host nor CUDA", given.device.type));
  const auto dtype = dtype_of(given.type);
  if (!dtype) return refused(fmt::format("type code {}, {} bits, {} lanes is none of flexc's", given.type.code, given.type.bits, given.type.lanes));
  if (given.rank < 0 || (given.rank > 0 && given.shape == nullptr)) return refused(fmt::format("rank {} without a shape", given.rank));
  if (given.byte_offset % size_of(*dtype) != 0) return refused(fmt::format("byte offset {} is no multiple of {}", given.byte_offset, size_of(*dtype)));
  TensorView view;
  view.dtype = *dtype;
  view.memory = on_host ? MemoryKind::Host : MemoryKind::Cuda;
  view.shape.assign(given.shape, given.shape + given.rank);
  std::int64_t count = 1;
  for (const std::int64_t extent : view.shape) {
    if (extent < 0) return refused(fmt::format("extent {} is negative", extent));
    if (__builtin_mul_overflow(count, extent, &count)) return refused("it has more than 2^63 elements");
  }
  if (given.data == nullptr && count > 0) return refused("it has elements but no data");
  if (given.strides != nullptr) view.strides.assign(given.strides, given.strides + given.rank);
  else view.strides = TensorView::row_major_strides(view.shape);
  if (given.data != nullptr) view.data = static_cast<std::byte*>(given.data) + given.byte_offset;
  return view;
}

void* to_dlpack(Tensor tensor) {
  auto owner = std::make_unique<Owner>();
  owner->tensor = std::move(tensor);
  owner->view = owner->tensor.view();
  TensorView& view = owner->view;
  DataType type{};
  for (const auto& known : kTypes)
    if (known.dtype == view.dtype) type = {known.code, known.bits, 1};
  owner->managed.tensor = {view.data, {kCpu, 0}, static_cast<std::int32_t>(view.rank()), type, view.shape.data(), view.strides.data(), 0};
  owner->managed.context = owner.get();
  owner->managed.deleter = [](DlManagedTensor* managed) { delete static_cast<Owner*>(managed->context); };
  return &owner.release()->managed;
}

}  // namespace flexc
