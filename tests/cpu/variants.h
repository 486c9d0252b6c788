// Hand-written mods: for each, the functions that a compiler would emit, and the same in f64 for the reference.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "templates/cpu/row_segment.h"
#include "tests/cpu/reference.h"

namespace flexc::cpu_test {

/// Captures and params of a variant for one shape. Neither copied nor moved: captures point into it.
struct Bindings {
  std::vector<float> slopes;            ///< capture 0: f32[H]
  std::vector<std::int32_t> documents;  ///< capture 1: i32[max(Q, KV)]
  std::array<std::int64_t, 2> sizes{}, strides{1, 1};
  std::array<flexc_row_capture, 2> captures{};
  std::array<flexc_row_param, 1> params{};  ///< param 0: the window

  explicit Bindings(const Shape& shape);
  Bindings(const Bindings&) = delete;
  Bindings& operator=(const Bindings&) = delete;
};

struct Variant {
  std::string_view name;
  flexc_row_module module;
  ScoreFunction (*score)(const Bindings&, const Shape&);  ///< null: identity
  MaskFunction (*mask)(const Bindings&, const Shape&);    ///< null: all kept
};

inline constexpr std::int64_t kWindow = 37;
inline constexpr double kCap = 20;

/// noop, causal, sliding_window, alibi (affine), alibi_causal (affine), softcap (general), even (general: -inf scores), bias (general, every level),
/// document (gather), document_causal, dilated, all_false, first_half_false.
const std::vector<Variant>& variants();
const Variant& variant(std::string_view name);

}  // namespace flexc::cpu_test
