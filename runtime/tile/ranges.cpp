#include "runtime/tile/ranges.h"

#include <cstring>

namespace flexc::tile {

RangeMachine::RangeMachine(const Plane& plane) : plane_(plane), slots_(plane.register_count()) {
  // Only what steps touch has lanes.
  const auto add = [&](Register i) {
    Slot& slot = slots_[i];
    if (slot.integers || slot.reals || slot.truths) return;
    switch (plane.types()[i]) {
      case Type::I64: slot.integers = integers_.emplace_back(std::make_unique<IntLanes>()).get(); break;
      case Type::F32: slot.reals = reals_.emplace_back(std::make_unique<FloatLanes>()).get(); break;
      case Type::Bool: slot.truths = truths_.emplace_back(std::make_unique<TruthLanes>()).get(); break;
    }
    if (plane.is_constant(i)) fill_constant(i);
  };
  for (const Step& step : plane.steps()) {
    add(step.to);
    if (step.bits) slots_[step.to].bits = bits_.emplace_back(std::make_unique<BitLanes>()).get();
    if (step.kind == Step::Kind::Linear) {
      for (const auto& term : plane.linear()[step.extra].terms) add(term.at);
    } else if (step.kind == Step::Kind::Gather) {
      for (const Register index : plane.gathers()[step.extra].index) add(index);
    } else {
      for (const Register operand : {step.a, step.b, step.c}) add(operand);
    }
  }
  add(plane.result());
}

void RangeMachine::fill_constant(Register i) {
  const Slot& slot = slots_[i];
  if (slot.integers) {
    std::fill_n(slot.integers->lo, kLanes, plane_.integer(i));
    std::fill_n(slot.integers->hi, kLanes, plane_.integer(i));
  } else if (slot.reals) {
    std::fill_n(slot.reals->value, kLanes, point(plane_.real(i)));
  } else {
    std::fill_n(slot.truths->value, kLanes, plane_.truth(i) ? kTrue : kFalse);
  }
}

const Truth* RangeMachine::evaluate(const Region* regions, std::size_t count) {
  regions_ = regions;
  for (const Step& step : plane_.steps()) execute(step, count);
  return slots_[plane_.result()].truths->value;
}

void RangeMachine::evaluate_rows(const Region* regions, std::size_t count) {
  regions_ = regions;
  for (const Step& step : plane_.steps())
    if ((plane_.depends(step.to) & kOnKv) == 0) execute(step, count);
}

void RangeMachine::execute(const Step& step, std::size_t count) {
  if (step.kind == Step::Kind::Linear) return linear_step(step, count);
  if (step.kind == Step::Kind::Gather) return gather_step(step, count);
  switch (type_of(step.op)) {
    case Type::Bool: return truth_step(step, count);
    case Type::F32: return float_step(step, count);
    case Type::I64: break;
  }
  integer_step(step, count);
  bit_step(step, count);
}

void RangeMachine::integer_step(const Step& step, std::size_t count) {
  IntLanes& to = *slots_[step.to].integers;
  const auto put = [&](std::size_t lane, IntRange range) { to.lo[lane] = range.lo, to.hi[lane] = range.hi; };
  const auto at = [](const IntLanes& lanes, std::size_t lane) { return IntRange{lanes.lo[lane], lanes.hi[lane]}; };
  const auto unary = [&](auto formula) {
    const IntLanes& a = *slots_[step.a].integers;
    for (std::size_t lane = 0; lane < count; ++lane) put(lane, formula(at(a, lane)));
  };
  const auto binary = [&](auto formula) {
    const IntLanes &a = *slots_[step.a].integers, &b = *slots_[step.b].integers;
    for (std::size_t lane = 0; lane < count; ++lane) put(lane, formula(at(a, lane), at(b, lane)));
  };
  const auto of_float = [&](auto formula) {
    const FloatLanes& a = *slots_[step.a].reals;
    for (std::size_t lane = 0; lane < count; ++lane) put(lane, formula(a.value[lane]));
  };
  using Range = IntRange;
  switch (step.op) {
    case Opcode::QIdx:
      for (std::size_t lane = 0; lane < count; ++lane) put(lane, {regions_[lane].q0, regions_[lane].q1 - 1});
      break;
    case Opcode::KvIdx:
      for (std::size_t lane = 0; lane < count; ++lane) put(lane, {regions_[lane].k0, regions_[lane].k1 - 1});
      break;
    case Opcode::Add: binary([](Range a, Range b) { return add(a, b); }); break;
    case Opcode::Sub: binary([](Range a, Range b) { return subtract(a, b); }); break;
    case Opcode::Mul: binary([](Range a, Range b) { return multiply(a, b); }); break;
    case Opcode::FloorDiv: binary([](Range a, Range b) { return floor_div(a, b); }); break;
    case Opcode::Mod: binary([](Range a, Range b) { return floor_mod(a, b); }); break;
    case Opcode::Neg: unary([](Range a) { return negate(a); }); break;
    case Opcode::Abs: unary([](Range a) { return absolute(a); }); break;
    case Opcode::Sign: unary([](Range a) { return sign(a); }); break;
    case Opcode::Min: binary([](Range a, Range b) { return minimum(a, b); }); break;
    case Opcode::Max: binary([](Range a, Range b) { return maximum(a, b); }); break;
    case Opcode::And: binary([](Range a, Range b) { return bit_and(a, b); }); break;
    case Opcode::Or: binary([](Range a, Range b) { return bit_or(a, b); }); break;
    case Opcode::Xor: binary([](Range a, Range b) { return bit_xor(a, b); }); break;
    case Opcode::Not: unary([](Range a) { return complement(a); }); break;
    case Opcode::Shl: binary([](Range a, Range b) { return shift_left(a, b); }); break;
    case Opcode::Shr: binary([](Range a, Range b) { return shift_right(a, b); }); break;
    case Opcode::ShrLogical: binary([](Range a, Range b) { return shift_right_logical(a, b); }); break;
    case Opcode::RemUnsigned: binary([](Range a, Range b) { return remainder_unsigned(a, b); }); break;
    case Opcode::WrapI32: unary([](Range a) { return wrap_i32(a); }); break;
    case Opcode::SelectI: {
      const TruthLanes& condition = *slots_[step.a].truths;
      const IntLanes &a = *slots_[step.b].integers, &b = *slots_[step.c].integers;
      for (std::size_t lane = 0; lane < count; ++lane) put(lane, choose(condition.value[lane], at(a, lane), at(b, lane)));
      break;
    }
    case Opcode::BoolToInt: {
      const TruthLanes& a = *slots_[step.a].truths;
      for (std::size_t lane = 0; lane < count; ++lane) put(lane, {a.value[lane] & kFalse ? 0 : 1, a.value[lane] & kTrue ? 1 : 0});
      break;
    }
    case Opcode::FloatToInt: of_float([](FloatRange a) { return float_to_int(a); }); break;
    case Opcode::BitsOfF: of_float([](FloatRange a) { return bits_of(a); }); break;
    default:  // a reduction: anything, as its elements are not looked at
      for (std::size_t lane = 0; lane < count; ++lane) put(lane, sabotaged(Sabotage::LoopOfOneElement) ? IntRange{0, 0} : kAnyInt);
      break;
  }
}

const RangeMachine::BitLanes& RangeMachine::bits_of_operand(Register i, BitLanes& scratch, std::size_t count) const {
  if (slots_[i].bits) return *slots_[i].bits;
  const IntLanes& from = *slots_[i].integers;
  for (std::size_t lane = 0; lane < count; ++lane) scratch.value[lane] = bits_of_range({from.lo[lane], from.hi[lane]});
  return scratch;
}

/// Known bits of a result, and what they say about its interval.
void RangeMachine::bit_step(const Step& step, std::size_t count) {
  BitLanes* const kept = slots_[step.to].bits;
  IntLanes& to = *slots_[step.to].integers;
  BitLanes scratch_a, scratch_b;
  const auto finish = [&](auto formula) {
    for (std::size_t lane = 0; lane < count; ++lane) {
      const IntRange range{to.lo[lane], to.hi[lane]};
      const Bits bits = meet(formula(lane), bits_of_range(range));
      const IntRange narrowed = range_of_bits(bits);
      to.lo[lane] = std::max(range.lo, narrowed.lo);
      to.hi[lane] = std::min(range.hi, narrowed.hi);
      if (kept) kept->value[lane] = bits;
    }
  };
  const auto unary = [&](auto formula) {
    const BitLanes& a = bits_of_operand(step.a, scratch_a, count);
    finish([&](std::size_t lane) { return formula(a.value[lane], lane); });
  };
  const auto binary = [&](auto formula) {
    const BitLanes& a = bits_of_operand(step.a, scratch_a, count);
    const BitLanes& b = bits_of_operand(step.b, scratch_b, count);
    finish([&](std::size_t lane) { return formula(a.value[lane], b.value[lane]); });
  };
  /// By a count, or a power of two, that is one number in the lane; else nothing is known.
  const auto shifted = [&](auto formula) {
    const IntLanes& counts = *slots_[step.b].integers;
    unary([&](Bits a, std::size_t lane) {
      if (counts.lo[lane] != counts.hi[lane]) return Bits{};
      return formula(a, static_cast<unsigned>(counts.lo[lane] & 63));
    });
  };
  const auto power = [&](auto formula) {
    const IntLanes& divisors = *slots_[step.b].integers;
    unary([&](Bits a, std::size_t lane) {
      if (divisors.lo[lane] != divisors.hi[lane] || divisors.lo[lane] <= 0 || !std::has_single_bit(word(divisors.lo[lane]))) return Bits{};
      return formula(a, static_cast<unsigned>(std::countr_zero(word(divisors.lo[lane]))));
    });
  };
  switch (step.op) {
    case Opcode::And: return binary([](Bits a, Bits b) { return bits_and(a, b); });
    case Opcode::Or: return binary([](Bits a, Bits b) { return bits_or(a, b); });
    case Opcode::Xor: return binary([](Bits a, Bits b) { return bits_xor(a, b); });
    case Opcode::Not: return unary([](Bits a, std::size_t) { return bits_not(a); });
    case Opcode::Shl: return shifted([](Bits a, unsigned n) { return bits_shift_left(a, n); });
    case Opcode::Shr: return shifted([](Bits a, unsigned n) { return bits_shift_right(a, n); });
    case Opcode::ShrLogical: return shifted([](Bits a, unsigned n) { return bits_shift_right_logical(a, n); });
    case Opcode::WrapI32: return unary([](Bits a, std::size_t) { return bits_shift_right(bits_shift_left(a, 32), 32); });
    default: break;
  }
  if (!kept) return;
  switch (step.op) {
    case Opcode::Add: return binary([](Bits a, Bits b) { return bits_add(a, b); });
    case Opcode::Sub: return binary([](Bits a, Bits b) { return bits_subtract(a, b); });
    case Opcode::Mul: return binary([](Bits a, Bits b) { return bits_multiply(a, b); });
    case Opcode::FloorDiv: return power([](Bits a, unsigned n) { return bits_shift_right(a, n); });
    case Opcode::Mod: return power([](Bits a, unsigned n) { return bits_and(a, {~((Word{1} << n) - 1), (Word{1} << n) - 1}); });
    case Opcode::SelectI: {
      const TruthLanes& condition = *slots_[step.a].truths;
      const BitLanes& a = bits_of_operand(step.b, scratch_a, count);
      const BitLanes& b = bits_of_operand(step.c, scratch_b, count);
      return finish([&](std::size_t lane) {
        return condition.value[lane] == kTrue ? a.value[lane] : condition.value[lane] == kFalse ? b.value[lane] : join(a.value[lane], b.value[lane]);
      });
    }
    default: return finish([](std::size_t) { return Bits{}; });
  }
}

void RangeMachine::float_step(const Step& step, std::size_t count) {
  FloatLanes& to = *slots_[step.to].reals;
  const auto unary = [&](auto formula) {
    const FloatLanes& a = *slots_[step.a].reals;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(a.value[lane]);
  };
  const auto binary = [&](auto formula) {
    const FloatLanes &a = *slots_[step.a].reals, &b = *slots_[step.b].reals;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(a.value[lane], b.value[lane]);
  };
  const auto of_integer = [&](auto formula) {
    const IntLanes& a = *slots_[step.a].integers;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(IntRange{a.lo[lane], a.hi[lane]});
  };
  using Range = FloatRange;
  switch (step.op) {
    case Opcode::IntToFloat: of_integer([](IntRange a) { return float_of_range(a); }); break;
    case Opcode::FloatOfBits: of_integer([](IntRange a) { return float_of_bits(a); }); break;
    case Opcode::AddF: binary([](Range a, Range b) { return add(a, b); }); break;
    case Opcode::SubF: binary([](Range a, Range b) { return subtract(a, b); }); break;
    case Opcode::MulF: binary([](Range a, Range b) { return multiply(a, b); }); break;
    case Opcode::DivF: binary([](Range a, Range b) { return divide(a, b); }); break;
    case Opcode::FmaF: {
      const FloatLanes &a = *slots_[step.a].reals, &b = *slots_[step.b].reals, &c = *slots_[step.c].reals;
      for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = fused_multiply_add(a.value[lane], b.value[lane], c.value[lane]);
      break;
    }
    case Opcode::NegF: unary([](Range a) { return negate(a); }); break;
    case Opcode::AbsF: unary([](Range a) { return absolute(a); }); break;
    case Opcode::SignF: unary([](Range a) { return sign(a); }); break;
    case Opcode::MinF: binary([](Range a, Range b) { return minimum(a, b); }); break;
    case Opcode::MaxF: binary([](Range a, Range b) { return maximum(a, b); }); break;
    case Opcode::FloorF: unary([](Range a) { return monotone(a, [](float x) { return std::floor(x); }); }); break;
    case Opcode::CeilF: unary([](Range a) { return monotone(a, [](float x) { return std::ceil(x); }); }); break;
    case Opcode::RoundF: unary([](Range a) { return monotone(a, [](float x) { return round_half_even(x); }); }); break;
    case Opcode::SqrtF: unary([](Range a) { return square_root(a); }); break;
    case Opcode::FloorDivF: binary([](Range a, Range b) { return floor_div(a, b); }); break;
    case Opcode::ModF: binary([](Range a, Range b) { return floor_mod(a, b); }); break;
    case Opcode::SelectF: {
      const TruthLanes& condition = *slots_[step.a].truths;
      const FloatLanes &a = *slots_[step.b].reals, &b = *slots_[step.c].reals;
      for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = choose(condition.value[lane], a.value[lane], b.value[lane]);
      break;
    }
    case Opcode::Enclose: binary([&](Range value, Range x) { return enclose(value, static_cast<Function>(step.imm), x); }); break;
    default:
      std::fill_n(to.value, count, sabotaged(Sabotage::LoopOfOneElement) ? FloatRange{0, 0, false} : kAnyFloat);
      break;
  }
}

void RangeMachine::truth_step(const Step& step, std::size_t count) {
  TruthLanes& to = *slots_[step.to].truths;
  const auto truths = [&](auto formula) {
    const TruthLanes &a = *slots_[step.a].truths, &b = *slots_[step.b].truths;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(a.value[lane], b.value[lane]);
  };
  const auto integers = [&](auto formula) {
    const IntLanes &a = *slots_[step.a].integers, &b = *slots_[step.b].integers;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(IntRange{a.lo[lane], a.hi[lane]}, IntRange{b.lo[lane], b.hi[lane]});
  };
  const auto reals = [&](auto formula) {
    const FloatLanes &a = *slots_[step.a].reals, &b = *slots_[step.b].reals;
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(a.value[lane], b.value[lane]);
  };
  using I = IntRange;
  using F = FloatRange;
  switch (step.op) {
    case Opcode::AndB: truths([](Truth a, Truth b) { return both(a, b); }); break;
    case Opcode::OrB: truths([](Truth a, Truth b) { return either(a, b); }); break;
    case Opcode::XorB: truths([](Truth a, Truth b) { return differ(a, b); }); break;
    case Opcode::NotB: truths([](Truth a, Truth) { return negation(a); }); break;
    case Opcode::SelectB: {
      const TruthLanes &condition = *slots_[step.a].truths, &a = *slots_[step.b].truths, &b = *slots_[step.c].truths;
      for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = choose(condition.value[lane], a.value[lane], b.value[lane]);
      break;
    }
    case Opcode::Eq: integers([](I a, I b) { return equal(a, b); }); break;
    case Opcode::Ne: integers([](I a, I b) { return negation(equal(a, b)); }); break;
    case Opcode::Lt: integers([](I a, I b) { return less(a, b); }); break;
    case Opcode::Le: integers([](I a, I b) { return less_equal(a, b); }); break;
    case Opcode::Gt: integers([](I a, I b) { return less(b, a); }); break;
    case Opcode::Ge: integers([](I a, I b) { return less_equal(b, a); }); break;
    case Opcode::EqF: reals([](F a, F b) { return equal(a, b); }); break;
    case Opcode::NeF: reals([](F a, F b) { return unequal(a, b); }); break;
    case Opcode::LtF: reals([](F a, F b) { return less(a, b); }); break;
    case Opcode::LeF: reals([](F a, F b) { return less_equal(a, b); }); break;
    case Opcode::GtF: reals([](F a, F b) { return less(b, a); }); break;
    case Opcode::GeF: reals([](F a, F b) { return less_equal(b, a); }); break;
    case Opcode::IsNan: reals([](F a, F) { return is_nan(a); }); break;
    case Opcode::IsInf: reals([](F a, F) { return is_infinite(a); }); break;
    default: std::fill_n(to.value, count, kEither); break;
  }
  if (step.signatures) compare_signatures(step, count);
}

void RangeMachine::gather_step(const Step& step, std::size_t count) {
  const GatherPlan& plan = plane_.gathers()[step.extra];
  const Slot& slot = slots_[step.to];
  const auto put = [&](std::size_t lane, IntRange range) {
    if (slot.integers) slot.integers->lo[lane] = range.lo, slot.integers->hi[lane] = range.hi;
    else slot.truths->value[lane] = truth_of(range.lo <= 0 && range.hi >= 0, range.lo != 0 || range.hi != 0);
  };
  const auto index = [&](int axis, std::size_t lane) {
    const IntLanes& lanes = *slots_[plan.index[axis]].integers;
    return IntRange{lanes.lo[lane], lanes.hi[lane]};
  };
  for (std::size_t lane = 0; lane < count; ++lane) {
    if (slot.reals) {
      FloatRange& to = slot.reals->value[lane];
      if (plan.kind == GatherPlan::Kind::Line) to = plan.line->reals_at(index(0, lane));
      else if (plan.kind == GatherPlan::Kind::Grid) to = plan.grid->reals_at(index(0, lane), index(1, lane));
      else to = plan.kind == GatherPlan::Kind::Zero ? FloatRange{0, 0, false} : kAnyFloat;
      continue;
    }
    if (plan.kind == GatherPlan::Kind::Line) put(lane, plan.line->integers_at(index(0, lane)));
    else if (plan.kind == GatherPlan::Kind::Grid) put(lane, plan.grid->integers_at(index(0, lane), index(1, lane)));
    else put(lane, plan.kind == GatherPlan::Kind::Zero ? IntRange{0, 0} : kAnyInt);
  }
  if (slot.bits)
    for (std::size_t lane = 0; lane < count; ++lane) slot.bits->value[lane] = bits_of_range({slot.integers->lo[lane], slot.integers->hi[lane]});
}

void RangeMachine::linear_step(const Step& step, std::size_t count) {
  const LinearCompare& compare = plane_.linear()[step.extra];
  TruthLanes& to = *slots_[step.to].truths;
  Int lo[kLanes], hi[kLanes];
  std::fill_n(lo, count, compare.constant);
  std::fill_n(hi, count, compare.constant);
  for (const auto& [at, coefficient] : compare.terms) {
    const IntLanes& term = *slots_[at].integers;
    const Int *small = coefficient > 0 ? term.lo : term.hi, *large = coefficient > 0 ? term.hi : term.lo;
    for (std::size_t lane = 0; lane < count; ++lane) {
      lo[lane] = wrap_add(lo[lane], wrap_mul(coefficient, small[lane]));
      hi[lane] = wrap_add(hi[lane], wrap_mul(coefficient, large[lane]));
    }
  }
  const auto decide = [&](auto formula) {
    for (std::size_t lane = 0; lane < count; ++lane) to.value[lane] = formula(IntRange{lo[lane], hi[lane]});
  };
  constexpr IntRange kZero{0, 0};
  switch (compare.op) {
    case Opcode::Eq: decide([&](IntRange d) { return equal(d, kZero); }); break;
    case Opcode::Ne: decide([&](IntRange d) { return negation(equal(d, kZero)); }); break;
    case Opcode::Lt: decide([&](IntRange d) { return less(d, kZero); }); break;
    case Opcode::Le: decide([&](IntRange d) { return less_equal(d, kZero); }); break;
    case Opcode::Gt: decide([&](IntRange d) { return less(kZero, d); }); break;
    default: decide([&](IntRange d) { return less_equal(kZero, d); }); break;
  }
}

/// Where the ranges of two gathers meet, the values that occur may still be different ones.
void RangeMachine::compare_signatures(const Step& step, std::size_t count) {
  const GatherPlan &a = plane_.gathers()[static_cast<std::size_t>(step.imm & 0xFFFFFFFF)], &b = plane_.gathers()[static_cast<std::size_t>(step.imm >> 32)];
  const std::size_t words = a.line->signature_words();
  TruthLanes& to = *slots_[step.to].truths;
  const IntLanes &at_a = *slots_[a.index[0]].integers, &at_b = *slots_[b.index[0]].integers;
  for (std::size_t lane = 0; lane < count; ++lane) {
    if (to.value[lane] != kEither) continue;
    const IntRange i{at_a.lo[lane], at_a.hi[lane]}, k{at_b.lo[lane], at_b.hi[lane]};
    if (!a.line->covers(i) || !b.line->covers(k)) continue;
    Word left[kMaxSignatureWords] = {}, right[kMaxSignatureWords] = {}, common = 0;
    a.line->signature(i.lo, i.hi, left);
    b.line->signature(k.lo, k.hi, right);
    for (std::size_t w = 0; w < words; ++w) common |= left[w] & right[w];
    if (common == 0) to.value[lane] = step.op == Opcode::Eq ? kFalse : kTrue;
  }
}

}  // namespace flexc::tile
