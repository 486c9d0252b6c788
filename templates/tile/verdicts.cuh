// The range interpreter for one thread: a plane's program over one region, register by register, with the range functions of the host's (interval.h,
// float_range.h). runtime/tile/ranges.cpp does the same for many regions at once; tests/tile compares the two bit by bit.
#pragma once
#include "templates/tile/elements.h"

namespace flexc::tile {

/// A thread's registers. Threads' lie side by side, so that a warp reads whole lines.
struct ThreadRegisters {
  DeviceRegister* first;
  std::uint32_t stride;
  const std::uint8_t* types;

  DeviceRegister& at(std::uint32_t i) const { return first[static_cast<std::size_t>(i) * stride]; }
  IntRange integer(std::uint32_t i) const { return at(i).integers; }
  FloatRange real(std::uint32_t i) const { return {at(i).other.lo, at(i).other.hi, at(i).other.nan != 0}; }
  Truth truth(std::uint32_t i) const { return static_cast<Truth>(at(i).other.truth); }
  Bits bits(std::uint32_t i) const { return types[i] & 4 ? at(i).bits : bits_of_range(at(i).integers); }
  void put(std::uint32_t i, IntRange value) const { at(i).integers = value; }
  void put(std::uint32_t i, FloatRange value) const { at(i).other.lo = value.lo, at(i).other.hi = value.hi, at(i).other.nan = value.nan; }
  void put(std::uint32_t i, Truth value) const { at(i).other.truth = value; }
};

/// What runtime/tile/summaries.h answers, from its tables.
namespace summaries {

/// Elements first…last of a line: two entries of the sparse table, and single elements at its ends.
template <class Range>
Range bounds_of_line(const DeviceGather& line, Int first, Int last) {
  const Int extent = line.extents[0], runs = (extent + kRun - 1) / kRun;
  const auto element = [&](Int i) { return element_of(line, line.base + i * line.strides[0], static_cast<Range*>(nullptr)); };
  bool any = false;
  Range result{};
  const Int run = (first + kRun - 1) / kRun, end = last + 1 == extent ? runs : (last + 1) / kRun;
  if (run >= end) {
    for (Int i = first; i <= last; ++i) result = merge(any, result, element(i));
    return result;
  }
  const int level = std::bit_width(static_cast<Word>(end - run)) - 1;
  const Range* table = static_cast<const Range*>(line.table);
  for (int below = 0; below < level; ++below) table += runs - (Int{1} << below) + 1;
  result = hull(table[run], table[end - (Int{1} << level)]);
  any = true;
  for (Int i = first; i < run * kRun; ++i) result = merge(any, result, element(i));
  for (Int i = end * kRun; i <= last; ++i) result = merge(any, result, element(i));
  return result;
}

template <class Range>
Range bounds_of_cells(const DeviceGather& grid, IntRange row, IntRange column) {
  bool any = false;
  Range result{};
  constexpr Int kCell = Int{1} << kCellBits;
  if (row.hi - row.lo < kCell && column.hi - column.lo < kCell) {
    for (Int r = row.lo; r <= row.hi; ++r)
      for (Int c = column.lo; c <= column.hi; ++c)
        result = merge(any, result, element_of(grid, grid.base + r * grid.strides[0] + c * grid.strides[1], static_cast<Range*>(nullptr)));
    return result;
  }
  Int rows = ((grid.extents[0] - 1) >> kCellBits) + 1, columns = ((grid.extents[1] - 1) >> kCellBits) + 1;
  const Range* cells = static_cast<const Range*>(grid.table);
  int shift = kCellBits;
  const auto span = [&](IntRange range) { return (range.hi >> shift) - (range.lo >> shift) + 1; };
  for (Int level = 0; level + 1 < grid.levels && (span(row) > kMostCells || span(column) > kMostCells); ++level) {
    cells += rows * columns;
    rows = (rows + 1) / 2, columns = (columns + 1) / 2;
    ++shift;
  }
  for (Int r = row.lo >> shift; r <= row.hi >> shift; ++r)
    for (Int c = column.lo >> shift; c <= column.hi >> shift; ++c) result = merge(any, result, cells[r * columns + c]);
  return result;
}

template <class Range>
Range gathered(const DeviceGather& gather, const ThreadRegisters& registers, Range zero) {
  const IndexParts rows = split_index(registers.integer(gather.index[0]), gather.extents[0]);
  bool any = rows.outside;
  Range result = zero;
  if (gather.kind == DeviceGather::kLine) {
    for (int i = 0; i < rows.count; ++i) result = merge(any, result, bounds_of_line<Range>(gather, rows.parts[i].lo, rows.parts[i].hi));
    return result;
  }
  const IndexParts columns = split_index(registers.integer(gather.index[1]), gather.extents[1]);
  any = any || columns.outside;
  for (int r = 0; r < rows.count; ++r)
    for (int c = 0; c < columns.count; ++c) result = merge(any, result, bounds_of_cells<Range>(gather, rows.parts[r], columns.parts[c]));
  return result;
}

inline bool covers(const DeviceGather& line, IntRange index) { return index.lo >= 0 && index.hi < line.extents[0]; }

/// Word `w` of the signature of first…last.
inline Word signature(const DeviceGather& line, Int first, Int last, Int w) {
  const Word mask = 64 * static_cast<Word>(line.signature_words) - 1;
  Word result = 0;
  const auto element = [&](Int i) {
    const Word code = word(element_of(line, line.base + i * line.strides[0], static_cast<IntRange*>(nullptr)).lo) & mask;
    if (static_cast<Int>(code / 64) == w) result |= Word{1} << (code % 64);
  };
  const Int runs = (line.extents[0] + kRun - 1) / kRun;
  Int run = (first + kRun - 1) / kRun, end = last + 1 == line.extents[0] ? runs : (last + 1) / kRun;
  if (run >= end) {
    for (Int i = first; i <= last; ++i) element(i);
    return result;
  }
  for (Int i = first; i < run * kRun; ++i) element(i);
  for (Int i = end * kRun; i <= last; ++i) element(i);
  const Word* nodes = line.signatures;
  for (Int count = runs; run < end; nodes += count * line.signature_words, count = (count + 1) / 2, run /= 2, end /= 2) {
    if (run & 1) result |= nodes[run++ * line.signature_words + w];
    if (end & 1) result |= nodes[--end * line.signature_words + w];
  }
  return result;
}

}  // namespace summaries

inline IntRange integer_result(const DeviceStep& step, const ThreadRegisters& r, const DeviceRegion& region) {
  const auto a = [&] { return r.integer(step.a); };
  const auto b = [&] { return r.integer(step.b); };
  switch (static_cast<Opcode>(step.op)) {
    case Opcode::QIdx: return {region.q0, region.q1 - 1};
    case Opcode::KvIdx: return {region.k0, region.k1 - 1};
    case Opcode::Add: return add(a(), b());
    case Opcode::Sub: return subtract(a(), b());
    case Opcode::Mul: return multiply(a(), b());
    case Opcode::FloorDiv: return floor_div(a(), b());
    case Opcode::Mod: return floor_mod(a(), b());
    case Opcode::Neg: return negate(a());
    case Opcode::Abs: return absolute(a());
    case Opcode::Sign: return sign(a());
    case Opcode::Min: return minimum(a(), b());
    case Opcode::Max: return maximum(a(), b());
    case Opcode::And: return bit_and(a(), b());
    case Opcode::Or: return bit_or(a(), b());
    case Opcode::Xor: return bit_xor(a(), b());
    case Opcode::Not: return complement(a());
    case Opcode::Shl: return shift_left(a(), b());
    case Opcode::Shr: return shift_right(a(), b());
    case Opcode::ShrLogical: return shift_right_logical(a(), b());
    case Opcode::RemUnsigned: return remainder_unsigned(a(), b());
    case Opcode::WrapI32: return wrap_i32(a());
    case Opcode::SelectI: return choose(r.truth(step.a), r.integer(step.b), r.integer(step.c));
    case Opcode::BoolToInt: return {r.truth(step.a) & kFalse ? 0 : 1, r.truth(step.a) & kTrue ? 1 : 0};
    case Opcode::FloatToInt: return float_to_int(r.real(step.a));
    case Opcode::BitsOfF: return bits_of(r.real(step.a));
    default: return kAnyInt;  // a reduction
  }
}

/// Known bits of a result that are more than its interval says; nothing where the operation has none, or they are not wanted.
inline bool known_bits(const DeviceStep& step, const ThreadRegisters& r, Bits& known) {
  const auto op = static_cast<Opcode>(step.op);
  const auto a = [&] { return r.bits(step.a); };
  const auto b = [&] { return r.bits(step.b); };
  const IntRange count = op == Opcode::Shl || op == Opcode::Shr || op == Opcode::ShrLogical || op == Opcode::FloorDiv || op == Opcode::Mod ? r.integer(step.b) : IntRange{0, 0};
  const auto shift = static_cast<unsigned>(count.lo & 63);
  switch (op) {
    case Opcode::And: return known = bits_and(a(), b()), true;
    case Opcode::Or: return known = bits_or(a(), b()), true;
    case Opcode::Xor: return known = bits_xor(a(), b()), true;
    case Opcode::Not: return known = bits_not(a()), true;
    case Opcode::Shl: return known = count.is_point() ? bits_shift_left(a(), shift) : Bits{}, true;
    case Opcode::Shr: return known = count.is_point() ? bits_shift_right(a(), shift) : Bits{}, true;
    case Opcode::ShrLogical: return known = count.is_point() ? bits_shift_right_logical(a(), shift) : Bits{}, true;
    case Opcode::WrapI32: return known = bits_shift_right(bits_shift_left(a(), 32), 32), true;
    default: break;
  }
  if (!(step.flags & kWantsBits)) return false;
  known = Bits{};
  const bool by_power = count.is_point() && count.lo > 0 && std::has_single_bit(word(count.lo));
  const unsigned power = by_power ? static_cast<unsigned>(std::countr_zero(word(count.lo))) : 0;
  switch (op) {
    case Opcode::Add: known = bits_add(a(), b()); break;
    case Opcode::Sub: known = bits_subtract(a(), b()); break;
    case Opcode::Mul: known = bits_multiply(a(), b()); break;
    case Opcode::FloorDiv: if (by_power) known = bits_shift_right(a(), power); break;
    case Opcode::Mod: if (by_power) known = bits_and(a(), {~((Word{1} << power) - 1), (Word{1} << power) - 1}); break;
    case Opcode::SelectI: {
      const Truth condition = r.truth(step.a);
      known = condition == kTrue ? r.bits(step.b) : condition == kFalse ? r.bits(step.c) : join(r.bits(step.b), r.bits(step.c));
      break;
    }
    default: break;
  }
  return true;
}

inline FloatRange float_result(const DeviceStep& step, const ThreadRegisters& r) {
  const auto a = [&] { return r.real(step.a); };
  const auto b = [&] { return r.real(step.b); };
  switch (static_cast<Opcode>(step.op)) {
    case Opcode::IntToFloat: return float_of_range(r.integer(step.a));
    case Opcode::FloatOfBits: return float_of_bits(r.integer(step.a));
    case Opcode::AddF: return add(a(), b());
    case Opcode::SubF: return subtract(a(), b());
    case Opcode::MulF: return multiply(a(), b());
    case Opcode::DivF: return divide(a(), b());
    case Opcode::FmaF: return fused_multiply_add(a(), b(), r.real(step.c));
    case Opcode::NegF: return negate(a());
    case Opcode::AbsF: return absolute(a());
    case Opcode::SignF: return sign(a());
    case Opcode::MinF: return minimum(a(), b());
    case Opcode::MaxF: return maximum(a(), b());
    case Opcode::FloorF: return monotone(a(), [](float x) { return std::floor(x); });
    case Opcode::CeilF: return monotone(a(), [](float x) { return std::ceil(x); });
    case Opcode::RoundF: return monotone(a(), [](float x) { return round_half_even(x); });
    case Opcode::SqrtF: return square_root(a());
    case Opcode::FloorDivF: return floor_div(a(), b());
    case Opcode::ModF: return floor_mod(a(), b());
    case Opcode::SelectF: return choose(r.truth(step.a), r.real(step.b), r.real(step.c));
    case Opcode::Enclose: return enclose(a(), static_cast<Function>(step.imm), b());
    default: return kAnyFloat;
  }
}

inline Truth truth_result(const DeviceStep& step, const ThreadRegisters& r) {
  const auto a = [&] { return r.truth(step.a); };
  const auto b = [&] { return r.truth(step.b); };
  const auto i = [&] { return r.integer(step.a); };
  const auto j = [&] { return r.integer(step.b); };
  const auto x = [&] { return r.real(step.a); };
  const auto y = [&] { return r.real(step.b); };
  switch (static_cast<Opcode>(step.op)) {
    case Opcode::AndB: return both(a(), b());
    case Opcode::OrB: return either(a(), b());
    case Opcode::XorB: return differ(a(), b());
    case Opcode::NotB: return negation(a());
    case Opcode::SelectB: return choose(a(), b(), r.truth(step.c));
    case Opcode::Eq: return equal(i(), j());
    case Opcode::Ne: return negation(equal(i(), j()));
    case Opcode::Lt: return less(i(), j());
    case Opcode::Le: return less_equal(i(), j());
    case Opcode::Gt: return less(j(), i());
    case Opcode::Ge: return less_equal(j(), i());
    case Opcode::EqF: return equal(x(), y());
    case Opcode::NeF: return unequal(x(), y());
    case Opcode::LtF: return less(x(), y());
    case Opcode::LeF: return less_equal(x(), y());
    case Opcode::GtF: return less(y(), x());
    case Opcode::GeF: return less_equal(y(), x());
    case Opcode::IsNan: return is_nan(x());
    case Opcode::IsInf: return is_infinite(x());
    default: return kEither;
  }
}

/// Where the ranges of two gathers meet, the values that occur may still be different ones.
inline Truth by_signatures(const VerdictArguments& arguments, const DeviceStep& step, const ThreadRegisters& r, Truth found) {
  const DeviceGather &a = arguments.gathers[step.imm & 0xFFFFFFFF], &b = arguments.gathers[step.imm >> 32];
  const IntRange i = r.integer(a.index[0]), k = r.integer(b.index[0]);
  if (found != kEither || !summaries::covers(a, i) || !summaries::covers(b, k)) return found;
  for (Int w = 0; w < a.signature_words; ++w)
    if ((summaries::signature(a, i.lo, i.hi, w) & summaries::signature(b, k.lo, k.hi, w)) != 0) return found;
  return static_cast<Opcode>(step.op) == Opcode::Eq ? kFalse : kTrue;
}

inline Truth linear_result(const VerdictArguments& arguments, const DeviceStep& step, const ThreadRegisters& r) {
  const DeviceLinear& compare = arguments.linear[step.extra];
  IntRange sum{compare.constant, compare.constant};
  for (std::uint32_t t = 0; t < compare.terms; ++t) {
    const DeviceTerm& term = arguments.terms[compare.first_term + t];
    const IntRange value = r.integer(term.at);
    sum.lo = wrap_add(sum.lo, wrap_mul(term.coefficient, term.coefficient > 0 ? value.lo : value.hi));
    sum.hi = wrap_add(sum.hi, wrap_mul(term.coefficient, term.coefficient > 0 ? value.hi : value.lo));
  }
  constexpr IntRange kZero{0, 0};
  switch (static_cast<Opcode>(compare.op)) {
    case Opcode::Eq: return equal(sum, kZero);
    case Opcode::Ne: return negation(equal(sum, kZero));
    case Opcode::Lt: return less(sum, kZero);
    case Opcode::Le: return less_equal(sum, kZero);
    case Opcode::Gt: return less(kZero, sum);
    default: return less_equal(kZero, sum);
  }
}

inline void gather(const VerdictArguments& arguments, const DeviceStep& step, const ThreadRegisters& r) {
  const DeviceGather& plan = arguments.gathers[step.extra];
  const bool is_read = plan.kind == DeviceGather::kLine || plan.kind == DeviceGather::kGrid, is_zero = plan.kind == DeviceGather::kZero;
  if (static_cast<Type>(step.type) == Type::F32) {
    constexpr FloatRange kZeroFloat{0, 0, false};
    r.put(step.to, is_read ? summaries::gathered(plan, r, kZeroFloat) : is_zero ? kZeroFloat : kAnyFloat);
    return;
  }
  const IntRange found = is_read ? summaries::gathered(plan, r, IntRange{0, 0}) : is_zero ? IntRange{0, 0} : kAnyInt;
  if (static_cast<Type>(step.type) == Type::Bool) {
    r.put(step.to, truth_of(found.lo <= 0 && found.hi >= 0, found.lo != 0 || found.hi != 0));
    return;
  }
  r.put(step.to, found);
  if (step.flags & kWantsBits) r.at(step.to).bits = bits_of_range(found);
}

/// Which values the mask takes on a region; `thread` of `threads` says which registers it uses.
inline Truth verdict(const VerdictArguments& arguments, const DeviceRegion& region, std::uint32_t thread, std::uint32_t threads) {
  const ThreadRegisters r{arguments.registers + thread, threads, arguments.types};
  for (std::uint32_t i = 0; i < arguments.constant_count; ++i) {
    const DeviceConstant& constant = arguments.constants[i];
    switch (static_cast<Type>(arguments.types[constant.at] & 3)) {
      case Type::I64: r.put(constant.at, IntRange{constant.integer, constant.integer}); break;
      case Type::F32: r.put(constant.at, point(constant.real)); break;
      case Type::Bool: r.put(constant.at, constant.integer != 0 ? kTrue : kFalse); break;
    }
  }
  for (std::uint32_t i = 0; i < arguments.step_count; ++i) {
    const DeviceStep& step = arguments.steps[i];
    if (step.kind == kStepLinear) {
      r.put(step.to, linear_result(arguments, step, r));
    } else if (step.kind == kStepGather) {
      gather(arguments, step, r);
    } else if (static_cast<Type>(step.type) == Type::Bool) {
      const Truth found = truth_result(step, r);
      r.put(step.to, step.flags & kComparesSignatures ? by_signatures(arguments, step, r, found) : found);
    } else if (static_cast<Type>(step.type) == Type::F32) {
      r.put(step.to, float_result(step, r));
    } else {
      IntRange found = integer_result(step, r, region);
      Bits known;
      if (known_bits(step, r, known)) {
        known = meet(known, bits_of_range(found));
        const IntRange narrowed = range_of_bits(known);
        found = {std::max(found.lo, narrowed.lo), std::min(found.hi, narrowed.hi)};
        if (step.flags & kWantsBits) r.at(step.to).bits = known;
      }
      r.put(step.to, found);
    }
  }
  return r.truth(arguments.result);
}

}  // namespace flexc::tile
