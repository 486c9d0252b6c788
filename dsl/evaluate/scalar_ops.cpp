#include "dsl/evaluate/scalar_ops.h"

#include "flexc/dsl/expand_math.h"

namespace flexc::dsl {
namespace {

/// Arithmetic that f32 and f64 share word for word; nothing for the functions.
template <class Real>
bool arithmetic(Op op, Real a, Real b, Real* out) {
  switch (op) {
    case Op::Add: *out = a + b; return true;
    case Op::Sub: *out = a - b; return true;
    case Op::Mul: *out = a * b; return true;
    case Op::Div: *out = a / b; return true;
    case Op::Neg: *out = -a; return true;
    case Op::Abs: *out = std::fabs(a); return true;
    case Op::Sign: *out = float_sign(a); return true;
    case Op::Min: *out = float_min(a, b); return true;
    case Op::Max: *out = float_max(a, b); return true;
    case Op::Floor: *out = std::floor(a); return true;
    case Op::Ceil: *out = std::ceil(a); return true;
    case Op::Round: *out = round_half_even(a); return true;
    case Op::Sqrt: *out = std::sqrt(a); return true;
    case Op::FloorDiv: *out = float_floor_div(a, b); return true;
    case Op::Mod: *out = float_mod(a, b); return true;
    default: return false;
  }
}

template <class Real>
bool predicate(Op op, Real a, Real b, bool* out) {
  switch (op) {
    case Op::Eq: *out = a == b; return true;
    case Op::Ne: *out = a != b; return true;
    case Op::Lt: *out = a < b; return true;
    case Op::Le: *out = a <= b; return true;
    case Op::Gt: *out = a > b; return true;
    case Op::Ge: *out = a >= b; return true;
    default: return false;
  }
}

double library_function(Op op, double a, double b) {
  switch (op) {
    case Op::Exp: return std::exp(a);
    case Op::Exp2: return std::exp2(a);
    case Op::Expm1: return std::expm1(a);
    case Op::Log: return std::log(a);
    case Op::Log2: return std::log2(a);
    case Op::Log1p: return std::log1p(a);
    case Op::Rsqrt: return 1 / std::sqrt(a);
    case Op::Sin: return std::sin(a);
    case Op::Cos: return std::cos(a);
    case Op::Tan: return std::tan(a);
    case Op::Tanh: return std::tanh(a);
    case Op::Sigmoid: return 1 / (1 + std::exp(-a));
    case Op::Erf: return std::erf(a);
    case Op::Pow: return std::pow(a, b);
    default: return 0;
  }
}

}  // namespace

Value integer_operation(Op op, bool strict, Value a, Value b) {
  const std::int64_t x = a.integer, y = b.integer;
  const auto integer = [](std::int64_t result) { return Value{result, 0}; };
  bool truth = false;
  const bool compared = sabotaged(Sabotage::UnsignedCompare)
                            ? predicate(op, static_cast<std::uint64_t>(x), static_cast<std::uint64_t>(y), &truth)
                            : predicate(op, x, y, &truth);
  if (compared) return integer(truth);
  switch (op) {
    case Op::Add: return integer(wrap_add(x, y));
    case Op::Sub: return integer(wrap_sub(x, y));
    case Op::Mul: return integer(wrap_mul(x, y));
    case Op::FloorDiv: return integer(floor_div(x, y));
    case Op::Mod: return integer(floor_mod(x, y));
    case Op::Neg: return integer(wrap_sub(0, x));
    case Op::Abs: return integer(x < 0 ? wrap_sub(0, x) : x);
    case Op::Sign: return integer((x > 0) - (x < 0));
    case Op::Min: return integer(x < y ? x : y);
    case Op::Max: return integer(x > y ? x : y);
    case Op::And: return integer(x & y);
    case Op::Or: return integer(x | y);
    case Op::Xor: return integer(x ^ y);
    case Op::Shl: return integer(shift_left(x, y));
    case Op::Shr: return integer(shift_right(x, y));
    case Op::WrapI32: return integer(wrap_i32(x));
    case Op::BoolToInt: return integer(x);
    case Op::IntToFloat: return Value{0, strict ? static_cast<double>(static_cast<float>(x)) : static_cast<double>(x)};
    default: return {};
  }
}

Value float_operation(Op op, bool strict, Value a, Value b) {
  const auto x = static_cast<float>(a.real), y = static_cast<float>(b.real);
  // An integer or a boolean comes out: its operands are in the strict cone, and `score` enters rounded to f32.
  bool truth = false;
  const bool compared = sabotaged(Sabotage::ScoreNotRoundedForBool) ? predicate(op, a.real, b.real, &truth) : predicate(op, x, y, &truth);
  if (compared) return Value{truth, 0};
  if (op == Op::IsNan) return Value{std::isnan(x), 0};
  if (op == Op::IsInf) return Value{std::isinf(x), 0};
  if (op == Op::FloatToInt) return Value{float_to_int(x), 0};
  if (strict && !sabotaged(Sabotage::StrictConeInF64)) {
    float result = 0;
    if (!arithmetic(op, x, y, &result))
      if (const Expansion* expansion = expansion_of(op)) result = evaluate_expansion(*expansion, x, y);
    return Value{0, result};
  }
  double result = 0;
  if (!arithmetic(op, a.real, b.real, &result)) result = library_function(op, a.real, b.real);
  return Value{0, result};
}

}  // namespace flexc::dsl
