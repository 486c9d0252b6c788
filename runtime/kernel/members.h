// The members of a compiled variant's family: narrow ones assume that a call's positions, sizes and integer params are small, so
// that integers fit in 32 bits, and that its f32 params have reciprocals; wide ones assume nothing. Free of MLIR: passes, hosts and bundles share it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "flexc/error.h"

namespace flexc::runtime {

/// What a narrow member keeps below: positions, sizes, the magnitude of params.
inline constexpr std::int64_t kNarrowLimit = std::int64_t{1} << 30;
/// What the offsets of a capture's elements, in elements, keep below.
inline constexpr std::int64_t kNarrowSpan = std::int64_t{1} << 31;

/// What a member may assume, as bits. A launch checks those that the member used, in O(captures + params).
enum Assumption : std::uint32_t {
  kAssumesNothing = 0,
  kAssumesPositions = 1,  ///< 0 <= q_idx, kv_idx < kNarrowLimit at every existing pair
  kAssumesSymbols = 2,    ///< B, H, HKV, Q, KV < kNarrowLimit, and with them b and h
  kAssumesParams = 4,     ///< -kNarrowLimit < p < kNarrowLimit for i32 and i64 params
  kAssumesFreshDims = 8,  ///< fresh dims < kNarrowLimit
  kAssumesCaptures = 16,  ///< every used capture: sizes < kNarrowLimit, and the sum of (size - 1)·|stride| over its dims < kNarrowSpan
  kAssumesReciprocals = 32,  ///< every used f32 param: has_normal_reciprocal
};
/// Their names in the IR, bit by bit.
inline constexpr std::array<std::string_view, 6> kAssumptionNames = {"positions", "symbols", "params", "fresh_dims", "captures", "reciprocals"};

/// Whether x · (1/y) is x / y within 1.5 units in the last place for every x: y and its reciprocal are normal numbers, or y is 0, infinite or a NaN,
/// where both give the same.
inline bool has_normal_reciprocal(float y) { return (std::isnormal(y) && std::isnormal(1 / y)) || y == 0 || !std::isfinite(y); }

/// The members of a family by what they may assume.
enum class Member : std::uint8_t { Wide, Narrow };

/// Stands beside an object: the assumptions that its code was compiled under and uses. With none, it serves every call.
struct Manifest {
  std::uint32_t assumptions = kAssumesNothing;
  bool operator==(const Manifest&) const = default;
};

/// The CPU's code of one member: one relocatable object, which runtime/loader maps, and what it assumes of a call.
struct RowMember {
  std::vector<std::byte> object;
  Manifest manifest;
};
/// Where members come from: a compiler or a bundle.
using RowMemberSource = std::function<Result<RowMember>(Member)>;

}  // namespace flexc::runtime
