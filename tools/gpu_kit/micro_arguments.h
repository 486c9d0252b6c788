// What the micro-tests' kernels are given, and their table; shared by the writer of the kit and its runner.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cuda/forward_plan.h"

namespace flexc::kit {

/// The struct of micro.cu.
struct MicroArguments {
  flexc_tensor_map a_map, b_map, c_map;
  const unsigned* in;
  unsigned* out;
};

struct MicroTest {
  const char* kernel;
  unsigned threads;
  bool approximate;  ///< compared as floats, within kUnitError
};

inline constexpr MicroTest kMicroTests[] = {{"flexc_micro_numbers", 128, false}, {"flexc_micro_units", 128, true},    {"flexc_micro_warp", 128, false},    {"flexc_micro_barriers", 128, false},
                                            {"flexc_micro_tma", 128, false},     {"flexc_micro_stmatrix", 128, false}, {"flexc_micro_products", 128, false}, {"flexc_micro_registers", 384, false}};

/// Relative; tanh has the largest error, 2^-11 by its documentation.
inline constexpr double kUnitError = 1.0 / 1024;

inline constexpr std::size_t kMicroInWords = 4096, kMicroOutWords = 10240;
inline constexpr unsigned kMicroSharedBytes = 1024 + 3 * 8192;
inline constexpr int kMicroColumns = 64, kMicroARows = 100, kMicroBRows = 64, kMicroBox = 64;

/// Words that are floats between -4 and 4 in the first 384 places, and anything after.
inline std::vector<unsigned> micro_words() {
  std::vector<unsigned> words(kMicroInWords);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < words.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    const float value = (static_cast<float>(state >> 8) / 0x80'0000 - 1.0f) * 4.0f;
    words[i] = i < 384 ? std::bit_cast<unsigned>(value) : state;
  }
  return words;
}

/// bf16 integers from -3 to 3: sums of 64 products are exact in f32 in any order.
inline std::vector<std::uint16_t> micro_tensor(int rows, unsigned salt) {
  std::vector<std::uint16_t> values;
  std::uint32_t state = salt;
  for (int i = 0; i < rows * kMicroColumns; ++i) {
    state = state * 1664525u + 1013904223u;
    values.push_back(static_cast<std::uint16_t>(std::bit_cast<unsigned>(static_cast<float>(static_cast<int>(state >> 16) % 7 - 3)) >> 16));
  }
  return values;
}

inline runtime::TensorMapRequest micro_map(const void* data, int rows) {
  runtime::TensorMapRequest map;
  map.element = runtime::TensorMapRequest::Element::Bf16;
  map.rank = 4;
  map.swizzle = runtime::TensorMapRequest::Swizzle::Bytes128;
  map.address = reinterpret_cast<std::uint64_t>(data);
  const auto size = static_cast<std::uint64_t>(rows);
  map.sizes = {kMicroColumns, size, 1, 1};
  map.strides = {kMicroColumns * 2, kMicroColumns * 2 * size, kMicroColumns * 2 * size};
  map.box = {kMicroColumns, kMicroBox, 1, 1};
  return map;
}

}  // namespace flexc::kit
