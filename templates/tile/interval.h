// Range arithmetic on integers and booleans: intervals of signed 64-bit integers, known bits, three-valued booleans. Every function
// contains what the operation of scalar.h gives for any members of its operands (tests/tile draws members and checks).
#pragma once

#include "templates/tile/sabotage.h"
#include "templates/tile/scalar.h"

namespace flexc::tile {

/// All integers from lo to hi.
struct IntRange {
  Int lo = kIntMin, hi = kIntMax;
  bool is_point() const { return lo == hi; }
  bool contains(Int value) const { return lo <= value && value <= hi; }
  bool operator==(const IntRange& other) const { return lo == other.lo && hi == other.hi; }
};
inline constexpr IntRange kAnyInt{};

inline IntRange hull(IntRange a, IntRange b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)}; }

/// Which values a boolean may take.
using Truth = std::uint8_t;
inline constexpr Truth kFalse = 1, kTrue = 2, kEither = 3;
inline Truth truth_of(bool may_be_false, bool may_be_true) { return static_cast<Truth>((may_be_false ? kFalse : 0) | (may_be_true ? kTrue : 0)); }

inline Truth both(Truth a, Truth b) { return static_cast<Truth>((a & b & kTrue) | ((a | b) & kFalse)); }
inline Truth either(Truth a, Truth b) {
  if (sabotaged(Sabotage::OrNeedsBoth)) return both(a, b);
  return static_cast<Truth>(((a | b) & kTrue) | (a & b & kFalse));
}
inline Truth negation(Truth a) {
  if (sabotaged(Sabotage::NotOfUnknownIsFalse) && a == kEither) return kFalse;
  return static_cast<Truth>((a >> 1) | ((a & 1) << 1));
}
inline Truth differ(Truth a, Truth b) { return either(both(a, negation(b)), both(negation(a), b)); }
inline Truth choose(Truth condition, Truth a, Truth b) {
  if (sabotaged(Sabotage::SelectTakesFirst) && condition == kEither) return a;
  return static_cast<Truth>((condition & kTrue ? a : 0) | (condition & kFalse ? b : 0));
}

inline IntRange add(IntRange a, IntRange b) {
  Int lo = 0, hi = 0;
  const bool below = add_overflows(a.lo, b.lo, &lo), above = add_overflows(a.hi, b.hi, &hi);
  if ((below || above) && !sabotaged(Sabotage::AddForgetsOverflow)) return kAnyInt;
  return {lo, hi};
}

inline IntRange subtract(IntRange a, IntRange b) {
  if (sabotaged(Sabotage::SubKeepsOrder)) return {wrap_sub(a.lo, b.lo), wrap_sub(a.hi, b.hi)};
  Int lo = 0, hi = 0;
  const bool below = subtract_overflows(a.lo, b.hi, &lo), above = subtract_overflows(a.hi, b.lo, &hi);
  if (below || above) return kAnyInt;
  return {lo, hi};
}

inline IntRange negate(IntRange a) {
  if (a.lo == kIntMin && !sabotaged(Sabotage::NegOfMinimum)) return a.hi == kIntMin ? a : kAnyInt;
  return {wrap_sub(0, a.hi), wrap_sub(0, a.lo)};
}

inline IntRange multiply(IntRange a, IntRange b) {
  Int p[4];
  bool overflow = multiply_overflows(a.lo, b.lo, &p[0]);
  overflow |= multiply_overflows(a.hi, b.hi, &p[1]);
  overflow |= multiply_overflows(a.lo, b.hi, &p[2]);
  overflow |= multiply_overflows(a.hi, b.lo, &p[3]);
  if (overflow && !sabotaged(Sabotage::MulForgetsOverflow)) return kAnyInt;
  if (sabotaged(Sabotage::MulTwoCornersOnly)) return {std::min(p[0], p[1]), std::max(p[0], p[1])};
  return {std::min(std::min(p[0], p[1]), std::min(p[2], p[3])), std::max(std::max(p[0], p[1]), std::max(p[2], p[3]))};
}

/// a // b for divisors of one sign: monotone in each operand, so the corners bound it.
inline IntRange floor_div_one_sign(IntRange a, IntRange b) {
  if (a.lo == kIntMin && b.contains(-1)) return kAnyInt;  // INT64_MIN // -1 wraps
  if (sabotaged(Sabotage::FloorDivTruncates) && b.is_point()) return {std::min(a.lo / b.lo, a.hi / b.lo), std::max(a.lo / b.lo, a.hi / b.lo)};
  if (b.is_point() && b.lo > 0) return {floor_div(a.lo, b.lo), floor_div(a.hi, b.lo)};
  const Int p[4] = {floor_div(a.lo, b.lo), floor_div(a.lo, b.hi), floor_div(a.hi, b.lo), floor_div(a.hi, b.hi)};
  return {std::min(std::min(p[0], p[1]), std::min(p[2], p[3])), std::max(std::max(p[0], p[1]), std::max(p[2], p[3]))};
}

inline IntRange floor_div(IntRange a, IntRange b) {
  if (b.lo > 0 || b.hi < 0) return floor_div_one_sign(a, b);
  bool any = !sabotaged(Sabotage::FloorDivSkipsZero);  // by 0: 0
  IntRange result{0, 0};
  for (const IntRange part : {IntRange{b.lo, -1}, IntRange{1, b.hi}}) {
    if (part.lo > part.hi) continue;
    const IntRange quotients = floor_div_one_sign(a, part);
    result = any ? hull(result, quotients) : quotients;
    any = true;
  }
  return result;
}

inline IntRange floor_mod(IntRange a, IntRange b) {
  if (b.is_point() && b.lo > 0) {
    if (sabotaged(Sabotage::ModSignOfDividend) && a.hi < 0) return {a.lo % b.lo, 0};
    const Int first = floor_div(a.lo, b.lo);
    if (first == floor_div(a.hi, b.lo) || sabotaged(Sabotage::ModNeverWraps)) {  // within one period
      const Int lo = floor_mod(a.lo, b.lo), hi = floor_mod(a.hi, b.lo);
      return {std::min(lo, hi), std::max(lo, hi)};
    }
    return {0, b.lo - 1};
  }
  if (b.lo > 0) return a.lo >= 0 && a.hi < b.lo ? a : IntRange{0, a.lo >= 0 ? std::min(a.hi, b.hi - 1) : b.hi - 1};
  if (b.hi < 0) return a.hi <= 0 && a.lo > b.hi ? a : IntRange{b.lo + 1, 0};
  return {std::min<Int>(b.lo == kIntMin ? b.lo : b.lo + 1, 0), std::max<Int>(b.hi - 1, 0)};
}

inline IntRange absolute(IntRange a) {
  if (a.lo == kIntMin) return a.hi == kIntMin ? a : kAnyInt;
  if (sabotaged(Sabotage::AbsOfEndpoints)) return {std::min(absolute(a.lo), absolute(a.hi)), std::max(absolute(a.lo), absolute(a.hi))};
  if (a.lo >= 0) return a;
  if (a.hi <= 0) return {-a.hi, -a.lo};
  return {0, std::max(-a.lo, a.hi)};
}

inline IntRange sign(IntRange a) { return {sign(a.lo), sign(a.hi)}; }
inline IntRange minimum(IntRange a, IntRange b) { return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)}; }
inline IntRange maximum(IntRange a, IntRange b) { return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)}; }

/// A shift count as the language takes it: modulo 64.
inline IntRange shift_count(IntRange count) {
  if (sabotaged(Sabotage::ShiftCountNotModulo64)) return {std::clamp<Int>(count.lo, 0, 63), std::clamp<Int>(count.hi, 0, 63)};
  if (count.is_point()) return {count.lo & 63, count.lo & 63};
  return count.lo >= 0 && count.hi <= 63 ? count : IntRange{0, 63};
}

inline IntRange shift_left(IntRange a, IntRange count) {
  count = shift_count(count);
  const auto lossless = [&](Int value) { return shift_right(shift_left(value, count.hi), count.hi) == value; };
  if ((!lossless(a.lo) || !lossless(a.hi)) && !sabotaged(Sabotage::ShlForgetsOverflow)) return a.is_point() && count.is_point() ? IntRange{shift_left(a.lo, count.lo), shift_left(a.lo, count.lo)} : kAnyInt;
  return {std::min(shift_left(a.lo, count.lo), shift_left(a.lo, count.hi)), std::max(shift_left(a.hi, count.lo), shift_left(a.hi, count.hi))};
}

inline IntRange shift_right(IntRange a, IntRange count) {
  count = shift_count(count);
  return {std::min(shift_right(a.lo, count.lo), shift_right(a.lo, count.hi)), std::max(shift_right(a.hi, count.lo), shift_right(a.hi, count.hi))};
}

inline IntRange shift_right_logical(IntRange a, IntRange count) {
  count = shift_count(count);
  if (a.lo >= 0) return shift_right(a, count);
  if (!count.is_point()) return kAnyInt;
  if (count.lo == 0) return a;
  if (a.hi < 0) return {shift_right_logical(a.lo, count.lo), shift_right_logical(a.hi, count.lo)};
  return {0, shift_right_logical(-1, count.lo)};
}

inline IntRange remainder_unsigned(IntRange a, IntRange b) {
  if (a.is_point() && b.is_point()) return {remainder_unsigned(a.lo, b.lo), remainder_unsigned(a.lo, b.lo)};
  if (b.lo <= 0) return kAnyInt;
  if (a.lo < 0) return {0, b.hi - 1};
  return a.hi < b.lo ? a : IntRange{0, std::min(a.hi, b.hi - 1)};
}

inline IntRange wrap_i32(IntRange a) {
  const Int lo = wrap_i32(a.lo), hi = wrap_i32(a.hi);
  const bool one_window = word(a.hi) - word(a.lo) < (Word{1} << 32) && lo <= hi;
  if (one_window || sabotaged(Sabotage::WrapI32OfEndpoints)) return {lo, hi};
  return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
}

inline IntRange complement(IntRange a) { return {~a.hi, ~a.lo}; }
/// Bounds that hold without known bits.
inline IntRange bit_and(IntRange a, IntRange b) {
  if (a.lo >= 0) return {0, b.lo >= 0 ? std::min(a.hi, b.hi) : a.hi};
  return b.lo >= 0 ? IntRange{0, b.hi} : kAnyInt;
}
inline IntRange bit_or(IntRange a, IntRange b) { return a.lo >= 0 && b.lo >= 0 ? IntRange{std::max(a.lo, b.lo), kIntMax} : kAnyInt; }
inline IntRange bit_xor(IntRange a, IntRange b) { return a.lo >= 0 && b.lo >= 0 ? IntRange{0, kIntMax} : kAnyInt; }

inline IntRange choose(Truth condition, IntRange a, IntRange b) {
  if (condition == kTrue) return a;
  return condition == kFalse ? b : hull(a, b);
}

inline Truth less(IntRange a, IntRange b) {
  if (sabotaged(Sabotage::LessOfLowerEnds)) return truth_of(a.lo >= b.lo, a.lo < b.lo);
  return truth_of(a.hi >= b.lo, a.lo < b.hi);
}
inline Truth less_equal(IntRange a, IntRange b) { return truth_of(a.hi > b.lo, a.lo <= b.hi); }
inline Truth equal(IntRange a, IntRange b) {
  const bool meet = a.lo <= b.hi && b.lo <= a.hi;
  if (sabotaged(Sabotage::EqualWhenRangesEqual) && a == b) return kTrue;
  return truth_of(!(a.is_point() && b.is_point() && a.lo == b.lo), meet);
}

/// Known bits of an integer (a tristate number): those known to be 0 and those known to be 1.
struct Bits {
  Word zeros = 0, ones = 0;
  Word unknown() const { return ~(zeros | ones); }
  bool contains(Int value) const { return (word(value) & zeros) == 0 && (~word(value) & ones) == 0; }
};

/// The leading bits that all members of an interval share.
inline Bits bits_of_range(IntRange a) {
  const Word differing = word(a.lo) ^ word(a.hi);
  const Word known = differing == 0 ? ~Word{0} : std::countl_zero(differing) == 0 ? 0 : ~Word{0} << (64 - std::countl_zero(differing));
  if (sabotaged(Sabotage::BitsOfLowerEndOnly)) return {~word(a.lo), word(a.lo)};
  return {~word(a.lo) & known, word(a.lo) & known};
}

inline IntRange range_of_bits(Bits a) {
  constexpr Word kSign = Word{1} << 63;
  const Word unknown_sign = a.unknown() & kSign;
  return {static_cast<Int>(a.ones | unknown_sign), static_cast<Int>(~a.zeros & ~unknown_sign)};
}

inline Bits meet(Bits a, Bits b) { return {a.zeros | b.zeros, a.ones | b.ones}; }
inline Bits join(Bits a, Bits b) { return {a.zeros & b.zeros, a.ones & b.ones}; }
inline Bits bits_and(Bits a, Bits b) { return {a.zeros | b.zeros, a.ones & b.ones}; }
inline Bits bits_or(Bits a, Bits b) { return {a.zeros & b.zeros, a.ones | b.ones}; }
inline Bits bits_xor(Bits a, Bits b) {
  if (sabotaged(Sabotage::BitsXorKeepsUnknown)) return {(a.zeros & b.zeros) | (a.ones & b.ones), (a.ones & ~b.ones) | (a.zeros & ~b.zeros & b.ones)};
  return {(a.zeros & b.zeros) | (a.ones & b.ones), (a.zeros & b.ones) | (a.ones & b.zeros)};
}
inline Bits bits_not(Bits a) { return {a.ones, a.zeros}; }

/// Vishwanathan et al., "Sound, precise, and fast abstract interpretation with tristate numbers" (CGO 2022).
inline Bits bits_add(Bits a, Bits b) {
  const Word unknown = a.unknown() | b.unknown();
  const Word least = a.ones + b.ones, most = least + a.unknown() + b.unknown();
  const Word uncertain = sabotaged(Sabotage::BitsAddWithoutCarry) ? unknown : unknown | (least ^ most);
  return {~least & ~uncertain, least & ~uncertain};
}
inline Bits bits_subtract(Bits a, Bits b) {
  const Word difference = a.ones - b.ones, most = difference + a.unknown(), least = difference - b.unknown();
  const Word uncertain = (most ^ least) | a.unknown() | b.unknown();
  return {~difference & ~uncertain, difference & ~uncertain};
}
/// Low bits known to be 0 add up.
inline Bits bits_multiply(Bits a, Bits b) {
  if ((a.unknown() | b.unknown()) == 0) return {~(a.ones * b.ones), a.ones * b.ones};
  const int zeros = std::countr_one(a.zeros) + std::countr_one(b.zeros);
  return {zeros >= 64 ? ~Word{0} : (Word{1} << zeros) - 1, 0};
}
inline Bits bits_shift_left(Bits a, unsigned count) { return {a.zeros << count | ((Word{1} << count) - 1), a.ones << count}; }
inline Bits bits_shift_right(Bits a, unsigned count) {
  if (sabotaged(Sabotage::BitsShrLogical)) return {count == 0 ? a.zeros : a.zeros >> count | ~Word{0} << (64 - count), a.ones >> count};
  return {word(static_cast<Int>(a.zeros) >> count), word(static_cast<Int>(a.ones) >> count)};
}
inline Bits bits_shift_right_logical(Bits a, unsigned count) { return {count == 0 ? a.zeros : a.zeros >> count | ~Word{0} << (64 - count), a.ones >> count}; }

}  // namespace flexc::tile
