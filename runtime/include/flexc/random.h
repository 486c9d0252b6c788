// The documented random numbers behind --random: counter-based, so that any element can be drawn alone.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "flexc/tensor.h"

namespace flexc {

/// Philox4x32-10 (Salmon et al., SC'11): 128 random bits for a 128-bit counter under a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Draws keyed by (seed, tensor name, element index): equal keys give equal numbers on every machine.
/// key = seed; counter = (index low, index high, XXH3-64 of the name low, high).
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::string_view tensor_name);
  std::uint64_t bits(std::uint64_t index) const;
  /// In [0, 1), 53 bits.
  double uniform(std::uint64_t index) const;
  /// Uniform integer in [0, bound), bound ≥ 1.
  std::uint64_t below(std::uint64_t index, std::uint64_t bound) const;
  /// Standard normal: Box–Muller in f64 (random.cpp); rounded by whoever stores it.
  double normal(std::uint64_t index) const;

 private:
  std::array<std::uint32_t, 4> block(std::uint64_t index) const;

  std::array<std::uint32_t, 2> key_;
  std::uint64_t stream_;
};

/// Fills a row-major f32, f16 or bf16 tensor with standard normals: drawn in f64, rounded to f32, then to its dtype.
void fill_normal(const TensorView& tensor, std::uint64_t seed, std::string_view tensor_name);

}  // namespace flexc
