// The normal form: a variant after inlining, unrolling, compile-time evaluation and renaming.
// It is the variant's identity (its text is hashed into every key) and the input of every back end and of the oracle.
// Nothing in it is optimised: one node for each operation that the user wrote.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/diagnostic.h"
#include "flexc/dsl/operations.h"
#include "flexc/dtype.h"

namespace flexc::dsl {

using NodeId = std::uint32_t;

struct Node {
  Op op;
  Type type;
  std::vector<NodeId> operands;  ///< all smaller than the node's own number
  std::int64_t imm = 0;
  Span span;  ///< where it was written; not part of the identity
  Location place = {0, 0};  ///< the span's line and column; line 0 for leaves that were not written
};

/// One mod. Nodes are in the order in which the result needs them; all of them are needed.
struct Body {
  std::vector<Node> nodes;
  NodeId result = 0;  ///< F32 for score_mod, Bool for mask_mod
};

using runtime::CaptureInfo;
using runtime::ParamInfo;

/// What a call must bring is the base: all that is left of a variant in a bundle.
struct NormalForm : runtime::Signature {
  std::optional<Body> score;            ///< missing: the identity
  std::optional<Body> mask;             ///< missing: every pair is kept
  /// Readable text without names of the user's: v0, v1, …, c0 for captures, p0 for params, n0 for fresh dims.
  std::string text;
  std::array<std::uint64_t, 2> hash{};  ///< XXH3-128 of text
  /// Names of the sources that spans and places speak of; not part of the identity.
  std::vector<std::string> source_names;
};

/// Which nodes lie in the strict cone: an integer or a boolean depends on their value (DESIGN.md, section 3), so floats
/// among them are computed in f32 exactly as every back end does.
std::vector<bool> strict_cone(const Body& body);

}  // namespace flexc::dsl
