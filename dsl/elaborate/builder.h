// BodyBuilder: appends nodes to one mod's body, with types, and counts operations.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

class BodyBuilder {
 public:
  /// Leaves are made once each.
  NodeId leaf(Op op, Type type, std::int64_t imm = 0);
  NodeId constant(bool value) { return leaf(Op::ConstBool, {Scalar::Bool, false, {}}, value); }
  NodeId constant(std::int64_t value) { return leaf(Op::ConstI64, {Scalar::I64, false, {}}, value); }
  NodeId constant(float value);

  /// An operation that the user wrote: counted.
  NodeId op(Op op, Type type, std::vector<NodeId> operands, Span span, std::int64_t imm = 0);
  /// A conversion that the types imply: not counted.
  NodeId conversion(Op op, NodeId operand, Span span);

  /// `id` converted to `scalar` along Bool → I64 → F32 (rows keep their length).
  NodeId promote(NodeId id, Scalar scalar, Span span);

  const Node& node(NodeId id) const { return nodes_[id]; }
  const Type& type(NodeId id) const { return nodes_[id].type; }
  int op_count() const { return op_count_; }

  /// The nodes that `result` needs, operands first, in the order of a left-to-right walk: independent of how the text was
  /// ordered and of what it computed in vain.
  Body finish(NodeId result) const;

 private:
  std::vector<Node> nodes_;
  std::map<std::pair<Op, std::int64_t>, NodeId> leaves_;
  int op_count_ = 0;
};

/// "f32", "i64", "bool", "row f32[64]".
std::string describe(const Type& type, const NormalForm& form);

}  // namespace flexc::dsl
