#include "dsl/elaborate/builder.h"

#include <bit>
#include <cmath>
#include <limits>

namespace flexc::dsl {

NodeId BodyBuilder::leaf(Op op, Type type, std::int64_t imm) {
  const auto [entry, fresh] = leaves_.try_emplace({op, imm}, static_cast<NodeId>(nodes_.size()));
  if (fresh) nodes_.push_back({op, type, {}, imm, {}});
  return entry->second;
}

NodeId BodyBuilder::constant(float value) {
  // One NaN, so that the identity does not depend on how it was spelt.
  if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
  return leaf(Op::ConstF32, {Scalar::F32, false, {}}, std::bit_cast<std::uint32_t>(value));
}

NodeId BodyBuilder::op(Op op, Type type, std::vector<NodeId> operands, Span span, std::int64_t imm) {
  ++op_count_;
  nodes_.push_back({op, type, std::move(operands), imm, span});
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId BodyBuilder::conversion(Op op, NodeId operand, Span span) {
  Type type = nodes_[operand].type;
  type.scalar = op == Op::IntToFloat ? Scalar::F32 : Scalar::I64;
  nodes_.push_back({op, type, {operand}, 0, span});
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId BodyBuilder::promote(NodeId id, Scalar scalar, Span span) {
  if (type(id).scalar == Scalar::Bool && scalar != Scalar::Bool) id = conversion(Op::BoolToInt, id, span);
  if (type(id).scalar == Scalar::I64 && scalar == Scalar::F32) id = conversion(Op::IntToFloat, id, span);
  return id;
}

Body BodyBuilder::finish(NodeId result) const {
  constexpr NodeId kUnplaced = ~NodeId{0};
  Body body;
  std::vector<NodeId> placed(nodes_.size(), kUnplaced);
  std::vector<std::pair<NodeId, std::size_t>> stack{{result, 0}};  // node, next operand
  while (!stack.empty()) {
    const NodeId id = stack.back().first;
    if (placed[id] != kUnplaced) {
      stack.pop_back();
      continue;
    }
    const Node& node = nodes_[id];
    if (stack.back().second < node.operands.size()) {
      stack.emplace_back(node.operands[stack.back().second++], 0);
      continue;
    }
    Node copy = node;
    for (NodeId& operand : copy.operands) operand = placed[operand];
    placed[id] = static_cast<NodeId>(body.nodes.size());
    body.nodes.push_back(std::move(copy));
    stack.pop_back();
  }
  body.result = placed[result];
  return body;
}

std::string describe(const Type& type, const NormalForm& form) {
  std::string text(name_of(type.scalar));
  if (!type.is_row) return text;
  switch (type.length.kind) {
    case Dim::Kind::Constant: text += "[" + std::to_string(type.length.value) + "]"; break;
    case Dim::Kind::Symbol: text += "[" + std::string(kSymbolNames[static_cast<std::size_t>(type.length.value)]) + "]"; break;
    case Dim::Kind::Fresh: text += "[" + form.fresh_dims[static_cast<std::size_t>(type.length.value)] + "]"; break;
  }
  return "row " + text;
}

}  // namespace flexc::dsl
