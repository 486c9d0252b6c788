#include <cmath>

#include <catch2/catch.hpp>

#include "dsl/elaborate/python_arithmetic.h"

using namespace flexc::dsl;

TEST_CASE("integers round once, to nearest even") {
  CHECK(to_double(mpz_class("9007199254740993")) == 9007199254740992.0);
  CHECK(to_double(mpz_class("9007199254740995")) == 9007199254740996.0);
  CHECK(to_float(mpz_class(16777217)) == 16777216.0f);
  CHECK(to_float(mpz_class(16777219)) == 16777220.0f);
  // Through f64 first it would be a tie, and go down: 2^60 + 2^36 + 1.
  CHECK(to_float(mpz_class("1152921573326323713")) == 0x1.000002p60f);
  CHECK(std::isinf(to_double(mpz_class(1) << 1024)));
}

TEST_CASE("true division of large integers rounds once") {
  const auto divide = [](const char* a, const char* b) { return constant_binary(BinaryOp::Div, Value{mpz_class(a)}, Value{mpz_class(b)}).value.as<double>(); };
  CHECK(divide("1", "3") == 1.0 / 3);
  CHECK(divide("9007199254740993", "1") == 9007199254740992.0);
  CHECK(divide("100000000000000000000000000000000000000000", "300000000000000000000000000000000000000000") == 1.0 / 3);
  CHECK(divide("-7", "2") == -3.5);
}

TEST_CASE("floor division and remainder of floats are Python's") {
  CHECK(float_floor_div(-7.5, 2) == -4);
  CHECK(float_floor_div(-1, HUGE_VAL) == -1);
  CHECK(float_floor_div(1, 0) == HUGE_VAL);
  CHECK(std::isnan(float_mod(1, 0)));
  CHECK(float_mod(-7.5, 2) == 0.5);
  CHECK(float_mod(7.5, -2) == -0.5);
  CHECK(float_floor_div(0.3, 0.1) == 2);
}

TEST_CASE("float to integer is total") {
  CHECK(truncate_to_integer(std::nan("")) == 0);
  CHECK(truncate_to_integer(HUGE_VAL) == mpz_class("9223372036854775807"));
  CHECK(truncate_to_integer(-HUGE_VAL) == mpz_class("-9223372036854775808"));
  CHECK(truncate_to_integer(-2.9) == -2);
}
