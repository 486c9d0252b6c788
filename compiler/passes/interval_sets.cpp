#include "compiler/passes/interval_sets.h"

#include <algorithm>

using namespace mlir;

namespace flexc::compiler {
namespace {

__extension__ typedef __int128 Wide;
using Limits = std::numeric_limits<std::int64_t>;

Range hull(const Range& a, const Range& b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi), a.assumes | b.assumes}; }

std::int64_t saturate(Wide x) { return static_cast<std::int64_t>(std::clamp<Wide>(x, Limits::min(), Limits::max())); }

bool fits(Wide lo, Wide hi) { return lo >= Limits::min() && hi <= Limits::max(); }

}  // namespace

template <class Op>
Value IntervalAlgebra::make(Value a, Value b, Value c) {
  Value& made = made_[{TypeID::get<Op>().getAsOpaquePointer(), a.getAsOpaquePointer(), b ? b.getAsOpaquePointer() : nullptr, c ? c.getAsOpaquePointer() : nullptr}];
  if (made) return made;
  if constexpr (Op::template hasTrait<OpTrait::OneOperand>()) made = builder_.createOrFold<Op>(location_, a);
  else if constexpr (Op::template hasTrait<OpTrait::NOperands<2>::Impl>()) made = builder_.createOrFold<Op>(location_, a, b);
  else made = builder_.createOrFold<Op>(location_, a, b, c);
  return made;
}

Bound IntervalAlgebra::constant(std::int64_t value) {
  Value& made = constants_[value];
  if (!made) made = builder_.create<arith::ConstantOp>(location_, builder_.getI64IntegerAttr(value));
  return {made, {value, value}};
}

bool IntervalAlgebra::is_below(const Bound& a, const Bound& b) {
  if (a.value == b.value) return true;
  if (a.range.hi > b.range.lo) return false;
  if (a.range.hi != Limits::min() && b.range.lo != Limits::max()) assumes_ |= a.range.assumes | b.range.assumes;
  return true;
}

Bound IntervalAlgebra::min(const Bound& a, const Bound& b) {
  if (is_below(a, b)) return a;
  if (is_below(b, a)) return b;
  return {make<flex::MinOp>(a.value, b.value), {std::min(a.range.lo, b.range.lo), std::min(a.range.hi, b.range.hi), a.range.assumes | b.range.assumes}};
}

Bound IntervalAlgebra::max(const Bound& a, const Bound& b) {
  if (is_below(a, b)) return b;
  if (is_below(b, a)) return a;
  return {make<flex::MaxOp>(a.value, b.value), {std::max(a.range.lo, b.range.lo), std::max(a.range.hi, b.range.hi), a.range.assumes | b.range.assumes}};
}

Bound IntervalAlgebra::select(Value condition, const Bound& a, const Bound& b) {
  if (a.value == b.value) return a;
  if (const auto known = flex::constant_integer(condition)) return *known ? a : b;
  return {make<flex::SelectOp>(condition, a.value, b.value), hull(a.range, b.range)};
}

Bound IntervalAlgebra::add(const Bound& a, const Bound& b) {
  if (a.range.is_constant() && !b.range.is_constant()) return add(b, a);
  if (auto inner = a.value.getDefiningOp<flex::AddOp>(); inner && b.range.is_constant() && !a.range.is_constant()) {
    // (x + c) + d is x + (c + d), if x is what the range of x + c makes it.
    const auto first = flex::constant_integer(inner.getRhs());
    const Wide lo = Wide{a.range.lo} - first.value_or(0), hi = Wide{a.range.hi} - first.value_or(0), both = Wide{first.value_or(0)} + b.range.lo;
    if (first && fits(lo, hi) && fits(both, both)) {
      assumes_ |= a.range.assumes;
      return add({inner.getLhs(), {saturate(lo), saturate(hi), a.range.assumes}}, constant(saturate(both)));
    }
  }
  const Wide lo = Wide{a.range.lo} + b.range.lo, hi = Wide{a.range.hi} + b.range.hi;
  if (lo == hi) return constant(saturate(lo));
  if (b.range.is_constant() && b.range.lo == 0) return a;
  const Range range{saturate(lo), saturate(hi), a.range.assumes | b.range.assumes};
  if (!fits(lo, hi) && b.range.is_constant()) {
    const std::int64_t step = b.range.lo;
    return add(step > 0 ? min(a, constant(Limits::max() - step)) : max(a, constant(Limits::min() - step)), b);
  }
  const Value sum = make<flex::AddOp>(a.value, b.value);
  if (fits(lo, hi)) {
    assumes_ |= range.assumes;
    return {sum, range};
  }
  // The sum left 64 bits where its sign differs from that of both operands.
  const Value differs = make<flex::AndOp>(make<flex::XorOp>(sum, a.value), make<flex::XorOp>(sum, b.value));
  const Bound end = select(make<flex::LtOp>(a.value, constant(0).value), least(), most());
  return {make<flex::SelectOp>(make<flex::LtOp>(differs, constant(0).value), end.value, sum), range};
}

Bound IntervalAlgebra::subtract(const Bound& a, const Bound& b) {
  if (b.range.is_constant() && b.range.lo != Limits::min()) return add(a, constant(-b.range.lo));
  const Wide lo = Wide{a.range.lo} - b.range.hi, hi = Wide{a.range.hi} - b.range.lo;
  if (lo == hi) return constant(saturate(lo));
  const Range range{saturate(lo), saturate(hi), a.range.assumes | b.range.assumes};
  const Value difference = make<flex::SubOp>(a.value, b.value);
  if (fits(lo, hi)) {
    assumes_ |= range.assumes;
    return {difference, range};
  }
  const Value differs = make<flex::AndOp>(make<flex::XorOp>(a.value, b.value), make<flex::XorOp>(a.value, difference));
  const Bound end = select(make<flex::LtOp>(a.value, constant(0).value), least(), most());
  return {make<flex::SelectOp>(make<flex::LtOp>(differs, constant(0).value), end.value, difference), range};
}

Bound IntervalAlgebra::wrapping_subtract(const Bound& a, const Bound& b) {
  const Wide lo = Wide{a.range.lo} - b.range.hi, hi = Wide{a.range.hi} - b.range.lo;
  if (b.range.is_constant() && b.range.lo == 0) return a;
  if (lo == hi) return constant(static_cast<std::int64_t>(static_cast<std::uint64_t>(a.range.lo) - static_cast<std::uint64_t>(b.range.lo)));
  const Value difference = make<flex::SubOp>(a.value, b.value);
  if (!fits(lo, hi)) return {difference, {}};
  return {difference, {static_cast<std::int64_t>(lo), static_cast<std::int64_t>(hi), a.range.assumes | b.range.assumes}};
}

std::optional<Bound> IntervalAlgebra::multiply(const Bound& a, const Bound& b) {
  if (a.range.is_constant() && !b.range.is_constant()) return multiply(b, a);
  const Wide corners[] = {Wide{a.range.lo} * b.range.lo, Wide{a.range.lo} * b.range.hi, Wide{a.range.hi} * b.range.lo, Wide{a.range.hi} * b.range.hi};
  const Wide lo = *std::min_element(std::begin(corners), std::end(corners)), hi = *std::max_element(std::begin(corners), std::end(corners));
  if (lo == hi) return constant(saturate(lo));
  if (b.range.is_constant() && b.range.lo == 1) return a;
  const Range range{saturate(lo), saturate(hi), a.range.assumes | b.range.assumes};
  if (fits(lo, hi)) {
    assumes_ |= range.assumes;
    return Bound{make<flex::MulOp>(a.value, b.value), range};
  }
  if (!b.range.is_constant() || b.range.lo < 2) return std::nullopt;
  const std::int64_t factor = b.range.lo, above = Limits::max() / factor, below = Limits::min() / factor;
  const Bound product{make<flex::MulOp>(a.value, b.value), range};
  const Bound capped = select(less(constant(above), a), most(), product);
  return select(less(a, constant(below)), least(), capped);
}

std::optional<Bound> IntervalAlgebra::ceil_divide(const Bound& a, std::int64_t divisor) {
  if (divisor == 1) return a;
  if (a.range.lo == Limits::min()) return std::nullopt;
  assumes_ |= a.range.assumes;
  const Bound before = add(a, constant(-1));
  const Bound by = constant(divisor);
  const auto floor = [&](std::int64_t x) { return x / divisor - (x % divisor < 0 ? 1 : 0); };
  const Bound quotient{make<flex::FloorDivOp>(before.value, by.value), {floor(before.range.lo), floor(before.range.hi), before.range.assumes}};
  return add(quotient, constant(1));
}

Value IntervalAlgebra::truth(bool value) { return builder_.create<arith::ConstantOp>(location_, builder_.getBoolAttr(value)); }

Value IntervalAlgebra::less(const Bound& a, const Bound& b) {
  if (a.value == b.value) return truth(false);
  if (a.range.hi < b.range.lo || a.range.lo >= b.range.hi) {
    assumes_ |= a.range.assumes | b.range.assumes;
    return truth(a.range.hi < b.range.lo);
  }
  return make<flex::LtOp>(a.value, b.value);
}

Value IntervalAlgebra::both(Value a, Value b) {
  if (const auto known = flex::constant_integer(a)) return *known ? b : a;
  if (const auto known = flex::constant_integer(b)) return *known ? a : b;
  return a == b ? a : make<flex::AndOp>(a, b);
}

Value IntervalAlgebra::either(Value a, Value b) {
  if (const auto known = flex::constant_integer(a)) return *known ? a : b;
  if (const auto known = flex::constant_integer(b)) return *known ? b : a;
  return a == b ? a : make<flex::OrOp>(a, b);
}

Value IntervalAlgebra::negate(Value condition) {
  if (const auto known = flex::constant_integer(condition)) return truth(!*known);
  return make<flex::NotOp>(condition);
}

IntervalSet IntervalAlgebra::as_intervals(const IntervalSet& set) {
  if (!set.condition) return set;
  if (const auto known = flex::constant_integer(set.condition)) return *known ? of({least(), most()}) : IntervalSet{};
  return of({least(), select(set.condition, most(), least())});
}

/// Adds an interval to a union, unless it is empty or a part of what is there.
void IntervalAlgebra::insert(IntervalSet& set, Interval interval) {
  if (is_below(interval.hi, interval.lo)) return;
  for (Interval& other : set.intervals) {
    // With one end in common the union is an interval, also if one of the two is empty.
    if (other.lo.value == interval.lo.value) {
      other.hi = max(other.hi, interval.hi);
      return;
    }
    if (other.hi.value == interval.hi.value) {
      other.lo = min(other.lo, interval.lo);
      return;
    }
    if (is_below(other.lo, interval.lo) && is_below(interval.hi, other.hi)) return;
    if (is_below(interval.lo, other.lo) && is_below(other.hi, interval.hi)) {
      other = interval;
      return;
    }
  }
  set.intervals.push_back(interval);
}

std::optional<IntervalSet> IntervalAlgebra::checked(IntervalSet set) {
  if (set.intervals.size() > kMaxIntervals) return std::nullopt;
  return set;
}

std::optional<IntervalSet> IntervalAlgebra::intersect(const IntervalSet& a, const IntervalSet& b) {
  if (a.condition && b.condition) return when(both(a.condition, b.condition));
  if (b.condition) return intersect(b, a);
  IntervalSet result;
  if (a.condition) {
    for (const Interval& interval : b.intervals) {
      // The end that is no limit stays one: unions merge by it.
      if (is_most(interval.hi)) insert(result, {select(a.condition, interval.lo, most()), interval.hi});
      else insert(result, {interval.lo, select(a.condition, interval.hi, least())});
    }
    return checked(std::move(result));
  }
  for (const Interval& x : a.intervals)
    for (const Interval& y : b.intervals) insert(result, {max(x.lo, y.lo), min(x.hi, y.hi)});
  return checked(std::move(result));
}

std::optional<IntervalSet> IntervalAlgebra::unite(const IntervalSet& a, const IntervalSet& b) {
  if (a.condition && b.condition) return when(either(a.condition, b.condition));
  if (b.condition) return unite(b, a);
  if (a.condition) {
    if (b.intervals.empty() || flex::constant_integer(a.condition)) {
      IntervalSet result = as_intervals(a);
      for (const Interval& interval : b.intervals) insert(result, interval);
      return checked(std::move(result));
    }
    IntervalSet result = b;
    Interval& first = result.intervals.front();
    first = {select(a.condition, least(), first.lo), select(a.condition, most(), first.hi)};
    return result;
  }
  IntervalSet result = a;
  for (const Interval& interval : b.intervals) insert(result, interval);
  return checked(std::move(result));
}

std::optional<IntervalSet> IntervalAlgebra::complement(const IntervalSet& set) {
  if (set.condition) return when(negate(set.condition));
  IntervalSet result = of({least(), most()});
  for (const Interval& interval : set.intervals) {
    IntervalSet outside;
    // Of an empty interval: everything, because then hi <= lo.
    insert(outside, {least(), interval.lo});
    insert(outside, {interval.hi, most()});
    const auto rest = intersect(result, outside);
    if (!rest) return std::nullopt;
    result = *rest;
  }
  return result;
}

IntervalSet IntervalAlgebra::choose(Value condition, const IntervalSet& a, const IntervalSet& b) {
  if (const auto known = flex::constant_integer(condition)) return *known ? a : b;
  if (a.condition && b.condition) return when(either(both(condition, a.condition), both(negate(condition), b.condition)));
  const IntervalSet x = as_intervals(a), y = as_intervals(b);
  IntervalSet result;
  const Interval nothing{constant(0), constant(0)};
  for (std::size_t i = 0; i < std::max(x.intervals.size(), y.intervals.size()); ++i) {
    const Interval& from = i < x.intervals.size() ? x.intervals[i] : nothing;
    const Interval& other = i < y.intervals.size() ? y.intervals[i] : nothing;
    insert(result, {select(condition, from.lo, other.lo), select(condition, from.hi, other.hi)});
  }
  return result;
}

}  // namespace flexc::compiler
