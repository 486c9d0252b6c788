// Offsets beyond 2^31 elements, from Engine to output: tensors and captures whose rows and heads lie far apart in a sparse mapping give the
// bits that compact copies give.
#include <sys/mman.h>

#include <cstring>

#include <catch2/catch.hpp>

#include "tests/api/attention_fixture.h"

using namespace flexc;
using test::Call;

namespace {

constexpr std::int64_t kHeadStep = std::int64_t{1} << 32, kRowStep = (std::int64_t{1} << 29) + 40;  // elements
constexpr std::int64_t kHeads = 2, kRows = 5, kColumns = 7, kDim = 16;

/// Memory only where it is written. Tensors share it, some thousand elements apart.
class SparseMapping {
 public:
  SparseMapping() : bytes_(static_cast<std::size_t>((kHeads - 1) * kHeadStep + kColumns * kRowStep) * sizeof(float)) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  ~SparseMapping() {
    if (usable()) munmap(memory_, bytes_);
  }
  SparseMapping(const SparseMapping&) = delete;
  SparseMapping& operator=(const SparseMapping&) = delete;
  bool usable() const { return memory_ != MAP_FAILED; }

  /// The elements of a row-major tensor, `strides` apart.
  TensorView place(const TensorView& from, std::vector<std::int64_t> strides) {
    const std::size_t size = size_of(from.dtype);
    auto* const base = static_cast<std::byte*>(memory_) + next_;
    next_ += 4096;
    const TensorView far(base, from.dtype, from.shape, std::move(strides));
    for (std::int64_t i = 0; i < from.element_count(); ++i) std::memcpy(base + static_cast<std::size_t>(offset(far, i)) * size, static_cast<const std::byte*>(from.data) + static_cast<std::size_t>(i) * size, size);
    return far;
  }

  /// Where element `i` in row-major order lies.
  static std::int64_t offset(const TensorView& view, std::int64_t i) {
    std::int64_t place = 0;
    for (std::size_t axis = view.rank(); axis-- > 0; i /= view.shape[axis]) place += i % view.shape[axis] * view.strides[axis];
    return place;
  }

 private:
  std::size_t bytes_, next_ = 0;
  void* memory_ = nullptr;
};

std::vector<std::byte> elements(const TensorView& view) {
  const std::size_t size = size_of(view.dtype);
  std::vector<std::byte> values;
  for (std::int64_t i = 0; i < view.element_count(); ++i) {
    const auto* at = static_cast<const std::byte*>(view.data) + static_cast<std::size_t>(SparseMapping::offset(view, i)) * size;
    values.insert(values.end(), at, at + size);
  }
  return values;
}

constexpr std::string_view kText =
    "tensor bias: f32[H, KV]\n"
    "tensor doc: i32[tokens]\n"
    "tensor chosen: u8[KV, Q]\n"
    "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + bias[h, kv_idx] * doc[q_idx]\n"
    "def mask_mod(b, h, q_idx, kv_idx):\n    return (doc[q_idx] <= doc[kv_idx]) | (chosen[kv_idx, q_idx] != 0)\n";

}  // namespace

TEST_CASE("offsets beyond 2^31 elements: the bits of a compact copy") {
  SparseMapping mapping;
  if (!mapping.usable()) {
    WARN("skipped: the system refuses a sparse mapping");
    return;
  }
  for (const Device device : {Device::cpu(), Device::oracle()})
    for (const DType dtype : {f32, bf16, f16}) {
      CAPTURE(name_of(device), name_of(dtype));
      Engine engine;
      const auto kernel = engine.compile(test::parsed(kText), {.dtype = dtype, .head_dim = kDim, .device = device});
      if (!kernel && kernel.error().error.kind == ErrorKind::Environment) continue;  // no AVX2
      REQUIRE(kernel.has_value());

      Tensor bias(f32, {kHeads, kColumns}), doc(i32, {kColumns}), chosen(u8, {kColumns, kRows}), most(f32, {1, kHeads, kRows});
      fill_normal(bias.view(), 3, "bias");
      for (std::int64_t i = 0; i < kColumns; ++i) doc.as<std::int32_t>()[i] = static_cast<std::int32_t>(i / 3);
      for (std::int64_t i = 0; i < kColumns * kRows; ++i) chosen.as<std::uint8_t>()[i] = i % 4 == 1;
      Call compact({.batch = 1, .heads = kHeads, .kv_heads = kHeads, .q_len = kRows, .kv_len = kColumns, .head_dim = kDim, .value_dim = kDim}, dtype);
      compact.arguments.max_scores = most.view();
      RunArguments far = compact.arguments;
      for (const auto& [name, tensor] : {std::pair("bias", &bias), std::pair("doc", &doc), std::pair("chosen", &chosen)}) compact.arguments.captures.set(name, tensor->view());
      REQUIRE((*kernel)->run(compact.arguments).has_value());

      const std::vector<std::int64_t> strides{kHeads * kHeadStep, kHeadStep, kRowStep, 1};
      for (TensorView* tensor : {&far.q, &far.k, &far.v}) *tensor = mapping.place(*tensor, strides);
      Tensor blank(dtype, compact.out.view().shape), blank_rows(f32, most.view().shape);
      far.out = mapping.place(blank.view(), strides);
      for (TensorView* tensor : {&far.lse, &far.max_scores}) *tensor = mapping.place(blank_rows.view(), {kHeads * kHeadStep, kHeadStep, kRowStep});
      far.captures.set("bias", mapping.place(bias.view(), {kHeadStep, kRowStep}));
      far.captures.set("doc", mapping.place(doc.view(), {kRowStep}));
      far.captures.set("chosen", mapping.place(chosen.view(), {kRowStep, kHeadStep / 8}));
      REQUIRE((kColumns - 1) * kRowStep > std::int64_t{1} << 31);
      REQUIRE((*kernel)->run(far).has_value());
      CHECK(elements(far.out) == elements(compact.out.view()));
      CHECK(elements(far.lse) == elements(compact.lse.view()));
      CHECK(elements(far.max_scores) == elements(most.view()));
      // The comparison itself: one element elsewhere is seen.
      far.captures.set("doc", mapping.place(doc.view(), {kRowStep - 1}));
      static_cast<std::int32_t*>(far.captures.tensors().at("doc").data)[3 * (kRowStep - 1)] = 7;
      REQUIRE((*kernel)->run(far).has_value());
      CHECK_FALSE(elements(far.out) == elements(compact.out.view()));
    }
}
