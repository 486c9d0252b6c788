// Writes expansions down: arithmetic on these values records steps, so that a function reads as its formula.
#pragma once

#include <bit>
#include <map>
#include <tuple>

#include "flexc/dsl/expand_math.h"

namespace flexc::dsl {

class Recorder;

/// A register of the expansion being recorded, by type.
template <RegisterType type>
struct Register {
  Recorder* recorder;
  std::uint16_t number;
};
using F32Register = Register<RegisterType::F32>;
using I32Register = Register<RegisterType::I32>;
using I64Register = Register<RegisterType::I64>;
using BoolRegister = Register<RegisterType::Bool>;

class Recorder {
 public:
  /// Equal steps are recorded once: the list stays flat and short without the formulas having to name every part.
  template <RegisterType type, class... Operands>
  Register<type> add(StepOp op, std::int64_t imm, Operands... operands) {
    Step step{op, type, sizeof...(operands), {}, imm};
    int at = 0;
    ((step.operands[at++] = operands.number), ...);
    const Key key{op, type, step.operands[0], step.operands[1], step.operands[2], imm};
    const auto [found, inserted] = known_.try_emplace(key, static_cast<std::uint16_t>(steps_.size()));
    if (inserted) steps_.push_back(step);
    return {this, found->second};
  }
  F32Register constant(float value) { return add<RegisterType::F32>(StepOp::Constant, std::bit_cast<std::uint32_t>(value)); }
  I32Register constant(std::int32_t value) { return add<RegisterType::I32>(StepOp::Constant, value); }
  I64Register constant(std::int64_t value) { return add<RegisterType::I64>(StepOp::Constant, value); }
  F32Register input(int index) { return add<RegisterType::F32>(StepOp::Input, index); }

  /// The steps that `result` needs, renumbered.
  Expansion finish(Op function, int arity, F32Register result) const;

 private:
  using Key = std::tuple<StepOp, RegisterType, std::uint16_t, std::uint16_t, std::uint16_t, std::int64_t>;
  std::vector<Step> steps_;
  std::map<Key, std::uint16_t> known_;
};

#define FLEXC_BINARY(symbol, step)                                                                                          \
  inline F32Register operator symbol(F32Register a, F32Register b) { return a.recorder->add<RegisterType::F32>(step, 0, a, b); } \
  inline F32Register operator symbol(F32Register a, float b) { return a symbol a.recorder->constant(b); }                   \
  inline F32Register operator symbol(float a, F32Register b) { return b.recorder->constant(a) symbol b; }
FLEXC_BINARY(+, StepOp::AddF)
FLEXC_BINARY(-, StepOp::SubF)
FLEXC_BINARY(*, StepOp::MulF)
FLEXC_BINARY(/, StepOp::DivF)
#undef FLEXC_BINARY

inline F32Register operator-(F32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::NegF, 0, a); }
inline F32Register abs(F32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::AbsF, 0, a); }
inline F32Register sqrt(F32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::SqrtF, 0, a); }
inline F32Register floor(F32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::FloorF, 0, a); }
inline F32Register round_even(F32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::RoundEvenF, 0, a); }
inline F32Register fma(F32Register a, F32Register b, F32Register c) { return a.recorder->add<RegisterType::F32>(StepOp::FmaF, 0, a, b, c); }
inline F32Register fma(F32Register a, float b, F32Register c) { return fma(a, a.recorder->constant(b), c); }
inline F32Register fma(F32Register a, float b, float c) { return fma(a, a.recorder->constant(b), a.recorder->constant(c)); }
inline F32Register fma(F32Register a, F32Register b, float c) { return fma(a, b, a.recorder->constant(c)); }

inline BoolRegister operator==(F32Register a, F32Register b) { return a.recorder->add<RegisterType::Bool>(StepOp::EqF, 0, a, b); }
inline BoolRegister operator<(F32Register a, F32Register b) { return a.recorder->add<RegisterType::Bool>(StepOp::LtF, 0, a, b); }
inline BoolRegister operator<=(F32Register a, F32Register b) { return a.recorder->add<RegisterType::Bool>(StepOp::LeF, 0, a, b); }
inline BoolRegister operator==(F32Register a, float b) { return a == a.recorder->constant(b); }
inline BoolRegister operator<(F32Register a, float b) { return a < a.recorder->constant(b); }
inline BoolRegister operator<=(F32Register a, float b) { return a <= a.recorder->constant(b); }
inline BoolRegister operator>(F32Register a, float b) { return a.recorder->constant(b) < a; }
inline BoolRegister operator>(F32Register a, F32Register b) { return b < a; }
inline BoolRegister operator&(BoolRegister a, BoolRegister b) { return a.recorder->add<RegisterType::Bool>(StepOp::AndB, 0, a, b); }
inline BoolRegister operator|(BoolRegister a, BoolRegister b) { return a.recorder->add<RegisterType::Bool>(StepOp::OrB, 0, a, b); }
inline BoolRegister operator!(BoolRegister a) { return a.recorder->add<RegisterType::Bool>(StepOp::NotB, 0, a); }
inline BoolRegister differ(BoolRegister a, BoolRegister b) { return (a & !b) | (b & !a); }
inline BoolRegister is_nan(F32Register a) { return !(a == a); }

template <RegisterType type>
Register<type> select(BoolRegister condition, Register<type> a, Register<type> b) {
  return condition.recorder->add<type>(StepOp::Select, 0, condition, a, b);
}
inline F32Register select(BoolRegister condition, F32Register a, float b) { return select(condition, a, a.recorder->constant(b)); }
inline F32Register select(BoolRegister condition, float a, F32Register b) { return select(condition, b.recorder->constant(a), b); }

#define FLEXC_INTEGER(name, step)                                                                                           \
  template <RegisterType type>                                                                                              \
    requires(type == RegisterType::I32 || type == RegisterType::I64)                                                        \
  Register<type> name(Register<type> a, Register<type> b) { return a.recorder->template add<type>(step, 0, a, b); }         \
  inline I32Register name(I32Register a, std::int32_t b) { return name(a, a.recorder->constant(b)); }                       \
  inline I64Register name(I64Register a, std::int64_t b) { return name(a, a.recorder->constant(b)); }
FLEXC_INTEGER(operator+, StepOp::AddI)
FLEXC_INTEGER(operator-, StepOp::SubI)
FLEXC_INTEGER(operator*, StepOp::MulI)
FLEXC_INTEGER(operator&, StepOp::AndI)
FLEXC_INTEGER(operator|, StepOp::OrI)
FLEXC_INTEGER(operator^, StepOp::XorI)
FLEXC_INTEGER(shift_left, StepOp::ShlI)
FLEXC_INTEGER(shift_right_logical, StepOp::ShrLogicalI)
FLEXC_INTEGER(shift_right_arithmetic, StepOp::ShrArithI)
#undef FLEXC_INTEGER

inline I64Register remainder_unsigned(I64Register a, I64Register b) { return a.recorder->add<RegisterType::I64>(StepOp::RemUnsignedI, 0, a, b); }
template <RegisterType type>
BoolRegister equal(Register<type> a, Register<type> b) { return a.recorder->template add<RegisterType::Bool>(StepOp::EqI, 0, a, b); }
template <RegisterType type>
BoolRegister less(Register<type> a, Register<type> b) { return a.recorder->template add<RegisterType::Bool>(StepOp::LtI, 0, a, b); }
inline BoolRegister equal(I32Register a, std::int32_t b) { return equal(a, a.recorder->constant(b)); }
inline BoolRegister less(I32Register a, std::int32_t b) { return less(a, a.recorder->constant(b)); }
inline BoolRegister equal(I64Register a, std::int64_t b) { return equal(a, a.recorder->constant(b)); }

inline I32Register bits_of(F32Register a) { return a.recorder->add<RegisterType::I32>(StepOp::BitsOfF, 0, a); }
inline F32Register float_of_bits(I32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::FloatOfBits, 0, a); }
inline I64Register zero_extend(I32Register a) { return a.recorder->add<RegisterType::I64>(StepOp::ZeroExtend, 0, a); }
inline I64Register sign_extend(I32Register a) { return a.recorder->add<RegisterType::I64>(StepOp::SignExtend, 0, a); }
inline I32Register truncate(I64Register a) { return a.recorder->add<RegisterType::I32>(StepOp::Truncate, 0, a); }
inline F32Register to_float(I32Register a) { return a.recorder->add<RegisterType::F32>(StepOp::FloatOfI32, 0, a); }
inline F32Register to_float(I64Register a) { return a.recorder->add<RegisterType::F32>(StepOp::FloatOfI64, 0, a); }
inline I32Register to_i32(F32Register a) { return a.recorder->add<RegisterType::I32>(StepOp::I32OfF, 0, a); }
inline I64Register to_i64(F32Register a) { return a.recorder->add<RegisterType::I64>(StepOp::I64OfF, 0, a); }

}  // namespace flexc::dsl
