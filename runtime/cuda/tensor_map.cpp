#include "runtime/cuda/tensor_map.h"

#include <string>

#include <fmt/format.h>

#include "runtime/cuda/driver.h"

namespace flexc::runtime {
namespace {

using Request = TensorMapRequest;

constexpr std::uint64_t kMostSize = std::uint64_t{1} << 32, kStrideLimit = std::uint64_t{1} << 40;
constexpr std::uint32_t kMostBox = 256, kMostElementStride = 8;
constexpr std::uint64_t kAlignment = 16, kInterleavedAlignment = 32;

unsigned bytes_of(Request::Element element) {
  switch (element) {
    case Request::Element::U8: return 1;
    case Request::Element::U16: case Request::Element::F16: case Request::Element::Bf16: return 2;
    case Request::Element::U32: case Request::Element::I32: case Request::Element::F32: return 4;
    case Request::Element::U64: case Request::Element::I64: case Request::Element::F64: return 8;
  }
  return 0;
}

bool is_float(Request::Element element) {
  return element == Request::Element::F16 || element == Request::Element::F32 || element == Request::Element::F64 || element == Request::Element::Bf16;
}

/// Width of the pattern in bytes; 0 for none.
unsigned swizzle_bytes(Request::Swizzle swizzle) { return swizzle == Request::Swizzle::None ? 0 : 16u << static_cast<unsigned>(swizzle); }

template <class Enum>
bool is_among(Enum value, Enum last) {
  return static_cast<int>(value) >= 0 && static_cast<int>(value) <= static_cast<int>(last);
}

}  // namespace

Result<void> check_tensor_map(const TensorMapRequest& request) {
  const auto broken = [](std::string rule) { return std::unexpected(Error{ErrorKind::Internal, "tensor map: " + std::move(rule)}); };
  const unsigned width = is_among(request.element, Request::Element::Bf16) ? bytes_of(request.element) : 0;
  const bool interleaves32 = request.interleave == Request::Interleave::Bytes32, interleaves = request.interleave != Request::Interleave::None;
  if (width == 0) return broken(fmt::format("element type {} is none of the driver's", static_cast<int>(request.element)));
  if (!is_among(request.interleave, Request::Interleave::Bytes32) || !is_among(request.swizzle, Request::Swizzle::Bytes128) ||
      !is_among(request.promotion, Request::Promotion::Bytes256) || !is_among(request.fill, Request::Fill::Nan))
    return broken("interleave, swizzle, L2 promotion or fill is none of the driver's");
  if (request.rank < 1 || request.rank > Request::kMostDimensions) return broken(fmt::format("rank {}: 1 to 5", request.rank));
  if (interleaves && request.rank < 3) return broken(fmt::format("rank {}: an interleaved layout has at least 3 dimensions", request.rank));

  const std::uint64_t alignment = interleaves32 ? kInterleavedAlignment : kAlignment;
  if (request.address % alignment != 0) return broken(fmt::format("address {:#x}: a multiple of {}", request.address, alignment));
  for (std::uint32_t i = 0; i < request.rank; ++i) {
    if (request.sizes[i] < 1 || request.sizes[i] > kMostSize) return broken(fmt::format("size {} of dimension {}: 1 to 2^32", request.sizes[i], i));
    if (request.box[i] < 1 || request.box[i] > kMostBox) return broken(fmt::format("box of {} in dimension {}: 1 to 256", request.box[i], i));
    // The innermost one is ignored without an interleaved layout.
    if ((i > 0 || interleaves) && (request.element_strides[i] < 1 || request.element_strides[i] > kMostElementStride))
      return broken(fmt::format("element stride {} of dimension {}: 1 to 8", request.element_strides[i], i));
  }
  for (std::uint32_t i = 0; i + 1 < request.rank; ++i)
    if (request.strides[i] % alignment != 0 || request.strides[i] >= kStrideLimit)
      return broken(fmt::format("stride of {} bytes in dimension {}: a multiple of {} below 2^40", request.strides[i], i + 1, alignment));

  const std::uint64_t inner = std::uint64_t{request.box[0]} * width;
  if (!interleaves && inner % kAlignment != 0) return broken(fmt::format("a box's rows of {} bytes: a multiple of 16", inner));
  if (!interleaves && request.swizzle != Request::Swizzle::None && inner > swizzle_bytes(request.swizzle))
    return broken(fmt::format("a box's rows of {} bytes: at most the swizzle's {}", inner, swizzle_bytes(request.swizzle)));
  if (interleaves32 && request.swizzle != Request::Swizzle::Bytes32) return broken("an interleaved layout of 32 bytes takes the swizzle of 32 bytes");
  if (request.fill == Request::Fill::Nan && !is_float(request.element)) return broken("a fill with NaN takes floats");
  return {};
}

Result<TensorMap> encode_tensor_map(const TensorMapRequest& request) {
  if (auto status = check_tensor_map(request); !status) return std::unexpected(status.error());
  const auto driver = CudaDriver::open();
  if (!driver) return std::unexpected(driver.error());
  return driver->encode(request);
}

}  // namespace flexc::runtime
