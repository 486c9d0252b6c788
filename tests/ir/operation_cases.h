// Every operation of the language as an expression over a and b, and the values at which it is tried.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "flexc/dsl/normal_form.h"

namespace flexc {

inline std::vector<std::int64_t> integer_edges() {
  using Integers = std::numeric_limits<std::int64_t>;
  return {0, 1, -1, 2, -2, 3, -3, 7, -7, 63, 64, 65, -63, -64, 127, 1000003, std::int64_t{1} << 31, -(std::int64_t{1} << 31), (std::int64_t{1} << 32) - 1,
          (std::int64_t{1} << 53) + 1, Integers::max(), Integers::max() - 1, Integers::min(), Integers::min() + 1};
}

inline std::vector<float> float_edges() {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  return {0.0f,  -0.0f, 1.0f,     -1.0f,     0.5f,  -0.5f, 1.5f,   2.5f,    -2.5f,  3.0f,   -7.25f,  0.1f,   10.0f,   88.5f, -104.0f, 1e-45f, -1e-45f, 1e-39f,
          1e-20f, 1e20f, 0x1p24f, -0x1p24f, 0x1p62f, 0x1p63f, -0x1p63f, 3e38f, -3e38f, inf,    -inf,    nan,    0x1.fffffep-1f, 1e5f,  -1e5f,   31.4159f};
}

struct OperationCase {
  dsl::Op op;
  const char* expression;
};

inline constexpr OperationCase kIntegerCases[] = {
    {dsl::Op::Add, "a + b"},      {dsl::Op::Sub, "a - b"},   {dsl::Op::Mul, "a * b"},   {dsl::Op::FloorDiv, "a // b"}, {dsl::Op::Mod, "a % b"},
    {dsl::Op::Neg, "-a"},         {dsl::Op::Abs, "abs(a)"},  {dsl::Op::Sign, "sign(a)"}, {dsl::Op::Min, "min(a, b)"},   {dsl::Op::Max, "max(a, b)"},
    {dsl::Op::And, "a & b"},      {dsl::Op::Or, "a | b"},    {dsl::Op::Xor, "a ^ b"},   {dsl::Op::Shl, "a << b"},      {dsl::Op::Shr, "a >> b"},
    {dsl::Op::WrapI32, "a.to(torch.int32)"}, {dsl::Op::Eq, "int(a == b)"}, {dsl::Op::Ne, "int(a != b)"}, {dsl::Op::Lt, "int(a < b)"},
    {dsl::Op::Le, "int(a <= b)"}, {dsl::Op::Gt, "int(a > b)"}, {dsl::Op::Ge, "int(a >= b)"}};

inline constexpr OperationCase kFloatCases[] = {
    {dsl::Op::Add, "a + b"},       {dsl::Op::Sub, "a - b"},         {dsl::Op::Mul, "a * b"},       {dsl::Op::Div, "a / b"},      {dsl::Op::FloorDiv, "a // b"},
    {dsl::Op::Mod, "a % b"},       {dsl::Op::Neg, "-a"},            {dsl::Op::Abs, "abs(a)"},      {dsl::Op::Sign, "sign(a)"},   {dsl::Op::Min, "min(a, b)"},
    {dsl::Op::Max, "max(a, b)"},   {dsl::Op::Pow, "pow(a, b)"},     {dsl::Op::Floor, "floor(a)"},  {dsl::Op::Ceil, "ceil(a)"},   {dsl::Op::Round, "round(a)"},
    {dsl::Op::Exp, "exp(a)"},      {dsl::Op::Exp2, "exp2(a)"},      {dsl::Op::Expm1, "expm1(a)"},  {dsl::Op::Log, "log(a)"},     {dsl::Op::Log2, "log2(a)"},
    {dsl::Op::Log1p, "log1p(a)"},  {dsl::Op::Sqrt, "sqrt(a)"},      {dsl::Op::Rsqrt, "rsqrt(a)"},  {dsl::Op::Sin, "sin(a)"},     {dsl::Op::Cos, "cos(a)"},
    {dsl::Op::Tan, "tan(a)"},      {dsl::Op::Tanh, "tanh(a)"},      {dsl::Op::Sigmoid, "sigmoid(a)"}, {dsl::Op::Erf, "erf(a)"}};

inline constexpr OperationCase kFloatToInteger[] = {{dsl::Op::FloatToInt, "int(a)"},    {dsl::Op::IsNan, "int(isnan(a))"}, {dsl::Op::IsInf, "int(isinf(a))"}, {dsl::Op::Eq, "int(a == b)"},
                                    {dsl::Op::Ne, "int(a != b)"},       {dsl::Op::Lt, "int(a < b)"},       {dsl::Op::Le, "int(a <= b)"},      {dsl::Op::Gt, "int(a > b)"},
                                    {dsl::Op::Ge, "int(a >= b)"}};

}  // namespace flexc
