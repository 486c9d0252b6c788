// DLPack in and out, against the published layout of its structs.
#include <catch2/catch.hpp>

#include <cstdint>
#include <vector>

#include "flexc/dlpack.h"

using namespace flexc;

namespace {

// As dlpack.h 0.8 declares them.
struct DLTensor {
  void* data;
  struct { std::int32_t device_type; std::int32_t device_id; } device;
  std::int32_t ndim;
  struct { std::uint8_t code; std::uint8_t bits; std::uint16_t lanes; } dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};

}  // namespace

TEST_CASE("a DLTensor becomes a view: offset, strides, types", "[dlpack]") {
  std::vector<float> data(24);
  std::int64_t shape[] = {2, 3}, strides[] = {12, 2};
  DLTensor tensor{data.data(), {1, 0}, 2, {2, 32, 1}, shape, strides, 8};
  auto view = from_dlpack(&tensor);
  REQUIRE(view);
  CHECK(view->data == data.data() + 2);
  CHECK(view->dtype == f32);
  CHECK(view->shape == std::vector<std::int64_t>{2, 3});
  CHECK(view->strides == std::vector<std::int64_t>{12, 2});
  CHECK(view->memory == MemoryKind::Host);
  tensor.strides = nullptr;
  tensor.device.device_type = 2;
  view = from_dlpack(&tensor);
  REQUIRE(view);
  CHECK(view->strides == std::vector<std::int64_t>{3, 1});
  CHECK(view->memory == MemoryKind::Cuda);
  const struct { std::uint8_t code, bits; DType dtype; } types[] = {{2, 16, f16}, {4, 16, bf16}, {2, 64, f64}, {0, 32, i32}, {0, 64, i64}, {1, 8, u8}, {6, 8, boolean}};
  tensor.byte_offset = 0;
  for (const auto& type : types) {
    tensor.dtype.code = type.code, tensor.dtype.bits = type.bits;
    view = from_dlpack(&tensor);
    REQUIRE(view);
    CHECK(view->dtype == type.dtype);
  }
}

TEST_CASE("what flexc cannot read is refused in words", "[dlpack]") {
  float data[4] = {};
  std::int64_t shape[] = {4};
  const DLTensor good{data, {1, 0}, 1, {2, 32, 1}, shape, nullptr, 0};
  const auto refused = [](const DLTensor& tensor) { return !from_dlpack(&tensor); };
  REQUIRE_FALSE(refused(good));
  CHECK_FALSE(from_dlpack(nullptr));
  DLTensor bad = good;
  bad.device.device_type = 7;
  CHECK(refused(bad));
  bad = good, bad.dtype.lanes = 4;
  CHECK(refused(bad));
  bad = good, bad.dtype.bits = 8;
  CHECK(refused(bad));
  bad = good, bad.ndim = -1;
  CHECK(refused(bad));
  bad = good, bad.shape = nullptr;
  CHECK(refused(bad));
  bad = good, bad.byte_offset = 2;
  CHECK(refused(bad));
  bad = good, bad.data = nullptr;
  CHECK(refused(bad));
  std::int64_t negative[] = {-1}, huge[] = {std::int64_t{1} << 62, 4};
  bad = good, bad.shape = negative;
  CHECK(refused(bad));
  bad = good, bad.ndim = 2, bad.shape = huge;
  CHECK(refused(bad));
}

TEST_CASE("an owned tensor goes out and is freed by its deleter", "[dlpack]") {
  Tensor tensor(bf16, {2, 5});
  tensor.as<std::uint16_t>()[7] = 0x3f80;
  auto* const managed = static_cast<DLManagedTensor*>(to_dlpack(std::move(tensor)));
  CHECK(managed->dl_tensor.ndim == 2);
  CHECK(managed->dl_tensor.shape[1] == 5);
  CHECK(managed->dl_tensor.strides[0] == 5);
  CHECK(managed->dl_tensor.dtype.code == 4);
  const auto view = from_dlpack(&managed->dl_tensor);
  REQUIRE(view);
  CHECK(load_as_double(*view, 7) == 1.0);
  managed->deleter(managed);
}
