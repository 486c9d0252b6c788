// The interpreter: one pass over a body's nodes a pair. Scalars live in flat slots; rows keep their memory between pairs.
#include <limits>

#include "dsl/evaluate/scalar_ops.h"
#include "flexc/dsl/evaluate.h"

namespace flexc::dsl {

struct Evaluator::Machine {
  struct Slot {
    Value value;
    std::vector<Value> row;
  };

  const Body& body;
  const NormalForm& form;
  const Environment& environment;
  std::span<const std::int64_t> fresh_sizes;
  std::vector<std::uint8_t> strict;
  std::vector<Slot> slots;
  /// Nodes whose value depends on the pair; the others are computed once.
  std::vector<NodeId> varying;
  std::optional<GatherFault> fault;
  double score_in = 0;
  std::int64_t b = 0, h = 0, q_idx = 0, kv_idx = 0;

  Machine(const Body& the_body, const NormalForm& the_form, const Environment& the_environment, std::span<const std::int64_t> sizes)
      : body(the_body), form(the_form), environment(the_environment), fresh_sizes(sizes), slots(the_body.nodes.size()) {
    for (const bool is_strict : strict_cone(body)) strict.push_back(is_strict);
    for (NodeId i = 0; i < body.nodes.size(); ++i) {
      const Node& node = body.nodes[i];
      if (node.type.is_row) slots[i].row.resize(row_size(node));
      if (is_leaf_constant(node.op)) compute(i);
      else varying.push_back(i);
    }
  }

  static bool is_leaf_constant(Op op) {
    return op == Op::ConstBool || op == Op::ConstI64 || op == Op::ConstF32 || op == Op::SymbolValue || op == Op::FreshDim || op == Op::Param;
  }

  std::size_t row_size(const Node& node) const {
    if (node.op == Op::GatherRow) return static_cast<std::size_t>(environment.captures[static_cast<std::size_t>(node.imm)].shape.back());
    std::size_t size = std::numeric_limits<std::size_t>::max();
    for (NodeId operand : node.operands)
      if (body.nodes[operand].type.is_row) size = std::min(size, slots[operand].row.size());
    return size == std::numeric_limits<std::size_t>::max() ? 0 : size;
  }

  std::int64_t symbol_value(std::int64_t symbol) const {
    const Problem& p = environment.problem;
    const std::int64_t values[] = {p.batch, p.heads, p.kv_heads, p.q_total, p.kv_total};
    return values[symbol];
  }

  /// An index as the language reads it: -n ≤ i < 0 counts from the end; nothing where memory must not be touched.
  std::optional<std::int64_t> resolve(std::int64_t index, std::int64_t extent, std::size_t capture, std::size_t axis, bool of_row) {
    if (index >= 0 && index < extent) return index;
    if (index < 0 && index >= -extent && !sabotaged(Sabotage::NoGatherWrap)) return index + extent;
    if (!fault) fault = GatherFault{capture, axis, index};
    if (sabotaged(of_row ? Sabotage::RowGatherClamps : Sabotage::GatherClamps) && extent > 0) return index < 0 ? 0 : extent - 1;
    return std::nullopt;
  }

  Value load(const TensorView& view, std::int64_t offset) const {
    if (is_float(view.dtype)) return Value{0, load_as_double(view, offset)};
    if (sabotaged(Sabotage::BoolCaptureNotNormalised) && view.dtype == DType::Bool) return Value{static_cast<const std::uint8_t*>(view.data)[offset], 0};
    return Value{load_as_integer(view, offset), 0};
  }

  /// Offset of the element (or row) that the operands index; nothing where one is out of range.
  std::optional<std::int64_t> gather_offset(const Node& node, const TensorView& view) {
    std::int64_t offset = 0;
    bool inside = true;
    for (std::size_t axis = 0; axis < node.operands.size(); ++axis) {
      const auto index = resolve(slots[node.operands[axis]].value.integer, view.shape[axis], static_cast<std::size_t>(node.imm), axis, node.op == Op::GatherRow);
      if (index) offset += *index * view.strides[axis];
      else inside = false;
    }
    return inside ? std::optional(offset) : std::nullopt;
  }

  void gather_row(const Node& node, std::vector<Value>& row) {
    const TensorView& view = environment.captures[static_cast<std::size_t>(node.imm)];
    const auto offset = gather_offset(node, view);
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = offset ? load(view, *offset + static_cast<std::int64_t>(i) * view.strides.back()) : Value{};
  }

  Value row_index(const Node& node) {
    const std::vector<Value>& row = slots[node.operands[0]].row;
    std::size_t capture = 0, axis = 0;
    for (NodeId at = node.operands[0];;) {  // for the report: the first capture behind this row
      const Node& origin = body.nodes[at];
      if (origin.op == Op::GatherRow) {
        capture = static_cast<std::size_t>(origin.imm);
        axis = origin.operands.size();
        break;
      }
      NodeId next = at;
      for (NodeId operand : origin.operands)
        if (next == at && body.nodes[operand].type.is_row) next = operand;
      if (next == at) break;
      at = next;
    }
    const auto index = resolve(slots[node.operands[1]].value.integer, static_cast<std::int64_t>(row.size()), capture, axis, false);
    return index ? row[static_cast<std::size_t>(*index)] : Value{};
  }

  Value elementwise(const Node& node, bool is_strict, Value x, Value y) const {
    return body.nodes[node.operands[0]].type.scalar == Scalar::F32 ? float_operation(node.op, is_strict, x, y) : integer_operation(node.op, is_strict, x, y);
  }

  /// Element `i` of an operand: scalars are broadcast.
  Value element(NodeId operand, std::size_t i) const { return body.nodes[operand].type.is_row ? slots[operand].row[i] : slots[operand].value; }

  Value fold(const Node& node, bool is_strict) const {
    const std::vector<Value>& a = slots[node.operands[0]].row;
    const bool is_float = node.type.scalar == Scalar::F32;
    const auto combine = [&](Op op, Value x, Value y) { return is_float ? float_operation(op, is_strict, x, y) : integer_operation(op, is_strict, x, y); };
    if (node.op == Op::RowMin || node.op == Op::RowMax) {
      const bool is_min = node.op == Op::RowMin;
      const double infinity = std::numeric_limits<double>::infinity();
      using Integers = std::numeric_limits<std::int64_t>;
      Value best{is_min ? Integers::max() : Integers::min(), is_min ? infinity : -infinity};
      for (const Value& x : a) best = combine(is_min ? Op::Min : Op::Max, best, x);
      return best;
    }
    Value total;
    if (node.op == Op::Sum) {
      const bool summing_strictly = is_strict && !sabotaged(Sabotage::RowSumInF64);
      for (const Value& x : a) total = is_float ? float_operation(Op::Add, summing_strictly, total, x) : combine(Op::Add, total, x);
      return total;
    }
    const std::vector<Value>& b_row = slots[node.operands[1]].row;
    for (std::size_t i = 0; i < std::min(a.size(), b_row.size()); ++i) {
      if (sabotaged(Sabotage::DotFused) && is_float && is_strict)
        total.real = std::fma(static_cast<float>(a[i].real), static_cast<float>(b_row[i].real), static_cast<float>(total.real));
      else
        total = combine(Op::Add, total, combine(Op::Mul, a[i], b_row[i]));
    }
    return total;
  }

  Value logical(const Node& node) const {
    const std::int64_t x = slots[node.operands[0]].value.integer;
    return node.type.scalar == Scalar::Bool ? Value{x == 0, 0} : Value{~x, 0};
  }

  void compute_row(const Node& node, bool is_strict, std::vector<Value>& row) {
    if (node.op == Op::GatherRow) return gather_row(node, row);
    if (node.op == Op::Select) {
      const NodeId chosen = node.operands[slots[node.operands[0]].value.integer ? 1 : 2];
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = element(chosen, i);
      return;
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Value x = element(node.operands[0], i);
      if (node.op == Op::Not) row[i] = Value{~x.integer, 0};
      else row[i] = elementwise(node, is_strict, x, node.operands.size() > 1 ? element(node.operands[1], i) : Value{});
    }
  }

  Value compute_scalar(const Node& node, bool is_strict) {
    switch (node.op) {
      case Op::ConstBool: return Value{node.imm != 0, 0};
      case Op::ConstI64: return Value{node.imm, 0};
      case Op::ConstF32: return Value{0, std::bit_cast<float>(static_cast<std::uint32_t>(node.imm))};
      case Op::Score: return Value{0, score_in};
      case Op::BatchIndex: return Value{b, 0};
      case Op::HeadIndex: return Value{h, 0};
      case Op::QIndex: return Value{q_idx, 0};
      case Op::KvIndex: return Value{kv_idx, 0};
      case Op::SymbolValue: return Value{symbol_value(node.imm), 0};
      case Op::FreshDim: return Value{fresh_sizes[static_cast<std::size_t>(node.imm)], 0};
      case Op::Param: {
        const ParamValue& param = environment.params[static_cast<std::size_t>(node.imm)];
        if (node.type.scalar == Scalar::F32) return Value{0, param.real};
        return Value{node.type.scalar == Scalar::Bool ? param.integer != 0 : param.integer, 0};
      }
      case Op::Gather: {
        const TensorView& view = environment.captures[static_cast<std::size_t>(node.imm)];
        const auto offset = gather_offset(node, view);
        return offset ? load(view, *offset) : Value{};
      }
      case Op::RowIndex: return row_index(node);
      case Op::Not: return logical(node);
      case Op::Select: return slots[node.operands[slots[node.operands[0]].value.integer ? 1 : 2]].value;
      case Op::Dot: case Op::Sum: case Op::RowMin: case Op::RowMax: return fold(node, is_strict);
      default:
        return elementwise(node, is_strict, slots[node.operands[0]].value, node.operands.size() > 1 ? slots[node.operands[1]].value : Value{});
    }
  }

  void compute(NodeId id) {
    const Node& node = body.nodes[id];
    Slot& slot = slots[id];
    if (node.type.is_row) {
      compute_row(node, strict[id], slot.row);
      return;
    }
    slot.value = compute_scalar(node, strict[id]);
    // A choice between scores inside the cone yields an f32 like every strict node; the score itself stays f64 for the others.
    if (strict[id] && node.op == Op::Select && !sabotaged(Sabotage::StrictConeInF64)) slot.value.real = static_cast<float>(slot.value.real);
  }

  const Value& evaluate(double score, std::int64_t batch, std::int64_t head, std::int64_t q, std::int64_t kv) {
    score_in = score;
    b = batch;
    h = head;
    q_idx = q;
    kv_idx = kv;
    for (NodeId id : varying) compute(id);
    return slots[body.result].value;
  }
};

Evaluator::Evaluator(const Body& body, const NormalForm& form, const Environment& environment, std::span<const std::int64_t> fresh_sizes)
    : machine_(std::make_unique<Machine>(body, form, environment, fresh_sizes)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

double Evaluator::score(double score, std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx) {
  return machine_->evaluate(score, b, h, q_idx, kv_idx).real;
}

bool Evaluator::mask(std::int64_t b, std::int64_t h, std::int64_t q_idx, std::int64_t kv_idx) {
  return machine_->evaluate(0, b, h, q_idx, kv_idx).integer != 0;
}

const std::optional<GatherFault>& Evaluator::fault() const { return machine_->fault; }

}  // namespace flexc::dsl
