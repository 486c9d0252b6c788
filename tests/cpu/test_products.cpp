// Products of panels, on every instruction set of this machine, against sums one by one.
#include "templates/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/cpu/test_products.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "templates/cpu/products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// False where pairs of panels are not multiplied together.
inline bool call_qk_pairs(const float* q, std::size_t q_stride, const float* k, int pairs, std::size_t head_dim, float* s, std::size_t s_stride, float* tops) {
  if constexpr (kBothBlocks) multiply_qk_pairs(q, q_stride, k, pairs, head_dim, s, s_stride, tops);
  return kBothBlocks;
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <hwy/aligned_allocator.h>
#include <limits>
#include <vector>

#include "flexc/random.h"
#include "tests/cpu/on_each_target.h"

namespace flexc::cpu {
HWY_EXPORT(call_qk_pairs);
}  // namespace flexc::cpu

namespace flexc::cpu_test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// Floats that start a cache line.
struct Aligned {
  explicit Aligned(std::size_t count, float value = 0) : data(hwy::AllocateAligned<float>(count)) { std::fill_n(data.get(), count, value); }
  float& operator[](std::size_t i) const { return data[i]; }
  hwy::AlignedFreeUniquePtr<float[]> data;
};

}  // namespace

TEST_CASE("pairs of panels together: each product is one sum, and the largest are noted") {
  constexpr std::size_t kRows = cpu::kGroupRows, kPanel = cpu::kPanel, kStride = cpu::kMaxTile + cpu::kPanel;
  const CounterRandom random(19, "pairs of panels");
  std::uint64_t at = 0;
  bool is_tested = false;
  const auto number = [&] { return static_cast<float>(random.normal(at++)); };
  for (const std::size_t width : {1u, 3u, 16u, 61u, 64u, 96u, 127u, 128u})
    for (const std::size_t pairs : {1u, 2u, 5u, 16u})
      for (const bool notes : {true, false}) {
        INFO("head_dim " << width << ", " << pairs << " pairs, notes " << notes);
        const std::size_t q_stride = (width + kPanel - 1) / kPanel * kPanel, columns = 2 * pairs * kPanel;
        const Aligned q(kRows * q_stride), k(columns * width);
        for (std::size_t row = 0; row < kRows; ++row)
          for (std::size_t i = 0; i < q_stride; ++i) q[row * q_stride + i] = i < width ? number() : kNan;
        for (std::size_t i = 0; i < columns * width; ++i) k[i] = number();
        k[(2 * pairs - 1) * kPanel * width + 3] = kNan, k[5] = kInfinity;  // the last panel's column 3, and the first one's 5
        const auto product = [&](std::size_t row, std::size_t column) {
          float sum = 0;
          for (std::size_t i = 0; i < width; ++i) sum = std::fma(k[(column / kPanel * width + i) * kPanel + column % kPanel], q[row * q_stride + i], sum);
          return sum;
        };
        const auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        on_each_target([&] {
          const Aligned s(kRows * kStride, 7), tops(kRows * kPanel, 0.25f);
          if (!HWY_DYNAMIC_DISPATCH(cpu::call_qk_pairs)(q.data.get(), q_stride, k.data.get(), static_cast<int>(pairs), width, s.data.get(), kStride, notes ? tops.data.get() : nullptr)) return;
          is_tested = true;
          int wrong = 0;
          for (std::size_t row = 0; row < kRows; ++row) {
            std::vector<float> largest(kPanel, 0.25f);  // what was noted before counts on
            for (std::size_t column = 0; column < kStride; ++column) {
              const float expected = column < columns ? product(row, column) : 7.0f;
              wrong += !same(s[row * kStride + column], expected);
              if (notes && column < columns && expected > largest[column % kPanel]) largest[column % kPanel] = expected;
            }
            for (std::size_t i = 0; i < kPanel; ++i) wrong += tops[row * kPanel + i] != largest[i];
          }
          CHECK(wrong == 0);
        });
      }
  if (!is_tested) WARN("this machine has no AVX-512: no pairs are multiplied together");
}

}  // namespace flexc::cpu_test
#endif
