#include "compiler/passes/ranges.h"

#include <algorithm>
#include <bit>

using namespace mlir;

namespace flexc::compiler {
namespace {

using dsl::Op;
__extension__ typedef __int128 Wide;
using Limits = std::numeric_limits<std::int64_t>;

constexpr std::int64_t kI32Min = std::numeric_limits<std::int32_t>::min(), kI32Max = std::numeric_limits<std::int32_t>::max();

/// What bounds give before it is known whether they fit in 64 bits.
struct Bounds {
  Wide lo, hi;
  void include(Wide x) {
    lo = std::min(lo, x);
    hi = std::max(hi, x);
  }
};

Range type_range(Type type) {
  type = flex::element_of(type);
  if (type.isInteger(1)) return {0, 1};
  if (type.isInteger(32)) return {kI32Min, kI32Max};
  return {};
}

Range hull(Range a, Range b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi), a.assumes | b.assumes}; }

/// The least 2^k with both ranges in [-2^k, 2^k - 1]: bit operations stay in there.
std::uint64_t envelope(Range a, Range b) {
  const auto magnitude = [](std::int64_t x) { return static_cast<std::uint64_t>(x < 0 ? ~x : x); };
  const std::uint64_t largest = std::max(std::max(magnitude(a.lo), magnitude(a.hi)), std::max(magnitude(b.lo), magnitude(b.hi)));
  return largest == 0 ? 1 : std::uint64_t{1} << std::bit_width(largest);
}

Range bits(Op op, Range a, Range b) {
  const std::uint32_t assumes = a.assumes | b.assumes;
  const std::uint64_t beyond = envelope(a, b);
  const std::int64_t top = static_cast<std::int64_t>(beyond - 1), bottom = ~top;
  const bool both_positive = a.lo >= 0 && b.lo >= 0;
  switch (op) {
    case Op::And:
      // A non-negative operand bounds the result, whatever the other one is.
      if (both_positive) return a.hi <= b.hi ? Range{0, a.hi, a.assumes} : Range{0, b.hi, b.assumes};
      if (a.lo >= 0) return {0, a.hi, a.assumes};
      if (b.lo >= 0) return {0, b.hi, b.assumes};
      return {bottom, a.hi < 0 && b.hi < 0 ? std::min(a.hi, b.hi) : a.hi < 0 ? b.hi : b.hi < 0 ? a.hi : top, assumes};
    case Op::Or:
      if (both_positive) return {std::max(a.lo, b.lo), top, assumes};
      return {bottom, a.hi < 0 || b.hi < 0 ? -1 : top, assumes};
    default:
      return both_positive ? Range{0, top, assumes} : Range{bottom, top, assumes};
  }
}

Wide floor_quotient(Wide x, Wide y) { return x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0); }

/// Quotients are monotone in both operands where the divisor keeps its sign, so the corners of either half are the extremes.
Bounds quotients(Range a, Range b) {
  Bounds bounds{1, 0};
  const auto include = [&](Wide x) { bounds.lo <= bounds.hi ? bounds.include(x) : void(bounds = {x, x}); };
  if (b.contains(0)) include(0);
  const auto half = [&](std::int64_t lo, std::int64_t hi) {
    if (lo > hi) return;
    for (const std::int64_t x : {a.lo, a.hi})
      for (const std::int64_t y : {lo, hi}) include(floor_quotient(x, y));
  };
  half(std::max<std::int64_t>(b.lo, 1), b.hi);
  half(b.lo, std::min<std::int64_t>(b.hi, -1));
  return bounds;
}

/// Between 0 and the divisor, exclusively; and no further than a dividend of the divisor's sign.
Range remainder(Range a, Range b) {
  Range range{b.lo < 0 ? b.lo + 1 : 0, b.hi > 0 ? b.hi - 1 : 0, b.assumes};
  if (a.lo >= 0 && b.lo >= 0 && a.hi < range.hi) range = {range.lo, a.hi, a.assumes | b.assumes};
  if (a.hi <= 0 && b.hi <= 0 && a.lo > range.lo) range = {a.lo, range.hi, a.assumes | b.assumes};
  return range;
}

/// Shift counts count modulo 64.
Range count_of(Range count) { return count.lo >= 0 && count.hi <= 63 ? count : Range{0, 63}; }

template <class F>
Bounds corners(Range a, Range b, const F& f) {
  const Wide first = f(a.lo, b.lo);
  Bounds bounds{first, first};
  bounds.include(f(a.lo, b.hi));
  bounds.include(f(a.hi, b.lo));
  bounds.include(f(a.hi, b.hi));
  return bounds;
}

Bounds magnitudes(Range a) {
  const Wide lo = a.lo, hi = a.hi;
  if (lo >= 0) return {lo, hi};
  if (hi <= 0) return {-hi, -lo};
  return {0, std::max(-lo, hi)};
}

}  // namespace

bool Range::fits(unsigned bits) const {
  const std::int64_t top = static_cast<std::int64_t>((std::uint64_t{1} << (bits - 1)) - 1);
  return lo >= ~top && hi <= top;
}

Ranges::Ranges(flex::VariantOp variant) : narrow_(variant->hasAttr(flex::kNarrowAttribute)) {
  for (Operation& op : variant.getBody().front()) {
    if (auto capture = dyn_cast<flex::CaptureOp>(op)) captures_[capture.getSymName()] = capture.getElement();
    if (auto param = dyn_cast<flex::ParamOp>(op)) params_[param.getSymName()] = param.getType();
  }
}

Range Ranges::size(flex::DimAttr dim) {
  switch (dim.getKind()) {
    case dsl::Dim::Kind::Constant: return {dim.getValue(), dim.getValue()};
    case dsl::Dim::Kind::Symbol: return narrow_ ? Range{0, kNarrowLimit - 1, kAssumesSymbols} : Range{0, Limits::max()};
    case dsl::Dim::Kind::Fresh: return narrow_ ? Range{0, kNarrowLimit - 1, kAssumesFreshDims} : Range{0, Limits::max()};
  }
  return {};
}

Ranges::Known Ranges::leaf(Value value) {
  auto argument = cast<BlockArgument>(value);
  Operation* owner = argument.getOwner()->getParentOp();
  if (auto reduction = dyn_cast<flex::ReduceOp>(owner)) {
    const Range length = size(reduction.getLength());
    return {{0, std::max<std::int64_t>(length.hi - 1, 0), length.assumes}};
  }
  if (!value.getType().isInteger(64)) return {type_range(value.getType())};
  // (score,) b, h, q_idx, kv_idx; and of an affine row b, h, q_idx, kv_base, kv_step.
  const unsigned number = argument.getArgNumber() - (isa<flex::ScoreModOp>(owner) ? 1 : 0);
  if (number < 2) return {narrow_ ? Range{0, kNarrowLimit - 1, kAssumesSymbols} : Range{0, Limits::max() - 1}};
  if (number < 4 && narrow_) return {{0, kNarrowLimit - 1, kAssumesPositions}};
  return {};
}

Ranges::Known Ranges::operation(Operation* op) {
  const Value result = op->getResult(0);
  const auto known = [](Range range) { return Known{range, false}; };
  /// Of the mathematical result: beyond 64 bits it wraps, and nothing is known.
  const auto exact = [&](Bounds bounds, std::uint32_t assumes) {
    if (bounds.lo < Limits::min() || bounds.hi > Limits::max()) return Known{Range{}, true};
    return Known{Range{static_cast<std::int64_t>(bounds.lo), static_cast<std::int64_t>(bounds.hi), assumes}, false};
  };
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    const auto number = flex::constant_integer(constant);
    return known(number ? Range{*number, *number} : type_range(result.getType()));
  }
  if (auto dim = dyn_cast<flex::DimOp>(op)) return known(size(dim.getSize()));
  if (auto read = dyn_cast<flex::ReadOp>(op)) {
    if (!result.getType().isInteger(64)) return known(type_range(result.getType()));
    if (narrow_) return known({1 - kNarrowLimit, kNarrowLimit - 1, kAssumesParams});
    return known(type_range(params_.lookup(read.getParam())));
  }
  if (isa<flex::GatherOp, flex::GatherRowOp>(op)) {
    const StringRef name = isa<flex::GatherOp>(op) ? cast<flex::GatherOp>(op).getCapture() : cast<flex::GatherRowOp>(op).getCapture();
    const Type stored = captures_.lookup(name);
    if (flex::element_of(result.getType()).isF32()) return {};
    if (stored && stored.isUnsignedInteger(8)) return known({0, 255});
    return known(stored && (stored.isInteger(1) || stored.isInteger(32)) ? type_range(stored) : type_range(result.getType()));
  }
  if (isa<flex::SplatOp>(op)) return known(know(op->getOperand(0)).range);
  if (isa<flex::RowIndexOp>(op)) return known(hull(know(op->getOperand(0)).range, {0, 0}));
  if (isa<flex::ReduceOp, flex::SumOp, flex::DotOp, flex::RowMinOp, flex::RowMaxOp>(op)) {
    if (!result.getType().isInteger(64)) return {};
    Range element, length;
    StringRef kind = isa<flex::RowMinOp>(op) ? "min" : isa<flex::RowMaxOp>(op) ? "max" : "sum";
    if (auto reduction = dyn_cast<flex::ReduceOp>(op)) {
      kind = reduction.getKind();
      length = size(reduction.getLength());
      element = know(cast<flex::YieldOp>(reduction.getBody().front().getTerminator()).getValues()[0]).range;
    } else {
      length = size(cast<flex::RowType>(op->getOperand(0).getType()).getLength());
      element = know(op->getOperand(0)).range;
      if (isa<flex::DotOp>(op)) {
        const Range other = know(op->getOperand(1)).range;
        const Known product = exact(corners(element, other, [](Wide x, Wide y) { return x * y; }), element.assumes | other.assumes);
        if (product.wraps) return product;
        element = product.range;
      }
    }
    // The extremes of nothing are the far ends; a sum starts at 0, and none of its parts may wrap.
    if (kind != "sum") return known(length.lo > 0 ? element : hull(element, kind == "min" ? Range{Limits::max(), Limits::max()} : Range{Limits::min(), Limits::min()}));
    const Wide n = length.hi;
    return exact({std::min<Wide>(element.lo, 0) * n, std::max<Wide>(element.hi, 0) * n}, element.assumes | length.assumes);
  }
  if (isa<flex::ToI32Op, flex::ToI64Op>(op)) return known(know(op->getOperand(0)).range);
  auto language = dyn_cast<flex::LanguageOp>(op);
  if (!language) return known(type_range(result.getType()));
  const Op kind = language.operation();
  if (kind == Op::Select) return known(hull(know(op->getOperand(1)).range, know(op->getOperand(2)).range));
  if (kind == Op::BoolToInt) return known(know(op->getOperand(0)).range);
  const Type from = flex::element_of(op->getOperand(0).getType());
  if (result.getType().isInteger(1) || !from.isInteger() || !flex::element_of(result.getType()).isInteger()) return known(type_range(result.getType()));

  const Range a = know(op->getOperand(0)).range, b = op->getNumOperands() > 1 ? know(op->getOperand(1)).range : Range{0, 0};
  const std::uint32_t assumes = a.assumes | b.assumes;
  switch (kind) {
    case Op::Add: return exact({Wide{a.lo} + b.lo, Wide{a.hi} + b.hi}, assumes);
    case Op::Sub: return exact({Wide{a.lo} - b.hi, Wide{a.hi} - b.lo}, assumes);
    case Op::Mul: return exact(corners(a, b, [](Wide x, Wide y) { return x * y; }), assumes);
    case Op::Neg: return exact({-Wide{a.hi}, -Wide{a.lo}}, assumes);
    case Op::Abs: return exact(magnitudes(a), assumes);
    case Op::FloorDiv: return exact(quotients(a, b), assumes);
    case Op::Mod: return known(remainder(a, b));
    case Op::Sign: return known({a.lo > 0 ? 1 : a.lo == 0 ? 0 : -1, a.hi < 0 ? -1 : a.hi == 0 ? 0 : 1, assumes});
    case Op::Min: return known({std::min(a.lo, b.lo), std::min(a.hi, b.hi), assumes});
    case Op::Max: return known({std::max(a.lo, b.lo), std::max(a.hi, b.hi), assumes});
    case Op::And: case Op::Or: case Op::Xor: return known(bits(kind, a, b));
    case Op::Not: return known({~a.hi, ~a.lo, assumes});
    case Op::Shl: return exact(corners(a, count_of(b), [](Wide x, Wide count) { return x * (Wide{1} << count); }), assumes);
    case Op::Shr: {
      const Bounds bounds = corners(a, count_of(b), [](Wide x, Wide count) { return x >> count; });
      return exact(bounds, assumes);
    }
    case Op::WrapI32:
      if (a.fits(32)) return known(a);
      return {{kI32Min, kI32Max}, true};
    default: return known(type_range(result.getType()));
  }
}

/// Operands first, by a stack of its own: expansions make chains of many thousand operations.
const Ranges::Known& Ranges::know(Value value) {
  SmallVector<Value> open{value};
  while (!open.empty()) {
    const Value next = open.back();
    if (known_.contains(next)) {
      open.pop_back();
      continue;
    }
    Operation* op = next.getDefiningOp();
    if (!op) {
      known_[next] = leaf(next);
      continue;
    }
    const std::size_t before = open.size();
    const auto want = [&](Value operand) {
      if (!known_.contains(operand)) open.push_back(operand);
    };
    for (Value operand : op->getOperands()) want(operand);
    if (auto reduction = dyn_cast<flex::ReduceOp>(op)) want(cast<flex::YieldOp>(reduction.getBody().front().getTerminator()).getValues()[0]);
    if (open.size() != before) continue;
    Known found = operation(op);
    // An i32 operation that is not proven small gives the low 32 bits.
    if (next.getType().isInteger(32) && !found.range.fits(32)) found = {type_range(next.getType()), true};
    known_[next] = found;
  }
  return known_.find(value)->second;
}

Range Ranges::of(Value value) { return know(value).range; }
bool Ranges::wraps(Value value) { return know(value).wraps; }

bool Ranges::is_exact(Value value, std::uint32_t* assumes) {
  SmallVector<Value> open{value};
  llvm::DenseSet<Value> seen;
  std::uint32_t all = kAssumesNothing;
  while (!open.empty()) {
    const Value next = open.pop_back_val();
    if (!seen.insert(next).second || !flex::element_of(next.getType()).isInteger()) continue;
    const Known& known = know(next);
    if (known.wraps) return false;
    all |= known.range.assumes;
    Operation* op = next.getDefiningOp();
    if (!op || !isa<flex::LanguageOp, flex::ToI32Op, flex::ToI64Op>(op)) continue;
    for (Value operand : op->getOperands()) {
      // That an operation does not wrap follows from its operands' ranges, whatever its own rests on.
      all |= know(operand).range.assumes;
      if (!flex::element_of(operand.getType()).isInteger(1)) open.push_back(operand);
    }
  }
  if (assumes) *assumes |= all;
  return true;
}

std::uint32_t assumptions_of(flex::VariantOp variant) {
  std::uint32_t assumptions = kAssumesNothing;
  if (auto names = variant->getAttrOfType<ArrayAttr>(flex::kAssumesAttribute))
    for (StringAttr name : names.getAsRange<StringAttr>())
      for (std::size_t i = 0; i < kAssumptionNames.size(); ++i)
        if (name.getValue() == StringRef(kAssumptionNames[i])) assumptions |= 1u << i;
  return assumptions;
}

void assume(flex::VariantOp variant, std::uint32_t assumptions) {
  assumptions |= assumptions_of(variant);
  if (assumptions == kAssumesNothing) return;
  Builder builder(variant.getContext());
  SmallVector<Attribute> names;
  for (std::size_t i = 0; i < kAssumptionNames.size(); ++i)
    if (assumptions >> i & 1) names.push_back(builder.getStringAttr(StringRef(kAssumptionNames[i])));
  variant->setAttr(flex::kAssumesAttribute, builder.getArrayAttr(names));
}

}  // namespace flexc::compiler
