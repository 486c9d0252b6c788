#include "tests/random_mods/expectation.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "dsl/evaluate/scalar_ops.h"

namespace random_mods {

using flexc::TensorView;
using flexc::dsl::Dim;
using flexc::dsl::Node;
using flexc::dsl::NodeId;
using flexc::dsl::Op;
using flexc::dsl::Scalar;

namespace {

Expected of_int(std::int64_t value) { return {value, {}, std::fabs(static_cast<double>(value)), 0}; }
Expected of_real(double value) { return {0, Range::point(value), std::fabs(value), 0}; }

/// The largest magnitude in a range.
double extent(const Range& r) { return r.has_numbers ? std::max(std::fabs(r.lo), std::fabs(r.hi)) : 0; }

/// The f32 of a strict value.
double strict_value(const Expected& x) { return x.real.has_numbers ? x.real.lo : std::numeric_limits<double>::quiet_NaN(); }

/// Adds what an affine score's terms come to, which may be added up in another order. `size` is that of the result.
Expected with_terms(Op op, Expected result, double size, const Expected& a, const Expected& b) {
  result.underflow = kLeastFloat;
  switch (op) {
    case Op::Add:
    case Op::Sub:
      result.magnitude = a.magnitude + b.magnitude;
      result.underflow = a.underflow + b.underflow;
      break;
    case Op::Mul:
      result.magnitude = a.magnitude * b.magnitude;
      result.underflow += a.underflow * b.magnitude + b.underflow * a.magnitude;
      break;
    case Op::Div: {
      const double divisor = b.real.is_point() ? std::fabs(b.real.lo) : 0;
      result.magnitude = a.magnitude / divisor;
      result.underflow += a.underflow / divisor;
      break;
    }
    case Op::Neg:
    case Op::IntToFloat:
      result.magnitude = a.magnitude;
      result.underflow = a.underflow;
      break;
    default:
      result.magnitude = size;
  }
  return result;
}

}  // namespace

Expectation::Expectation(const flexc::dsl::Body& body, const flexc::dsl::NormalForm& form, const flexc::dsl::Environment& environment,
                         std::span<const std::int64_t> fresh_sizes, Floats floats)
    : body_(body),
      form_(form),
      environment_(environment),
      fresh_sizes_(fresh_sizes),
      floats_(floats),
      strict_(flexc::dsl::strict_cone(body)),
      values_(body.nodes.size()),
      rows_(body.nodes.size()) {
  for (const Node& node : body.nodes) reads_.push_back(reads_of(node));
  for (NodeId id = 0; id < body.nodes.size(); ++id)
    if (body.nodes[id].type.is_row) rows_[id].resize(static_cast<std::size_t>(size_of(body.nodes[id].type.length)));
}

unsigned Expectation::reads_of(const Node& node) const {
  unsigned reads = node.op == Op::Score ? kReadsScore : node.op == Op::QIndex ? kReadsQ : node.op == Op::KvIndex ? kReadsKv : 0u;
  for (NodeId operand : node.operands) reads |= reads_[operand];
  return reads;
}

std::int64_t Expectation::size_of(const Dim& dim) const {
  if (dim.kind == Dim::Kind::Constant) return dim.value;
  if (dim.kind == Dim::Kind::Fresh) return fresh_sizes_[static_cast<std::size_t>(dim.value)];
  const flexc::dsl::Problem& p = environment_.problem;
  const std::int64_t symbols[] = {p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total};
  return symbols[dim.value];
}

const Expected& Expectation::at(const Point& point) {
  point_ = point;
  for (NodeId id = 0; id < body_.nodes.size(); ++id) compute(id, point);
  return values_[body_.result];
}

Expected Expectation::load(const TensorView& view, std::int64_t offset) const {
  if (flexc::is_float(view.dtype)) return of_real(flexc::load_as_double(view, offset));
  return of_int(flexc::load_as_integer(view, offset));
}

/// Nothing is read where an index is neither in [0, n) nor in [-n, 0).
bool Expectation::offset_of(const Node& node, const TensorView& view, std::int64_t& offset) const {
  offset = 0;
  for (std::size_t axis = 0; axis < node.operands.size(); ++axis) {
    const std::int64_t n = view.shape[axis];
    std::int64_t index = values_[node.operands[axis]].integer;
    if (index < -n || index >= n) return false;
    if (index < 0) index += n;
    offset += index * view.strides[axis];
  }
  return true;
}

Expected Expectation::leaf(const Node& node, bool strict, const Point& point) const {
  switch (node.op) {
    case Op::ConstBool:
    case Op::ConstI64:
      return of_int(node.imm);
    case Op::ConstF32:
      return of_real(std::bit_cast<float>(static_cast<std::uint32_t>(node.imm)));
    case Op::Score:
      return of_real(point.score);
    case Op::BatchIndex:
      return of_int(point.b);
    case Op::HeadIndex:
      return of_int(point.h);
    case Op::QIndex:
      return of_int(point.q_idx);
    case Op::KvIndex:
      return {point.kv_idx, {}, point.segment_magnitude, 0};
    case Op::SymbolValue:
      return of_int(size_of({Dim::Kind::Symbol, node.imm}));
    case Op::FreshDim:
      return of_int(size_of({Dim::Kind::Fresh, node.imm}));
    case Op::Param: {
      const flexc::dsl::ParamValue& param = environment_.params[static_cast<std::size_t>(node.imm)];
      if (node.type.scalar == Scalar::F32) return of_real(param.real);
      return of_int(node.type.scalar == Scalar::Bool ? param.integer != 0 : param.integer);
    }
    case Op::Gather: {
      const TensorView& view = environment_.captures[static_cast<std::size_t>(node.imm)];
      std::int64_t offset = 0;
      if (!offset_of(node, view, offset)) return node.type.scalar == Scalar::F32 ? of_real(0) : of_int(0);
      return load(view, offset);
    }
    case Op::RowIndex: {
      const Row& row = rows_[node.operands[0]];
      const auto n = static_cast<std::int64_t>(row.size());
      std::int64_t index = values_[node.operands[1]].integer;
      if (index < -n || index >= n) return node.type.scalar == Scalar::F32 ? of_real(0) : of_int(0);
      return row[static_cast<std::size_t>(index < 0 ? index + n : index)];
    }
    case Op::Not:
      return of_int(node.type.scalar == Scalar::Bool ? values_[node.operands[0]].integer == 0 : ~values_[node.operands[0]].integer);
    case Op::Select:
      return values_[node.operands[values_[node.operands[0]].integer ? 1 : 2]];
    case Op::Dot:
    case Op::Sum:
    case Op::RowMin:
    case Op::RowMax:
      return reduce(node, strict);
    default:
      return operation(node, strict, values_[node.operands[0]], node.operands.size() > 1 ? values_[node.operands[1]] : Expected{});
  }
}

Expected Expectation::combine(Op op, bool is_float, bool strict, const Expected& a, const Expected& b) const {
  if (!is_float) {
    const flexc::dsl::Value value = flexc::dsl::integer_operation(op, true, {a.integer, 0}, {b.integer, 0});
    if (op == Op::IntToFloat) return with_terms(op, {0, strict ? Range::point(value.real) : of_integer(a.integer), 0, 0}, 0, a, b);
    return with_terms(op, {value.integer, {}, 0, 0}, std::fabs(static_cast<double>(value.integer)), a, b);
  }
  // Comparisons and conversions to integers have strict operands; what they give is exact.
  if (strict) {
    const flexc::dsl::Value value = flexc::dsl::float_operation(op, true, {0, strict_value(a)}, {0, strict_value(b)});
    return with_terms(op, {value.integer, Range::point(value.real), 0, 0}, std::fabs(value.real), a, b);
  }
  const Range r = apply(op, a.real, b.real);
  return with_terms(op, {0, r, 0, 0}, extent(r), a, b);
}

Expected Expectation::operation(const Node& node, bool strict, const Expected& a, const Expected& b) const {
  const bool is_float = body_.nodes[node.operands[0]].type.scalar == Scalar::F32;
  if (floats_ == Floats::Units && is_float && !strict && is_of_pair(reads_of(node))) return by_units(node, a, b);
  if (floats_ == Floats::Expanded && has_loose_form(node, strict)) {
    const Range r = apply_loose(node.op, a.real, b.real);
    return with_terms(node.op, {0, r, 0, 0}, extent(r), a, b);
  }
  return combine(node.op, is_float, strict, a, b);
}

bool Expectation::has_loose_form(const Node& node, bool strict) const {
  if (strict || node.type.scalar != Scalar::F32 || !is_of_pair(reads_of(node))) return false;
  return node.op == Op::Tanh || (node.op == Op::Div && is_number(node.operands[1]));
}

/// A constant or a param, or what is folded of them.
bool Expectation::is_number(NodeId id) const {
  const Node& node = body_.nodes[id];
  switch (node.op) {
    case Op::ConstBool: case Op::ConstI64: case Op::ConstF32: case Op::Param: return true;
    default: return !node.type.is_row && !node.operands.empty() && std::ranges::all_of(node.operands, [&](NodeId operand) { return is_number(operand); });
  }
}

bool Expectation::is_loose() const {
  for (NodeId id = 0; id < body_.nodes.size(); ++id)
    if (has_loose_form(body_.nodes[id], strict_[id])) return true;
  return false;
}

Expected Expectation::by_units(const Node& node, const Expected& a, const Expected& b) const {
  const NodeId left = node.operands.front(), right = node.operands.back();
  const auto is_factor = [&](NodeId id) { return is_shared(id) && !body_.nodes[id].type.is_row; };
  Range r = apply_unit(node.op, a.real, b.real, is_factor(right) ? Divisor::OfTheRow : Divisor::OfThePair);
  const auto scaled = [&](const Range& factor) { return apply(Op::Mul, Range::point(point_.acc), apply(Op::Mul, factor, Range::point(point_.scale))); };
  if (node.op == Op::Mul && body_.nodes[left].op == Op::Score && is_factor(right)) r = united(r, scaled(b.real));
  if (node.op == Op::Mul && body_.nodes[right].op == Op::Score && is_factor(left)) r = united(r, scaled(a.real));
  if (node.op == Op::Div && body_.nodes[left].op == Op::Score && is_factor(right)) r = united(r, scaled(reciprocal(b.real)));
  return with_terms(node.op, {0, r, 0, 0}, extent(r), a, b);
}

Expected Expectation::reduce(const Node& node, bool strict) const {
  const bool is_float = node.type.scalar == Scalar::F32;
  const Row& row = rows_[node.operands[0]];
  const double infinity = std::numeric_limits<double>::infinity();
  using Integers = std::numeric_limits<std::int64_t>;
  Expected total = is_float ? of_real(0) : of_int(0);
  Op op = Op::Add;
  if (node.op == Op::RowMin || node.op == Op::RowMax) {
    op = node.op == Op::RowMin ? Op::Min : Op::Max;
    total = is_float ? of_real(op == Op::Min ? infinity : -infinity) : of_int(op == Op::Min ? Integers::max() : Integers::min());
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Expected term = node.op == Op::Dot ? combine(Op::Mul, is_float, strict, row[i], element(node.operands[1], i)) : row[i];
    total = combine(op, is_float, strict, total, term);
  }
  return total;
}

void Expectation::compute(NodeId id, const Point& point) {
  const Node& node = body_.nodes[id];
  if (!node.type.is_row) {
    values_[id] = leaf(node, strict_[id], point);
    return;
  }
  Row& row = rows_[id];
  if (node.op == Op::GatherRow) {
    const TensorView& view = environment_.captures[static_cast<std::size_t>(node.imm)];
    std::int64_t offset = 0;
    const bool inside = offset_of(node, view, offset);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (inside)
        row[i] = load(view, offset + static_cast<std::int64_t>(i) * view.strides.back());
      else
        row[i] = node.type.scalar == Scalar::F32 ? of_real(0) : of_int(0);
    }
    return;
  }
  if (node.op == Op::Select) {
    const NodeId chosen = node.operands[values_[node.operands[0]].integer ? 1 : 2];
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = element(chosen, i);
    return;
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Expected& a = element(node.operands[0], i);
    if (node.op == Op::Not)
      row[i] = of_int(~a.integer);
    else
      row[i] = operation(node, strict_[id], a, node.operands.size() > 1 ? element(node.operands[1], i) : Expected{});
  }
}

}  // namespace random_mods
