// The mask at one pair, for one thread: the program's instructions with the scalar operations of the host's (scalar.h). runtime/tile/points.cpp does the same for
// many pairs at once; tests/tile compares the two.
#pragma once
#include "templates/tile/elements.h"
#include "templates/tile/pairs.h"

namespace flexc::tile {

/// A thread's registers. Threads' lie side by side, so that a warp reads whole lines.
struct PairRegisters {
  PairRegister* first;
  std::uint32_t stride;
  PairRegister& operator[](std::uint32_t i) const { return first[static_cast<std::size_t>(i) * stride]; }
};

/// The element that a gather's indices name, as an offset; false where there is none.
inline bool element_at(const PairArguments& arguments, const PairStep& step, const PairRegisters& r, Int* offset) {
  const PairCapture& capture = arguments.captures[step.imm];
  *offset = 0;
  for (std::uint32_t axis = 0; axis < step.count; ++axis) {
    const Int i = r[arguments.indices[step.a + axis]].integer, n = capture.shape[axis];
    const Int place = i < 0 ? (i < -n ? -1 : i + n) : i;
    if (place < 0 || place >= n) return false;
    *offset += place * capture.strides[axis];
  }
  return true;
}

inline void gather_element(const PairArguments& arguments, const PairStep& step, const PairRegisters& r) {
  const PairCapture& capture = arguments.captures[step.imm];
  Int offset = 0;
  const bool inside = element_at(arguments, step, r, &offset);
  PairRegister& to = r[step.to];
  if (static_cast<Opcode>(step.op) == Opcode::GatherF) {
    to.real = inside ? summaries::real_element(capture.data, capture.dtype, offset) : 0.0f;
    return;
  }
  const Int value = inside ? summaries::integer_element(capture.data, capture.dtype, offset) : 0;
  if (static_cast<Opcode>(step.op) == Opcode::GatherI) to.integer = value;
  else to.truth = value != 0;
}

inline void execute(const PairStep& step, const PairRegisters& r, const Pair& pair) {
  PairRegister& to = r[step.to];
  const PairRegister a = r[step.a], b = r[step.b], c = r[step.c];
  switch (static_cast<Opcode>(step.op)) {
    case Opcode::QIdx: to.integer = pair.q_idx; break;
    case Opcode::KvIdx: to.integer = pair.kv_idx; break;
    case Opcode::Add: to.integer = wrap_add(a.integer, b.integer); break;
    case Opcode::Sub: to.integer = wrap_sub(a.integer, b.integer); break;
    case Opcode::Mul: to.integer = wrap_mul(a.integer, b.integer); break;
    case Opcode::FloorDiv: to.integer = floor_div(a.integer, b.integer); break;
    case Opcode::Mod: to.integer = floor_mod(a.integer, b.integer); break;
    case Opcode::Neg: to.integer = wrap_sub(0, a.integer); break;
    case Opcode::Abs: to.integer = absolute(a.integer); break;
    case Opcode::Sign: to.integer = sign(a.integer); break;
    case Opcode::Min: to.integer = std::min(a.integer, b.integer); break;
    case Opcode::Max: to.integer = std::max(a.integer, b.integer); break;
    case Opcode::And: to.integer = a.integer & b.integer; break;
    case Opcode::Or: to.integer = a.integer | b.integer; break;
    case Opcode::Xor: to.integer = a.integer ^ b.integer; break;
    case Opcode::Not: to.integer = ~a.integer; break;
    case Opcode::Shl: to.integer = shift_left(a.integer, b.integer); break;
    case Opcode::Shr: to.integer = shift_right(a.integer, b.integer); break;
    case Opcode::ShrLogical: to.integer = shift_right_logical(a.integer, b.integer); break;
    case Opcode::RemUnsigned: to.integer = remainder_unsigned(a.integer, b.integer); break;
    case Opcode::WrapI32: to.integer = wrap_i32(a.integer); break;
    case Opcode::Eq: to.truth = a.integer == b.integer; break;
    case Opcode::Ne: to.truth = a.integer != b.integer; break;
    case Opcode::Lt: to.truth = a.integer < b.integer; break;
    case Opcode::Le: to.truth = a.integer <= b.integer; break;
    case Opcode::Gt: to.truth = a.integer > b.integer; break;
    case Opcode::Ge: to.truth = a.integer >= b.integer; break;
    case Opcode::SelectI: to.integer = a.truth ? b.integer : c.integer; break;
    case Opcode::AndB: to.truth = a.truth & b.truth; break;
    case Opcode::OrB: to.truth = a.truth | b.truth; break;
    case Opcode::XorB: to.truth = a.truth ^ b.truth; break;
    case Opcode::NotB: to.truth = a.truth ^ 1; break;
    case Opcode::SelectB: to.truth = a.truth ? b.truth : c.truth; break;
    case Opcode::BoolToInt: to.integer = static_cast<Int>(a.truth); break;
    case Opcode::IntToFloat: to.real = static_cast<float>(a.integer); break;
    case Opcode::FloatToInt: to.integer = float_to_int(a.real); break;
    case Opcode::BitsOfF: to.integer = bits_of(a.real); break;
    case Opcode::FloatOfBits: to.real = float_of_bits(a.integer); break;
    case Opcode::IsNan: to.truth = std::isnan(a.real); break;
    case Opcode::IsInf: to.truth = std::isinf(a.real); break;
    case Opcode::AddF: to.real = a.real + b.real; break;
    case Opcode::SubF: to.real = a.real - b.real; break;
    case Opcode::MulF: to.real = a.real * b.real; break;
    case Opcode::DivF: to.real = a.real / b.real; break;
    case Opcode::FmaF: to.real = std::fma(a.real, b.real, c.real); break;
    case Opcode::NegF: to.real = -a.real; break;
    case Opcode::AbsF: to.real = std::fabs(a.real); break;
    case Opcode::SignF: to.real = float_sign(a.real); break;
    case Opcode::MinF: to.real = float_min(a.real, b.real); break;
    case Opcode::MaxF: to.real = float_max(a.real, b.real); break;
    case Opcode::FloorF: to.real = std::floor(a.real); break;
    case Opcode::CeilF: to.real = std::ceil(a.real); break;
    case Opcode::RoundF: to.real = round_half_even(a.real); break;
    case Opcode::SqrtF: to.real = std::sqrt(a.real); break;
    case Opcode::FloorDivF: to.real = float_floor_div(a.real, b.real); break;
    case Opcode::ModF: to.real = float_mod(a.real, b.real); break;
    case Opcode::EqF: to.truth = a.real == b.real; break;
    case Opcode::NeF: to.truth = a.real != b.real; break;
    case Opcode::LtF: to.truth = a.real < b.real; break;
    case Opcode::LeF: to.truth = a.real <= b.real; break;
    case Opcode::GtF: to.truth = a.real > b.real; break;
    case Opcode::GeF: to.truth = a.real >= b.real; break;
    case Opcode::SelectF: to.real = a.truth ? b.real : c.real; break;
    case Opcode::Enclose: to.real = a.real; break;
    case Opcode::LoopSumI: to.integer = wrap_add(to.integer, b.integer); break;
    case Opcode::LoopMinI: to.integer = std::min(to.integer, b.integer); break;
    case Opcode::LoopMaxI: to.integer = std::max(to.integer, b.integer); break;
    case Opcode::LoopSumF: to.real = to.real + b.real; break;
    case Opcode::LoopMinF: to.real = float_min(to.real, b.real); break;
    case Opcode::LoopMaxF: to.real = float_max(to.real, b.real); break;
    default: break;  // leaves are constants
  }
}

/// What a loop's result is before its first element.
inline PairRegister loop_start(Opcode end) {
  PairRegister start;
  start.integer = 0;
  if (end == Opcode::LoopMinI) start.integer = kIntMax;
  if (end == Opcode::LoopMaxI) start.integer = kIntMin;
  if (end == Opcode::LoopSumF) start.real = 0.0f;
  if (end == Opcode::LoopMinF) start.real = kInf;
  if (end == Opcode::LoopMaxF) start.real = -kInf;
  return start;
}

inline void set_constants(const PairArguments& arguments, const PairRegisters& r) {
  for (std::uint32_t i = 0; i < arguments.constant_count; ++i) r[arguments.constants[i].at] = arguments.constants[i].value;
}

/// Whether the mask keeps a pair; the constants have been set.
inline bool keeps(const PairArguments& arguments, const PairRegisters& r, const Pair& pair) {
  for (std::uint32_t at = 0; at < arguments.step_count; ++at) {
    const PairStep& step = arguments.steps[at];
    const auto op = static_cast<Opcode>(step.op);
    if (op == Opcode::GatherB || op == Opcode::GatherI || op == Opcode::GatherF) {
      gather_element(arguments, step, r);
    } else if (op == Opcode::LoopBegin) {
      const PairStep& end = arguments.steps[step.jump];
      r[end.to] = loop_start(static_cast<Opcode>(end.op));
      r[step.to].integer = 0;
      if (r[step.a].integer <= 0) at = step.jump;
    } else {
      execute(step, r, pair);
      if (op < Opcode::LoopSumI || op > Opcode::LoopMaxF) continue;
      const PairStep& begin = arguments.steps[step.jump];
      if (++r[begin.to].integer < r[begin.a].integer) at = step.jump;
    }
  }
  return r[arguments.result].truth != 0;
}

}  // namespace flexc::tile
