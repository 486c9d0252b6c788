// The shapes of one attention call, checked before any back end sees them.
#pragma once

#include "flexc/engine.h"
#include "flexc/runtime/signature.h"

namespace flexc {

/// Extents of a call that passed every check, with the defaults filled in.
struct CallShape {
  std::int64_t batch = 0, heads = 0, kv_heads = 0, q_len = 0, kv_len = 0, head_dim = 0, value_dim = 0;
  double scale = 0;
  PositionMap q_positions, kv_positions;  ///< of a length up to 1 the step is 1
  runtime::Problem problem;
};

/// Checks q, k, v, out, lse, max_scores, sink, scale, positions, totals and the block mask's extents against each other and
/// against what the kernel was compiled for. All tensors are in `memory`.
Result<CallShape> check_arguments(const RunArguments& arguments, const CompileOptions& options, MemoryKind memory = MemoryKind::Host);

/// Q and KV as the mods see them (`what` is "q" or "kv"): `total` if given, else the last position + 1; refuses steps below 1 and what overflows.
Result<std::int64_t> total_length(std::string_view what, const PositionMap& positions, std::int64_t length, std::int64_t total);

}  // namespace flexc
