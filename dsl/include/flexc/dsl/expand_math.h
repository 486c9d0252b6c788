// Expand math: every F32 function of the language as a flat list of operations that all back ends have exactly.
// This table is the one definition of those functions: the oracle interprets it, emitters walk it, docs/math.md prints it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/dsl/operations.h"

namespace flexc::dsl {

/// Type of a register of an expansion.
enum class RegisterType : std::uint8_t { Bool, F32, I32, I64 };

// Integers wrap. Shift counts are in range for every input (a test checks it), so that no back end's rule for other
// counts matters; so is the operand of every conversion from float, which besides is an integral value.
enum class StepOp : std::uint8_t {
  Input,     ///< imm: 0 is x, 1 is y
  Constant,  ///< imm: the bits of the f32, or the integer
  // F32 → F32, each correctly rounded; no contraction, subnormals kept.
  AddF, SubF, MulF, DivF, FmaF, SqrtF, NegF, AbsF,
  FloorF, RoundEvenF,  ///< to an integral value
  // Two F32 → Bool (false for a NaN).
  EqF, LtF, LeF,
  // Integers of the result's type.
  AddI, SubI, MulI, AndI, OrI, XorI,
  ShlI, ShrLogicalI, ShrArithI,  ///< (value, count), both of the result's type
  RemUnsignedI,                  ///< I64 only; the divisor is never 0
  // Two integers of one type, signed → Bool.
  EqI, LtI,
  // Bool.
  AndB, OrB, NotB,
  Select,  ///< (Bool, a, b); a and b of the result's type
  // Conversions.
  BitsOfF, FloatOfBits,                      ///< F32 ↔ I32, the same bits
  ZeroExtend, SignExtend, Truncate,          ///< I32 → I64 (twice), I64 → I32
  FloatOfI32, FloatOfI64, I32OfF, I64OfF,    ///< values; to F32 rounds to nearest even
};

std::string_view name_of(StepOp op);
std::string_view name_of(RegisterType type);

/// One operation. Its result is the register with the step's own number; operands are earlier registers.
struct Step {
  StepOp op = StepOp::Constant;
  RegisterType type = RegisterType::F32;  ///< of the result
  std::uint8_t operand_count = 0;
  std::uint16_t operands[3] = {0, 0, 0};
  std::int64_t imm = 0;
};

struct Expansion {
  Op function = Op::Exp;
  int arity = 1;
  std::vector<Step> steps;
  std::uint16_t result = 0;  ///< an F32 register
};

/// The functions that have an expansion, in the table's order: ceil exp exp2 expm1 log log2 log1p rsqrt sin cos tan tanh sigmoid erf
/// pow floor_div mod. Floor, Round, Sqrt, Add, … are single steps already.
std::span<const Op> expanded_functions();

/// The expansion of a function of F32, or nullptr where the operation needs none.
const Expansion* expansion_of(Op function);

/// The functions that have a shorter and less accurate list besides: tanh. The CPU takes it for floats of a pair outside of the strict cone
/// (pass choose-loose; docs/math.md, "The CPU's pairs"); nothing that must be the same everywhere is computed by it.
std::span<const Op> loosely_expanded_functions();

/// That list, or nullptr.
const Expansion* loose_expansion_of(Op function);

/// Interprets an expansion in strict f32. `y` is ignored by functions of one argument.
float evaluate_expansion(const Expansion& expansion, float x, float y = 0);

/// The same at many points; all spans have one length (`y` may be empty for functions of one argument).
void evaluate_expansion(const Expansion& expansion, std::span<const float> x, std::span<const float> y, std::span<float> out);

/// Evaluates and checks what the steps promise: shift counts and conversions in range, no remainder by zero.
/// Returns an empty text, or what was violated.
std::string check_expansion(const Expansion& expansion, float x, float y = 0);

/// Readable text, one step a line: "%12 = f32 fma %3, %7, %11". Floats are printed as hexadecimal literals.
std::string print_expansion(const Expansion& expansion);

}  // namespace flexc::dsl
