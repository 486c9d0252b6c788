// Reference functions in f64 and the distance of an f32 from them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "flexc/dsl/expand_math.h"

namespace math_test {

using flexc::dsl::Op;

struct Reference {
  Op function;
  std::string_view name;
  double (*value)(double);
  double max_ulp;  ///< what docs/math.md promises, over all f32
  bool is_loose = false;  ///< the shorter list, for pairs outside of the strict cone
};

inline const flexc::dsl::Expansion& expansion_of(const Reference& reference) {
  return *(reference.is_loose ? flexc::dsl::loose_expansion_of(reference.function) : flexc::dsl::expansion_of(reference.function));
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }

inline constexpr Reference kUnary[] = {
    {Op::Ceil, "ceil", std::ceil, 0},         {Op::Exp, "exp", std::exp, 1.1},          {Op::Exp2, "exp2", std::exp2, 0.9},
    {Op::Expm1, "expm1", std::expm1, 1.6},    {Op::Log, "log", std::log, 0.9},          {Op::Log2, "log2", std::log2, 1.1},
    {Op::Log1p, "log1p", std::log1p, 1.6},    {Op::Rsqrt, "rsqrt", rsqrt, 1.6},         {Op::Sin, "sin", std::sin, 1.1},
    {Op::Cos, "cos", std::cos, 1.1},          {Op::Tan, "tan", std::tan, 1.3},          {Op::Tanh, "tanh", std::tanh, 1.6},
    {Op::Sigmoid, "sigmoid", sigmoid, 1.6},   {Op::Erf, "erf", std::erf, 1.2},
    {Op::Tanh, "loose tanh", std::tanh, 4.9, true},
};

/// |found - exact| in units of the last place of f32 at `exact`; infinity counts as 2^128. Infinite where one is a NaN and
/// the other is not, or where a zero has the wrong sign.
inline double ulp_distance(float found, double exact) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(found)) return std::isnan(exact) && std::isnan(found) ? 0 : kWrong;
  if (found == 0 && exact == 0 && std::signbit(found) != std::signbit(exact)) return kWrong;
  const auto finite = [](double x) { return std::clamp(x, -0x1p128, 0x1p128); };
  const double wide = finite(found), target = finite(exact);
  if (wide == target) return 0;
  int exponent = 0;
  std::frexp(target, &exponent);
  return std::fabs(wide - target) * std::ldexp(1.0, -std::clamp(exponent - 24, -149, 104));
}

}  // namespace math_test
