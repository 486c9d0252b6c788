// Tensors that TMA cannot describe, through the stand-in driver with the kernel on the host model: they are copied, and the answers are those of the same numbers
// where TMA can describe them, to the bit.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <vector>

#include "flexc/cuda_memory.h"
#include "flexc/flexc.h"
#include "flexc/random.h"
#include "flexc/io.h"
#include "flexc/tensor.h"
#include "templates/hopper/tile.h"
#include "tests/cuda/emitted_model.h"
#include "tests/cuda/fake/loaded_fake.h"
#include "tests/cuda/launched_variant.h"

using namespace flexc;
using namespace flexc::test;

namespace {

constexpr const char* kCausal = "def mask_mod(b, h, q, k):\n    return q >= k - 40\n";

/// A tensor on "the GPU" whose rows are `pitch` elements apart and begin `shift` elements behind a multiple of 256 bytes.
struct Placed {
  CudaTensor memory;
  TensorView view;
  static Placed of(const CudaMemory& gpu, const Tensor& from, std::int64_t pitch, std::int64_t shift) {
    const auto& shape = from.view().shape;
    const std::int64_t rows = shape[0] * shape[1] * shape[2];
    Tensor host(bf16, {rows * pitch + shift});
    std::memset(host.data(), 0xff, host.byte_count());  // NaN between the rows
    auto* to = static_cast<std::uint16_t*>(host.data()) + shift;
    for (std::int64_t row = 0; row < rows; ++row) std::memcpy(to + row * pitch, static_cast<const std::uint16_t*>(from.view().data) + row * shape[3], static_cast<std::size_t>(shape[3]) * 2);
    Placed placed{std::move(*gpu.copy_of(host.view())), {}};
    placed.view = placed.memory.view();
    placed.view.data = static_cast<std::uint16_t*>(placed.view.data) + shift;
    placed.view.shape = shape;
    placed.view.strides = {shape[1] * shape[2] * pitch, shape[2] * pitch, pitch, 1};
    return placed;
  }
  /// What the rows hold now, and whether what lies between them is as it was.
  std::vector<std::uint16_t> rows(const CudaMemory& gpu, bool& intact) const {
    Tensor host(bf16, memory.view().shape);
    REQUIRE(gpu.copy_back(memory, host.view(), nullptr).has_value());
    const auto* all = static_cast<const std::uint16_t*>(host.data());
    const std::int64_t shift = static_cast<const std::uint16_t*>(view.data) - static_cast<const std::uint16_t*>(memory.view().data), pitch = view.strides[2];
    std::vector<std::uint16_t> values;
    for (std::int64_t i = 0; i < shift; ++i) intact &= all[i] == 0xffff;
    for (std::int64_t row = 0; row < view.shape[0] * view.shape[1] * view.shape[2]; ++row)
      for (std::int64_t c = 0; c < pitch; ++c) {
        const std::uint16_t value = all[shift + row * pitch + c];
        if (c < view.shape[3]) values.push_back(value);
        else intact &= value == 0xffff;
      }
    return values;
  }
};

struct Answer {
  std::vector<std::uint16_t> out;
  int launches = 0, allocations = 0;
  bool intact = true;
};

/// One call with every tensor so placed, in a workspace of the caller's.
Answer attend(const Kernel& kernel, const CudaMemory& gpu, const Tensor (&tensors)[4], void* entry, std::int64_t extra, std::int64_t shift, std::int64_t split) {
  const auto place = [&](const Tensor& tensor) {
    const std::int64_t dim = tensor.view().shape[3];
    return Placed::of(gpu, tensor, extra < 0 ? dim : (dim + 7) / 8 * 8 + extra, shift);
  };
  const Placed q = place(tensors[0]), k = place(tensors[1]), v = place(tensors[2]), out = place(tensors[3]);
  RunArguments arguments{.q = q.view, .k = k.view, .v = v.view, .out = out.view};
  arguments.split = split;
  const auto workspace = gpu.allocate(u8, {static_cast<std::int64_t>(kernel.workspace_bytes(arguments))});
  REQUIRE(workspace.has_value());
  arguments.workspace = workspace->view().data;
  fake().reset();
  fake().kernel(entry);
  const auto status = kernel.run(arguments, fake().stream());
  INFO((status ? "" : status.error().message) << fake().violations());
  REQUIRE(status.has_value());
  CHECK(fake().violations() == "");
  Answer answer;
  answer.launches = count_of(fake().calls(), "cuLaunchKernel"), answer.allocations = count_of(fake().calls(), "cuMemAllocAsync");
  answer.out = out.rows(gpu, answer.intact);
  return answer;
}

}  // namespace

TEST_CASE("tensors that TMA cannot describe are copied, and no bit of the answer changes") {
  if (!has_nvrtc()) return;
  fake().reset();
  EngineOptions options;
  options.disk_cache = false;
  Engine engine(options);
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  std::map<unsigned, std::shared_ptr<const LoadedObject>> models;
  std::vector<std::shared_ptr<const Kernel>> kept;  // so that equal tiles are compiled once
  struct Shape {
    std::int64_t q_len, kv_len, split;
  };
  const std::pair<std::int64_t, std::vector<Shape>> cases[] = {
      {1, {{113, 203, 1}, {1, 1, 1}, {239, 1, 1}, {799, 3, 1}}}, {7, {{113, 203, 1}, {113, 203, 2}}}, {33, {{1, 1, 1}, {1023, 1024, 1}, {9, 1024, 3}}},
      {65, {{113, 203, 1}}}, {100, {{113, 203, 2}}}, {129, {{30, 203, 1}}}, {255, {{30, 203, 1}, {30, 203, 3}}}};
  int compared = 0;
  for (const auto& [dim, shapes] : cases) {
    auto& object = models[device::whole_panels(static_cast<unsigned>(dim))];
    if (!object) object = model_of(kCausal, dim, dim);
    const auto kernel = engine.compile(*Variant::parse(kCausal), {.dtype = bf16, .head_dim = dim, .device = Device::cuda()});
    REQUIRE(kernel.has_value());
    kept.push_back(*kernel);
    for (const Shape& shape : shapes) {
      INFO("D " << dim << ", " << shape.q_len << " x " << shape.kv_len << " in " << shape.split);
      Tensor tensors[4] = {Tensor(bf16, {1, 2, shape.q_len, dim}), Tensor(bf16, {1, 1, shape.kv_len, dim}), Tensor(bf16, {1, 1, shape.kv_len, dim}), Tensor(bf16, {1, 2, shape.q_len, dim})};
      fill_normal(tensors[0].view(), 1, "q"), fill_normal(tensors[1].view(), 1, "k"), fill_normal(tensors[2].view(), 1, "v");
      void* const entry = object->symbol("flexc_model_thread");
      // By name: with a stride that TMA takes; dense rows of odd length; and one element behind where TMA could begin.
      const Answer described = attend(**kernel, *memory, tensors, entry, 8, 0, shape.split), dense = attend(**kernel, *memory, tensors, entry, -1, 0, shape.split),
                   shifted = attend(**kernel, *memory, tensors, entry, 8, 1, shape.split);
      const int parts = shape.split > 1;
      CHECK(described.launches == 2 + parts);  // the kernel, and the plain one for what is not finite
      CHECK(shifted.launches == 2 + 4);        // three copies before, and one behind or the merging
      for (const Answer* answer : {&described, &dense, &shifted}) {
        CHECK(answer->allocations == 0);
        CHECK(answer->intact);
        CHECK(answer->out == described.out);
        CHECK(std::ranges::none_of(answer->out, [](std::uint16_t bits) { return (bits & 0x7f80) == 0x7f80; }));
      }
      ++compared;
    }
  }
  WARN("copied tensors: " << compared << " calls, the bits of tensors that TMA describes");
  fake().reset();
}

TEST_CASE("a head that is shared by a stride of 0 is copied too") {
  if (!has_nvrtc()) return;
  fake().reset();
  const auto object = model_of(kCausal);
  EngineOptions options;
  options.disk_cache = false;
  Engine engine(options);
  const auto kernel = engine.compile(*Variant::parse(kCausal), {.dtype = bf16, .head_dim = 64, .device = Device::cuda()});
  REQUIRE(kernel.has_value());
  const auto memory = CudaMemory::open();
  REQUIRE(memory.has_value());
  Tensor q(bf16, {1, 2, 40, 64}), one(bf16, {1, 1, 90, 64}), both(bf16, {1, 2, 90, 64});
  fill_normal(q.view(), 1, "q"), fill_normal(one.view(), 1, "k");
  for (int h = 0; h < 2; ++h) std::memcpy(static_cast<std::byte*>(both.data()) + static_cast<std::size_t>(h) * one.byte_count(), one.data(), one.byte_count());
  const auto on_gpu = [&](const Tensor& tensor) { return std::move(*memory->copy_of(tensor.view())); };
  const CudaTensor gpu_q = on_gpu(q), gpu_one = on_gpu(one), gpu_both = on_gpu(both);
  const auto out_of = [&](const TensorView& k) {
    CudaTensor out = std::move(*memory->allocate(bf16, {1, 2, 40, 64}));
    fake().reset();
    fake().kernel(object->symbol("flexc_model_thread"));
    REQUIRE((*kernel)->run({.q = gpu_q.view(), .k = k, .v = gpu_both.view(), .out = out.view()}, fake().stream()).has_value());
    CHECK(fake().violations() == "");
    Tensor host(bf16, {1, 2, 40, 64});
    REQUIRE(memory->copy_back(out, host.view(), nullptr).has_value());
    return host;
  };
  TensorView broadcast = gpu_one.view();
  broadcast.shape[1] = 2, broadcast.strides[1] = 0;
  Tensor expected = out_of(gpu_both.view()), found = out_of(broadcast);
  CHECK(std::memcmp(expected.data(), found.data(), expected.byte_count()) == 0);
  fake().reset();
}

TEST_CASE("copies beyond all memory are an error of the allocation") {
  if (!has_nvrtc()) return;
  fake().reset();
  const auto kernel = Engine({.disk_cache = false}).compile(*Variant::parse(kCausal), {.dtype = bf16, .head_dim = 1, .device = Device::cuda()});
  const auto memory = CudaMemory::open();
  REQUIRE((kernel.has_value() && memory.has_value()));
  const auto one = memory->allocate(bf16, {1});
  REQUIRE(one.has_value());
  // All keys are one number. A copy has rows of 8 elements, so as many keys as q has rows would take 2^64 bytes, which is 0.
  constexpr std::int64_t kHeads = std::int64_t{1} << 30;
  for (const std::int64_t kv_len : {kHeads, kHeads - 1, kHeads / 2 + 1, kHeads / 16}) {
    INFO(kHeads << " heads, " << kv_len << " keys");
    TensorView rows = one->view(), keys = rows;
    rows.shape = {1, kHeads, 1, 1}, rows.strides = {kHeads * 8, 8, 8, 1};
    keys.shape = {1, kHeads, kv_len, 1}, keys.strides = {0, 0, 0, 0};
    RunArguments arguments{.q = rows, .k = keys, .v = keys, .out = rows};
    arguments.split = 1;
    CHECK((*kernel)->workspace_bytes(arguments) >= std::uint64_t{1} << 60);
    fake().reset();
    const auto status = (*kernel)->run(arguments, fake().stream());
    REQUIRE_FALSE(status.has_value());
    INFO(status.error().message);
    CHECK_THAT(status.error().message, Catch::Matchers::Contains("cuMemAllocAsync"));
    CHECK(count_of(fake().calls(), "cuLaunchKernel") == 0);
    CHECK(fake().violations() == "");
  }
}
