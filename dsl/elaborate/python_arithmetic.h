// Arithmetic on compile-time scalars: Python's range and precision (unbounded integers, f64), but total, as at run time:
// x // 0 and x % 0 are 0, log(-1) is nan, ~ on a bool is `not` (LANGUAGE rulings 1 and 4).
#pragma once

#include <gmpxx.h>

#include <string_view>

#include "dsl/elaborate/value.h"

namespace flexc::dsl {

/// Nearest f64, ties to even; infinite where it overflows.
double to_double(const mpz_class& value);
/// Nearest f32, ties to even (rounded once); infinite where it overflows.
float to_float(const mpz_class& value);
/// Of a bool, int or float.
double as_double(const Value& number);
/// Of a bool or int.
mpz_class as_integer(const Value& number);
/// Truncates; an infinity saturates to the ends of 64 bits; NaN is 0.
mpz_class truncate_to_integer(double value);

/// Why an operation has no value.
enum class ConstantFault : std::uint8_t { None, WrongType, ShiftCount, TooLarge };
struct ConstantResult {
  Value value;
  ConstantFault fault = ConstantFault::None;
};

ConstantResult constant_binary(BinaryOp op, const Value& a, const Value& b);
ConstantResult constant_unary(UnaryOp op, const Value& a);
bool constant_compare(CompareOp op, const Value& a, const Value& b);

/// exp, log, …: the float functions of one argument; floor, ceil and round, which give integers, are not among them.
bool is_float_function(std::string_view name);
double constant_function(std::string_view name, double x);
/// floor, ceil or round (half to even) to an integer.
mpz_class constant_rounding(std::string_view name, double x);
/// Float // and %, Python's way, with IEEE results for a zero divisor.
double float_floor_div(double a, double b);
double float_mod(double a, double b);

}  // namespace flexc::dsl
