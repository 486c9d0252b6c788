#include "dsl/elaborate/python_arithmetic.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "dsl/elaborate/elaborate.h"

namespace flexc::dsl {

namespace {

constexpr std::size_t kMaxBits = kMaxIntegerBits;

/// `value` rounded to `precision` bits, to nearest even, as an exact double (precision ≤ 53).
double round_to_precision(const mpz_class& value, std::size_t precision) {
  if (value == 0) return 0;
  mpz_class magnitude = abs(value);
  const std::size_t bits = mpz_sizeinbase(magnitude.get_mpz_t(), 2);
  std::size_t shift = 0;
  if (bits > precision) {
    shift = bits - precision;
    mpz_class quotient, remainder, half;
    mpz_fdiv_q_2exp(quotient.get_mpz_t(), magnitude.get_mpz_t(), shift);
    mpz_fdiv_r_2exp(remainder.get_mpz_t(), magnitude.get_mpz_t(), shift);
    mpz_setbit(half.get_mpz_t(), shift - 1);
    if (remainder > half || (remainder == half && mpz_odd_p(quotient.get_mpz_t()))) ++quotient;
    magnitude = quotient;
  }
  const double result = std::ldexp(magnitude.get_d(), static_cast<int>(shift));
  return value < 0 ? -result : result;
}

/// a / b rounded once to f64 (b ≠ 0).
double divide(const mpz_class& a, const mpz_class& b) {
  const auto bits_a = static_cast<long>(mpz_sizeinbase(a.get_mpz_t(), 2)), bits_b = static_cast<long>(mpz_sizeinbase(b.get_mpz_t(), 2));
  const long shift = std::max(0L, 66 - (bits_a - bits_b));
  mpz_class quotient, remainder;
  const mpz_class scaled = abs(a) << static_cast<mp_bitcnt_t>(shift);
  const mpz_class divisor = abs(b);
  mpz_fdiv_qr(quotient.get_mpz_t(), remainder.get_mpz_t(), scaled.get_mpz_t(), divisor.get_mpz_t());
  if (remainder != 0) mpz_setbit(quotient.get_mpz_t(), 0);  // sticky: far below the 53rd bit
  const double magnitude = std::ldexp(to_double(quotient), static_cast<int>(-shift));
  return (a < 0) != (b < 0) ? -magnitude : magnitude;
}

ConstantResult integer_power(const mpz_class& base, const mpz_class& exponent) {
  if (exponent < 0) return {Value{std::pow(to_double(base), to_double(exponent))}};
  if (base == 0 || base == 1) return {Value{exponent == 0 ? mpz_class(1) : base}};
  if (base == -1) return {Value{mpz_class(mpz_even_p(exponent.get_mpz_t()) ? 1 : -1)}};
  const std::size_t bits = mpz_sizeinbase(base.get_mpz_t(), 2);
  // The result has at least (bits - 1) * exponent + 1 bits and at most bits * exponent: what may fit is computed, then measured.
  if (exponent > kMaxBits || (bits - 1) * exponent.get_ui() + 1 > kMaxBits) return {poison(), ConstantFault::TooLarge};
  mpz_class result;
  mpz_pow_ui(result.get_mpz_t(), base.get_mpz_t(), exponent.get_ui());
  return {Value{result}};
}

ConstantResult integer_binary(BinaryOp op, const mpz_class& a, const mpz_class& b) {
  mpz_class r;
  switch (op) {
    case BinaryOp::Add: r = a + b; break;
    case BinaryOp::Sub: r = a - b; break;
    case BinaryOp::Mul: r = a * b; break;
    case BinaryOp::Div:
      if (b == 0) return {Value{a == 0 ? std::numeric_limits<double>::quiet_NaN() : a > 0 ? HUGE_VAL : -HUGE_VAL}};
      return {Value{divide(a, b)}};
    case BinaryOp::FloorDiv:
      if (b != 0) mpz_fdiv_q(r.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
      break;
    case BinaryOp::Mod:
      if (b != 0) mpz_fdiv_r(r.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
      break;
    case BinaryOp::Pow: return integer_power(a, b);
    case BinaryOp::BitAnd: r = a & b; break;
    case BinaryOp::BitOr: r = a | b; break;
    case BinaryOp::BitXor: r = a ^ b; break;
    case BinaryOp::Shl:
    case BinaryOp::Shr:
      if (b < 0 || b > 63) return {poison(), ConstantFault::ShiftCount};
      if (op == BinaryOp::Shl) mpz_mul_2exp(r.get_mpz_t(), a.get_mpz_t(), b.get_ui());
      else mpz_fdiv_q_2exp(r.get_mpz_t(), a.get_mpz_t(), b.get_ui());
      break;
  }
  if (mpz_sizeinbase(r.get_mpz_t(), 2) > kMaxBits) return {poison(), ConstantFault::TooLarge};
  return {Value{r}};
}

ConstantResult float_binary(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Add: return {Value{a + b}};
    case BinaryOp::Sub: return {Value{a - b}};
    case BinaryOp::Mul: return {Value{a * b}};
    case BinaryOp::Div: return {Value{a / b}};
    case BinaryOp::FloorDiv: return {Value{float_floor_div(a, b)}};
    case BinaryOp::Mod: return {Value{float_mod(a, b)}};
    case BinaryOp::Pow: return {Value{std::pow(a, b)}};
    default: return {poison(), ConstantFault::WrongType};
  }
}

}  // namespace

double to_double(const mpz_class& value) { return round_to_precision(value, 53); }
float to_float(const mpz_class& value) { return static_cast<float>(round_to_precision(value, 24)); }

double as_double(const Value& number) {
  if (number.is<double>()) return number.as<double>();
  return number.is<bool>() ? (number.as<bool>() ? 1.0 : 0.0) : to_double(number.as<mpz_class>());
}

mpz_class as_integer(const Value& number) { return number.is<bool>() ? mpz_class(number.as<bool>() ? 1 : 0) : number.as<mpz_class>(); }

mpz_class truncate_to_integer(double value) {
  if (std::isnan(value)) return 0;
  if (std::isinf(value)) {
    mpz_class limit;
    mpz_setbit(limit.get_mpz_t(), 63);
    return value > 0 ? mpz_class(limit - 1) : mpz_class(-limit);
  }
  return mpz_class(value);  // mpz_set_d truncates
}

double float_mod(double a, double b) {
  if (b == 0) return std::numeric_limits<double>::quiet_NaN();
  double rest = std::fmod(a, b);
  if (rest != 0 && (b < 0) != (rest < 0)) rest += b;
  return rest == 0 ? std::copysign(0.0, b) : rest;
}

double float_floor_div(double a, double b) {
  if (b == 0 || !std::isfinite(a)) return std::floor(a / b);
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;  // within rounding of a whole number
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

ConstantResult constant_binary(BinaryOp op, const Value& a, const Value& b) {
  if (a.is<double>() || b.is<double>()) return float_binary(op, as_double(a), as_double(b));
  const bool bitwise = op == BinaryOp::BitAnd || op == BinaryOp::BitOr || op == BinaryOp::BitXor;
  if (bitwise && a.is<bool>() && b.is<bool>()) {
    const bool x = a.as<bool>(), y = b.as<bool>();
    return {Value{op == BinaryOp::BitAnd ? x && y : op == BinaryOp::BitOr ? x || y : x != y}};
  }
  return integer_binary(op, as_integer(a), as_integer(b));
}

ConstantResult constant_unary(UnaryOp op, const Value& a) {
  switch (op) {
    case UnaryOp::Plus: return {a.is<bool>() ? Value{as_integer(a)} : a};
    case UnaryOp::Minus: return {a.is<double>() ? Value{-a.as<double>()} : Value{mpz_class(-as_integer(a))}};
    case UnaryOp::Invert:
      if (a.is<double>()) return {poison(), ConstantFault::WrongType};
      return {a.is<bool>() ? Value{!a.as<bool>()} : Value{mpz_class(~a.as<mpz_class>())}};
    case UnaryOp::Not:
      if (!a.is<bool>()) return {poison(), ConstantFault::WrongType};
      return {Value{!a.as<bool>()}};
  }
  return {poison(), ConstantFault::WrongType};
}

bool constant_compare(CompareOp op, const Value& a, const Value& b) {
  int order = 0;  // sign of a − b
  if (a.is<double>() || b.is<double>()) {
    const bool nan = (a.is<double>() && std::isnan(a.as<double>())) || (b.is<double>() && std::isnan(b.as<double>()));
    if (nan) return op == CompareOp::Ne;
    if (a.is<double>() && b.is<double>()) order = a.as<double>() < b.as<double>() ? -1 : a.as<double>() > b.as<double>();
    else if (a.is<double>()) order = -mpz_cmp_d(as_integer(b).get_mpz_t(), a.as<double>());
    else order = mpz_cmp_d(as_integer(a).get_mpz_t(), b.as<double>());
  } else {
    order = cmp(as_integer(a), as_integer(b));
  }
  switch (op) {
    case CompareOp::Eq: return order == 0;
    case CompareOp::Ne: return order != 0;
    case CompareOp::Lt: return order < 0;
    case CompareOp::Le: return order <= 0;
    case CompareOp::Gt: return order > 0;
    case CompareOp::Ge: return order >= 0;
  }
  return false;
}

namespace {

struct FloatFunction {
  std::string_view name;
  double (*evaluate)(double);
};

constexpr FloatFunction kFloatFunctions[] = {
    {"exp", [](double x) { return std::exp(x); }},
    {"exp2", [](double x) { return std::exp2(x); }},
    {"expm1", [](double x) { return std::expm1(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"log2", [](double x) { return std::log2(x); }},
    {"log1p", [](double x) { return std::log1p(x); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"tan", [](double x) { return std::tan(x); }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"erf", [](double x) { return std::erf(x); }},
};

}  // namespace

bool is_float_function(std::string_view name) {
  for (const FloatFunction& function : kFloatFunctions)
    if (function.name == name) return true;
  return false;
}

double constant_function(std::string_view name, double x) {
  for (const FloatFunction& function : kFloatFunctions)
    if (function.name == name) return function.evaluate(x);
  return std::numeric_limits<double>::quiet_NaN();
}

mpz_class constant_rounding(std::string_view name, double x) {
  // nearbyint would follow the caller's rounding mode; remainder(x, 1) is exact and ties to even whatever the mode.
  const double rounded = name == "floor" ? std::floor(x) : name == "ceil" ? std::ceil(x) : std::isfinite(x) ? x - std::remainder(x, 1.0) : x;
  return truncate_to_integer(rounded);
}

}  // namespace flexc::dsl
