// Programs of rows and columns: a tile program whose positions are those of a call with other steps than 1, so that regions of such a call are regions of
// whole numbers like any others.
#pragma once

#include "flexc/block_mask.h"
#include "runtime/tile/program.h"

namespace flexc::tile {

/// Whether regions of this mask's rows and columns are not regions of positions.
inline bool has_steps(const BlockMask& shape) { return shape.q_step != 1 || shape.kv_step != 1; }

/// The same mask_mod over rows and columns: where `program` reads q_idx and kv_idx, this one computes them from what it is given. Register i of `program` is
/// register i + kPositionRegisters here, with the same value.
Program at_rows(const Program& program, const PositionMap& q, const PositionMap& kv);
inline constexpr Register kPositionRegisters = 11;

/// The shape in rows and columns: from 0 on, in steps of 1.
BlockMask in_rows(const BlockMask& shape);

}  // namespace flexc::tile
