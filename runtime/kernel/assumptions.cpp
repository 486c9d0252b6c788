#include "runtime/kernel/assumptions.h"

#include <algorithm>

namespace flexc {
namespace {

using runtime::kNarrowLimit;

bool is_size(std::int64_t size) { return size >= 0 && size < kNarrowLimit; }

/// All of `length` positions in [0, kNarrowLimit). The offset of a call without rows or columns is held to it too.
bool are_positions(const PositionMap& positions, std::int64_t length) {
  std::int64_t end = 0;
  return positions.offset >= 0 && length >= 0 && positions.fits(length, &end) && end <= kNarrowLimit;
}

/// Sizes, and the distance in elements between the first and the farthest element, which bounds every offset.
bool is_small(const TensorView& capture) {
  std::int64_t span = 0;
  for (std::size_t axis = 0; axis < capture.rank(); ++axis) {
    const std::int64_t size = capture.shape[axis], stride = capture.strides[axis];
    if (!is_size(size)) return false;
    if (size <= 1) continue;  // its index is 0
    std::int64_t part = 0;
    if (__builtin_mul_overflow(size - 1, stride, &part) || part <= -runtime::kNarrowSpan || part >= runtime::kNarrowSpan) return false;
    span += part < 0 ? -part : part;
    if (span >= runtime::kNarrowSpan) return false;
  }
  return true;
}

}  // namespace

bool within(const runtime::Manifest& manifest, const CallShape& shape, const runtime::Signature& signature,
            const runtime::Environment& environment, std::span<const std::int64_t> fresh) {
  const auto assumes = [&](runtime::Assumption assumption) { return (manifest.assumptions & assumption) != 0; };
  if (assumes(runtime::kAssumesPositions) && !(are_positions(shape.q_positions, shape.q_len) && are_positions(shape.kv_positions, shape.kv_len))) return false;
  if (assumes(runtime::kAssumesSymbols)) {
    const runtime::Problem& problem = shape.problem;
    for (const std::int64_t size : {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total})
      if (!is_size(size)) return false;
  }
  if (assumes(runtime::kAssumesParams))
    for (std::size_t i = 0; i < signature.params.size(); ++i) {
      const bool is_integer = signature.params[i].type == i32 || signature.params[i].type == i64;
      const std::int64_t value = environment.params[i].integer;
      if (signature.params[i].used && is_integer && (value <= -kNarrowLimit || value >= kNarrowLimit)) return false;
    }
  if (assumes(runtime::kAssumesReciprocals))
    for (std::size_t i = 0; i < signature.params.size(); ++i)
      if (signature.params[i].used && signature.params[i].type == f32 && !runtime::has_normal_reciprocal(environment.params[i].real)) return false;
  if (assumes(runtime::kAssumesFreshDims) && !std::ranges::all_of(fresh, is_size)) return false;
  if (assumes(runtime::kAssumesCaptures))
    for (std::size_t i = 0; i < signature.captures.size(); ++i)
      if (signature.captures[i].used && !is_small(environment.captures[i])) return false;
  return true;
}

}  // namespace flexc
