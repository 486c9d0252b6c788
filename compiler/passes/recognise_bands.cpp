// recognise-bands: reads off a mask_mod which kv positions a row keeps, as at most two intervals [lo, hi) whose ends are functions of b, h,
// q_idx and the launch: flex.band. What is not an interval stays in flex.mask_mod as the residual; a pair is kept by both together.
//
// A conjunct is taken over only if it is known exactly, for every value of every input: mask = (kv in band) and residual holds bit by
// bit. A comparison of kv with a value of the row needs no assumption. A term is moved across a comparison where Ranges prove that
// nothing wraps; for a lone ±kv + r the wrapped comparison is still an interval modulo 2^64, so at most two of signed integers.
// Floats and gathers of kv are never looked into.
#include "compiler/dialect/flex.h"
#include "compiler/passes/interval_sets.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/linear_form.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/ranges.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

__extension__ typedef __int128 Wide;
using Limits = std::numeric_limits<std::int64_t>;

/// Deeper expressions are left alone, so that the walk needs little stack.
constexpr int kMaxDepth = 200;
/// The most intervals that a band has.
constexpr std::size_t kBandIntervals = 2;

/// The terms of a conjunction, without recursion.
SmallVector<Value> conjuncts_of(Value root) {
  SmallVector<Value> terms, open{root};
  DenseSet<Value> seen;
  while (!open.empty()) {
    const Value value = open.pop_back_val();
    if (!seen.insert(value).second) continue;
    if (auto conjunction = value.getDefiningOp<flex::AndOp>()) {
      open.push_back(conjunction.getRhs());
      open.push_back(conjunction.getLhs());
    } else {
      terms.push_back(value);
    }
  }
  return terms;
}

enum class Relation { Less, LessOrEqual, Greater, GreaterOrEqual, Equal };

Relation mirrored(Relation relation) {
  switch (relation) {
    case Relation::Less: return Relation::Greater;
    case Relation::LessOrEqual: return Relation::GreaterOrEqual;
    case Relation::Greater: return Relation::Less;
    case Relation::GreaterOrEqual: return Relation::LessOrEqual;
    case Relation::Equal: return Relation::Equal;
  }
  return relation;
}

/// Strictly inside of 64 bits: such a value is on the right side of an end that saturated.
bool is_inside(const Range& range) { return range.lo > Limits::min() && range.hi < Limits::max(); }

/// Turns conditions on pairs into sets of kv positions. The values of the row are copied to the band first.
class SetBuilder {
 public:
  SetBuilder(flex::MaskModOp mask, flex::BandOp band)
      : builder_(OpBuilder::atBlockEnd(&band.getBody().front())), location_(mask.getLoc()), algebra_(builder_, location_), ranges_(mask->getParentOfType<flex::VariantOp>()) {
    Block& from = mask.getBody().front();
    kv_ = from.getArgument(3);
    for (unsigned i = 0; i < 3; ++i) copies_.map(from.getArgument(i), band.getBody().front().getArgument(i));
    // All of them: what serves no end is removed as dead code later.
    for (Operation& op : from.without_terminator())
      if (is_of_row(op.getResult(0))) builder_.clone(op, copies_);
  }

  IntervalAlgebra& algebra() { return algebra_; }
  OpBuilder& builder() { return builder_; }
  std::uint32_t assumes() const { return assumes_ | algebra_.assumes(); }

  /// The positions where an i1 holds.
  std::optional<IntervalSet> positions_of(Value condition) {
    if (is_of_row(condition)) return algebra_.when(copy(condition));
    if (const auto known = known_.find(condition); known != known_.end()) return known->second;
    if (depth_ > kMaxDepth) return std::nullopt;
    ++depth_;
    auto found = find(condition);
    --depth_;
    return known_[condition] = std::move(found);
  }

 private:
  using Set = std::optional<IntervalSet>;

  bool is_of_row(Value value) { return (dependences_.of(value) & (kOnKv | kOnScore | kOnLoop)) == 0; }
  Value copy(Value value) { return copies_.lookup(value); }

  Bound bound(Value of_row) {
    const Range range = ranges_.of(of_row);
    return range.is_constant() ? algebra_.constant(range.lo) : Bound{copy(of_row), range};
  }

  Set intersect(const Set& a, const Set& b) { return a && b ? algebra_.intersect(*a, *b) : std::nullopt; }
  Set unite(const Set& a, const Set& b) { return a && b ? algebra_.unite(*a, *b) : std::nullopt; }
  Set complement(const Set& a) { return a ? algebra_.complement(*a) : std::nullopt; }

  /// Where `condition` holds, a; elsewhere b.
  template <class A, class B>
  Set choose(Value condition, const A& a, const B& b) {
    const Set x = a(), y = x ? b() : std::nullopt;
    if (!y) return std::nullopt;
    if (is_of_row(condition)) return algebra_.choose(copy(condition), *x, *y);
    const Set where = positions_of(condition);
    return unite(intersect(where, x), intersect(complement(where), y));
  }

  Set find(Value condition) {
    Operation* op = condition.getDefiningOp();
    const auto of = [&](unsigned operand) { return positions_of(op->getOperand(operand)); };
    if (isa<flex::AndOp>(op)) return intersect(of(0), of(1));
    if (isa<flex::OrOp>(op)) return unite(of(0), of(1));
    if (isa<flex::NotOp>(op)) return complement(of(0));
    if (isa<flex::XorOp>(op)) return choose(op->getOperand(0), [&] { return complement(of(1)); }, [&] { return of(1); });
    if (isa<flex::SelectOp>(op)) return choose(op->getOperand(0), [&] { return of(1); }, [&] { return of(2); });
    if (op->getNumOperands() != 2 || !op->getOperand(0).getType().isInteger(64)) return std::nullopt;
    const Value a = op->getOperand(0), b = op->getOperand(1);
    if (isa<flex::LtOp>(op)) return compare(Relation::Less, a, b);
    if (isa<flex::LeOp>(op)) return compare(Relation::LessOrEqual, a, b);
    if (isa<flex::GtOp>(op)) return compare(Relation::Greater, a, b);
    if (isa<flex::GeOp>(op)) return compare(Relation::GreaterOrEqual, a, b);
    if (isa<flex::EqOp>(op)) return compare(Relation::Equal, a, b);
    if (isa<flex::NeOp>(op)) return complement(compare(Relation::Equal, a, b));
    return std::nullopt;
  }

  Set compare(Relation relation, Value a, Value b) {
    if (is_of_row(a)) {
      std::swap(a, b);
      relation = mirrored(relation);
    }
    Linear difference = linear_form(a);
    difference.add(linear_form(b), ~Unsigned{0});
    difference.drop_zeros();
    if (relation == Relation::Equal)
      if (const Set points = where_zero(difference)) return points;
    if (is_of_row(b)) {
      const Bound limit = bound(b);
      if (Set set = where_in(a, interval(relation, limit))) return set;
      return relation == Relation::Equal ? std::nullopt : where_in_modulo(a, relation, limit);
    }
    // a ? b over the mathematical integers is a - b ? 0.
    if (!is_mathematical(linear_form(a)) || !is_mathematical(linear_form(b))) return std::nullopt;
    return where_linear_in(difference, interval(relation, algebra_.constant(0)));
  }

  /// The x that stand in the relation to the limit, for x below INT64_MAX.
  Interval interval(Relation relation, const Bound& limit) {
    const auto next = [&] { return algebra_.add(limit, algebra_.constant(1)); };
    switch (relation) {
      case Relation::Less: return {algebra_.least(), limit};
      case Relation::LessOrEqual: return {algebra_.least(), next()};
      case Relation::Greater: return {next(), algebra_.most()};
      case Relation::GreaterOrEqual: return {limit, algebra_.most()};
      case Relation::Equal: break;
    }
    return {limit, next()};
  }

  struct Split {
    Value term;  ///< the only term of the column; none: the form has none or several
    std::int64_t coefficient = 0;
    Linear rest;
    unsigned terms = 0;
  };

  Split split(const Linear& form) {
    Split parts;
    parts.rest.constant = form.constant;
    for (const auto& [term, coefficient] : form.terms) {
      if (is_of_row(term)) {
        parts.rest.add_term(term, coefficient);
      } else {
        parts.term = term;
        parts.coefficient = static_cast<std::int64_t>(coefficient);
        ++parts.terms;
      }
    }
    return parts;
  }

  /// What the sum can be over the mathematical integers; nothing beyond 64 bits. Coefficients are read as signed.
  std::optional<Range> range_of(const Linear& form) {
    Wide lo = static_cast<std::int64_t>(form.constant), hi = lo;
    Range range;
    for (const auto& [term, unsigned_coefficient] : form.terms) {
      const Wide coefficient = static_cast<std::int64_t>(unsigned_coefficient);
      const Range of_term = ranges_.of(term);
      range.assumes |= of_term.assumes;
      lo += coefficient * (coefficient < 0 ? of_term.hi : of_term.lo);
      hi += coefficient * (coefficient < 0 ? of_term.lo : of_term.hi);
      // Sixteen terms of 126 bits would leave 128.
      if (lo < Limits::min() || hi > Limits::max()) return std::nullopt;
    }
    range.lo = static_cast<std::int64_t>(lo);
    range.hi = static_cast<std::int64_t>(hi);
    return range;
  }

  /// Whether the wrapped sum is the mathematical one.
  bool is_mathematical(const Linear& form) {
    const auto range = range_of(form);
    if (range) assumes_ |= range->assumes;
    return range.has_value();
  }

  /// The sum of values of the row, modulo 2^64.
  Bound sum(Linear form) {
    const auto range = range_of(form);
    if (range && range->is_constant()) return algebra_.constant(range->lo);
    for (auto& [term, coefficient] : form.terms) term = copy(term);
    return {materialize(form, builder_, location_), range.value_or(Range{})};
  }

  /// A sum that is 0 modulo 2^64, with a single ±term of the column: exact without assumptions.
  Set where_zero(const Linear& form) {
    const Split parts = split(form);
    if (parts.terms != 1 || (parts.coefficient != 1 && parts.coefficient != -1)) return std::nullopt;
    Linear opposite;
    opposite.add(parts.rest, parts.coefficient == 1 ? ~Unsigned{0} : 1);
    return where_in(parts.term, interval(Relation::Equal, sum(opposite)));
  }

  /// The positions where lo <= x < hi; hi = INT64_MAX is no end.
  Set where_in(Value x, const Interval& wanted) {
    if (x == kv_) return IntervalAlgebra::of(wanted);
    const Range range = ranges_.of(x);
    if (!is_inside(range) || depth_ > kMaxDepth) return std::nullopt;
    assumes_ |= range.assumes;
    if (is_of_row(x)) return algebra_.when(contains(wanted, bound(x)));
    ++depth_;
    Set set = where_operation_in(x, wanted);
    --depth_;
    return set;
  }

  Value contains(const Interval& interval, const Bound& x) {
    const Value from = IntervalAlgebra::is_least(interval.lo) ? algebra_.truth(true) : algebra_.negate(algebra_.less(x, interval.lo));
    const Value to = IntervalAlgebra::is_most(interval.hi) ? algebra_.truth(true) : algebra_.less(x, interval.hi);
    return algebra_.both(from, to);
  }

  Set where_operation_in(Value x, const Interval& wanted) {
    Operation* op = x.getDefiningOp();
    if (!op) return std::nullopt;
    if (is_linear(op)) {
      const Linear form = linear_form(x);
      return is_mathematical(form) ? where_linear_in(form, wanted) : std::nullopt;
    }
    const Interval from{wanted.lo, algebra_.most()}, to{algebra_.least(), wanted.hi};
    const auto operand_in = [&](unsigned operand, const Interval& interval) { return where_in(op->getOperand(operand), interval); };
    if (isa<flex::MinOp>(op)) return intersect(intersect(operand_in(0, from), operand_in(1, from)), unite(operand_in(0, to), operand_in(1, to)));
    if (isa<flex::MaxOp>(op)) return intersect(unite(operand_in(0, from), operand_in(1, from)), intersect(operand_in(0, to), operand_in(1, to)));
    if (isa<flex::AbsOp>(op)) return where_magnitude_in(op->getOperand(0), wanted);
    if (isa<flex::FloorDivOp>(op) && is_of_row(op->getOperand(1))) return where_quotient_in(op->getOperand(0), bound(op->getOperand(1)), wanted);
    if (isa<flex::ShrOp>(op)) {
      const auto count = flex::constant_integer(op->getOperand(1));
      if (count && *count >= 0 && *count < 63) return where_quotient_in(op->getOperand(0), algebra_.constant(std::int64_t{1} << *count), wanted);
    }
    if (isa<flex::SelectOp>(op)) return choose(op->getOperand(0), [&] { return operand_in(1, wanted); }, [&] { return operand_in(2, wanted); });
    if (isa<flex::BoolToIntOp>(op)) {
      const Set where = positions_of(op->getOperand(0));
      if (!where) return std::nullopt;
      const IntervalSet zero = algebra_.when(contains(wanted, algebra_.constant(0))), one = algebra_.when(contains(wanted, algebra_.constant(1)));
      return unite(intersect(where, one), intersect(complement(where), zero));
    }
    if (isa<flex::WrapI32Op>(op) && ranges_.of(op->getOperand(0)).fits(32)) {
      assumes_ |= ranges_.of(op->getOperand(0)).assumes;
      return operand_in(0, wanted);
    }
    return std::nullopt;
  }

  /// |y| < hi is -hi < y < hi, and |y| >= lo is y >= lo or y <= -lo: y is no INT64_MIN.
  Set where_magnitude_in(Value y, const Interval& wanted) {
    if (!is_inside(ranges_.of(y))) return std::nullopt;
    const Bound one = algebra_.constant(1);
    Set set = algebra_.all();
    if (!IntervalAlgebra::is_most(wanted.hi)) set = where_in(y, {algebra_.subtract(one, wanted.hi), wanted.hi});
    if (IntervalAlgebra::is_least(wanted.lo)) return set;
    return intersect(set, unite(where_in(y, {wanted.lo, algebra_.most()}), where_in(y, {algebra_.least(), algebra_.subtract(one, wanted.lo)})));
  }

  /// floor(y / d) in [lo, hi): for d > 0, y in [lo·d, hi·d); for d < 0, y in (hi·d, lo·d]; y // 0 is 0.
  Set where_quotient_in(Value y, const Bound& divisor, const Interval& wanted) {
    if (!is_inside(ranges_.of(y))) return std::nullopt;
    const Bound zero = algebra_.constant(0), one = algebra_.constant(1);
    const bool has_lo = !IntervalAlgebra::is_least(wanted.lo), has_hi = !IntervalAlgebra::is_most(wanted.hi);
    const auto at_lo = has_lo ? algebra_.multiply(wanted.lo, divisor) : algebra_.least(), at_hi = has_hi ? algebra_.multiply(wanted.hi, divisor) : algebra_.most();
    if (!at_lo || !at_hi) return std::nullopt;
    const Value is_positive = algebra_.less(zero, divisor), is_negative = algebra_.less(divisor, zero), has_zero = contains(wanted, zero);
    const Bound behind_lo = has_lo ? algebra_.add(*at_lo, one) : algebra_.most(), behind_hi = has_hi ? algebra_.add(*at_hi, one) : algebra_.least();
    const Bound lo_of_zero = algebra_.select(has_zero, algebra_.least(), algebra_.most());
    return where_in(y, {algebra_.select(is_positive, *at_lo, algebra_.select(is_negative, behind_hi, lo_of_zero)),
                        algebra_.select(is_positive, *at_hi, algebra_.select(is_negative, behind_lo, algebra_.most()))});
  }

  /// A sum over the mathematical integers, with one term of the column, in an interval.
  Set where_linear_in(const Linear& form, const Interval& wanted) {
    const auto range = range_of(form);
    if (!range || !is_inside(*range)) return std::nullopt;
    assumes_ |= range->assumes;
    const Split parts = split(form);
    if (parts.terms > 1 || !range_of(parts.rest)) return std::nullopt;
    const Bound rest = sum(parts.rest);
    if (parts.terms == 0) return algebra_.when(contains(wanted, rest));
    const Range of_term = ranges_.of(parts.term);
    if (!is_inside(of_term)) return std::nullopt;
    assumes_ |= of_term.assumes | rest.range.assumes;
    Bound lo, hi;
    const bool is_rising = parts.coefficient > 0;
    if (is_rising) {  // c·t >= lo - rest, c·t < hi - rest
      lo = IntervalAlgebra::is_least(wanted.lo) ? wanted.lo : algebra_.subtract(wanted.lo, rest);
      hi = IntervalAlgebra::is_most(wanted.hi) ? wanted.hi : algebra_.subtract(wanted.hi, rest);
    } else {  // |c|·t >= rest - (hi - 1), |c|·t < rest - (lo - 1)
      const auto away_from = [&](const Bound& end) {
        if (end.range.lo == Limits::min()) return algebra_.add(algebra_.subtract(rest, end), algebra_.constant(1));
        return algebra_.subtract(rest, algebra_.add(end, algebra_.constant(-1)));
      };
      lo = IntervalAlgebra::is_most(wanted.hi) ? algebra_.least() : away_from(wanted.hi);
      hi = IntervalAlgebra::is_least(wanted.lo) ? algebra_.most() : away_from(wanted.lo);
    }
    if (parts.coefficient == Limits::min()) return std::nullopt;
    const std::int64_t factor = is_rising ? parts.coefficient : -parts.coefficient;
    if (factor != 1) {
      // An end that saturated has no quotient.
      for (Bound* end : {&lo, &hi}) {
        if (IntervalAlgebra::is_least(*end) || IntervalAlgebra::is_most(*end)) continue;
        const auto quotient = is_inside(end->range) ? algebra_.ceil_divide(*end, factor) : std::nullopt;
        if (!quotient) return std::nullopt;
        *end = *quotient;
      }
    }
    return where_in(parts.term, {lo, hi});
  }

  /// x = ±kv + r modulo 2^64 against a limit: the x are an interval, so the kv are one modulo 2^64, from `first` to before `end`.
  Set where_in_modulo(Value x, Relation relation, const Bound& limit) {
    const Split parts = split(linear_form(x));
    if (parts.terms != 1 || parts.term != kv_ || (parts.coefficient != 1 && parts.coefficient != -1)) return std::nullopt;
    const bool is_strict = relation == Relation::Less || relation == Relation::Greater;
    const bool from_limit = relation == Relation::Greater || relation == Relation::GreaterOrEqual;
    const Bound minus_one = algebra_.constant(-1);
    const auto next = [&](const Bound& bound) { return algebra_.wrapping_subtract(bound, minus_one); };
    // INT64_MIN is also the end behind INT64_MAX.
    const Bound at = relation == Relation::LessOrEqual || relation == Relation::Greater ? next(limit) : limit;
    Bound first = from_limit ? at : algebra_.least(), end = from_limit ? algebra_.least() : at;
    const Bound rest = sum(parts.rest);
    if (parts.coefficient == 1) {
      first = algebra_.wrapping_subtract(first, rest);
      end = algebra_.wrapping_subtract(end, rest);
    } else {
      const Bound old_first = first;
      first = next(algebra_.wrapping_subtract(rest, end));
      end = next(algebra_.wrapping_subtract(rest, old_first));
    }
    // Equal ends: nothing is strictly less than the least integer, everything is at most the greatest.
    const Value is_whole = is_strict ? algebra_.negate(algebra_.less(end, first)) : algebra_.less(first, end);
    IntervalSet set;
    set.intervals.push_back({first, algebra_.select(is_whole, end, algebra_.most())});
    set.intervals.push_back({algebra_.least(), algebra_.select(is_whole, algebra_.least(), end)});
    return set;
  }

  OpBuilder builder_;
  mlir::Location location_;
  IntervalAlgebra algebra_;
  Ranges ranges_;
  Dependences dependences_;
  IRMapping copies_;
  Value kv_;
  DenseMap<Value, Set> known_;
  std::uint32_t assumes_ = kAssumesNothing;
  int depth_ = 0;
};

struct RecogniseBands : PassWrapper<RecogniseBands, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RecogniseBands)
  StringRef getArgument() const override { return "flexc-recognise-bands"; }
  StringRef getDescription() const override { return "mask_mod becomes at most two intervals of kv a row, and what is left of it"; }
  void runOnOperation() override {
    SmallVector<flex::MaskModOp> masks;
    getOperation()->walk([&](flex::MaskModOp mask) { masks.push_back(mask); });
    for (flex::MaskModOp mask : masks) recognise(mask);
  }

 private:
  static void recognise(flex::MaskModOp mask) {
    for (Operation& other : *mask->getBlock())
      if (isa<flex::BandOp>(other)) return;  // its mask_mod is a residual already
    OpBuilder builder(mask);
    auto band = builder.create<flex::BandOp>(mask.getLoc());
    Block& block = band.getBody().emplaceBlock();
    for (int i = 0; i < 3; ++i) block.addArgument(builder.getI64Type(), mask.getLoc());

    SetBuilder sets(mask, band);
    auto yield = cast<flex::YieldOp>(mask.getBody().front().getTerminator());
    struct Conjunct {
      Value value;
      std::optional<IntervalSet> positions;
    };
    std::vector<Conjunct> conjuncts;
    for (Value value : conjuncts_of(yield.getValues()[0])) conjuncts.push_back({value, sets.positions_of(value)});

    // Few intervals first: an end that cuts another conjunct's intervals must be there before they are counted.
    IntervalSet kept = sets.algebra().all();
    DenseSet<Value> taken;
    for (std::size_t count = 0; count <= kMaxIntervals; ++count) {
      for (const Conjunct& conjunct : conjuncts) {
        if (!conjunct.positions || conjunct.positions->intervals.size() != count) continue;
        auto both = sets.algebra().intersect(kept, *conjunct.positions);
        if (!both || both->intervals.size() > kBandIntervals) continue;
        kept = std::move(*both);
        taken.insert(conjunct.value);
      }
    }
    if (taken.empty()) return band.erase();

    SmallVector<Value> residual;
    for (const Conjunct& conjunct : conjuncts)
      if (!taken.contains(conjunct.value)) residual.push_back(conjunct.value);
    const bool keeps_all = kept.condition && flex::constant_integer(kept.condition) == 1;
    if (keeps_all && !residual.empty()) return band.erase();

    auto variant = mask->getParentOfType<flex::VariantOp>();
    assume(variant, sets.assumes());
    if (!keeps_all) {
      IntervalSet intervals = sets.algebra().as_intervals(kept);
      if (intervals.intervals.empty()) intervals = IntervalAlgebra::of({sets.algebra().constant(0), sets.algebra().constant(0)});
      SmallVector<Value> ends;
      for (const Interval& interval : intervals.intervals) ends.append({interval.lo.value, interval.hi.value});
      sets.builder().create<flex::YieldOp>(mask.getLoc(), ends);
    } else {
      band.erase();
    }
    if (residual.empty()) return mask.erase();
    builder.setInsertionPoint(yield);
    Value all = residual[0];
    for (Value term : ArrayRef<Value>(residual).drop_front()) all = builder.create<flex::AndOp>(mask.getLoc(), all, term);
    yield->setOperands(all);
  }
};

}  // namespace

std::unique_ptr<Pass> create_recognise_bands() { return std::make_unique<RecogniseBands>(); }

}  // namespace flexc::compiler
