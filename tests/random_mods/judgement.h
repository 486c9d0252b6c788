// What the comparisons share, whichever back end they judge: how data is drawn, when two floats are the same, how a place is told.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "flexc/dsl/normal_form.h"
#include "templates/cpu/row_segment.h"
#include "tests/random_mods/expectation.h"

namespace random_mods {

inline constexpr float kLog2E = 1.44269504088896340736f;
inline constexpr float kScale = 0.125f;  ///< a power of two, so that the bare product is exact

inline constexpr float kFloatEdges[] = {0.0f,
                                 -0.0f,
                                 1.0f,
                                 -1.0f,
                                 0x1p-149f,
                                 -1e-40f,
                                 3e38f,
                                 -3e38f,
                                 std::numeric_limits<float>::infinity(),
                                 -std::numeric_limits<float>::infinity(),
                                 std::numeric_limits<float>::quiet_NaN(),
                                 0.5f,
                                 2.5f,
                                 16777216.0f,
                                 1e10f,
                                 0x1p63f};

template <class T, std::size_t n>
T one_of(const T (&items)[n], std::mt19937_64& random) {
  return items[random() % n];
}

/// Small numbers, or in so many percent of all cases one of the edges.
float any_float(std::mt19937_64& random, unsigned edges_percent);

/// The same bits, or both NaN.
bool same_bits(float a, float b);
std::string place_of(const flexc_row_segment& segment, std::size_t i, float score);
std::string text_of(const Range& range);

/// An affine score's own error: its terms may be added in any order, so the error is bounded by a multiple of their magnitudes, one
/// rounding for each operation of the mod and of the three numbers (Higham, "Accuracy and Stability", section 3.1). The numbers may
/// underflow before they are multiplied by the product and the column.
double affine_error(const flexc::dsl::Body& body, const Expected& expected, double product, double column);

}  // namespace random_mods
