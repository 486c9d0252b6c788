// Merges the parts of the keys (launch.h): out, lse and the largest score of each row, from the states that the parts left. The sink joins here, once. One
// text for all variants; it runs on the host model too.
//
// Parts are merged in their order, and one that keeps nothing of a row changes no bit of it: so a row's bits follow from where its keys are cut, and from
// nothing else.
#pragma once
#include "templates/hopper/combine.h"
#include "templates/hopper/row_end.cuh"
#include "templates/hopper/schedule.cuh"

namespace flexc::device {

inline constexpr u32 kCombineThreads = 128;  // of a CTA: four warps share 16 rows
inline constexpr u32 kCombineWarps = kCombineThreads / 32;
inline constexpr u32 kQuadsAtOnce = 4;  // of a lane: loads that are on their way together

/// The states of one of the lane's two rows, part after part.
struct RowParts {
  const flexc_row_state* first;
  u64 step;  // from part to part
  u32 count;

  /// The parts' common reference and sum. `largest`: the largest reference of a part that keeps something, if `!empty`.
  struct Merged {
    float reference, sum, largest;
    bool empty;
  };
  FLEXC_DEVICE Merged merge() const {
    const float none = float_of(0xff800000u);  // -inf
    Merged merged{none, 0.0f, none, true};
    FLEXC_NO_UNROLL
    for (u32 part = 0; part < count; ++part) {
      const flexc_row_state state = first[part * step];
      if (state.sum == 0.0f) continue;
      merged.reference = maximum(merged.reference, normal_end(state.reference, state.sum).reference);
      merged.largest = maximum(merged.largest, state.reference);
      merged.empty = false;
    }
    FLEXC_NO_UNROLL
    for (u32 part = 0; part < count; ++part) {
      const flexc_row_state state = first[part * step];
      if (state.sum == 0.0f) continue;
      const NormalEnd end = normal_end(state.reference, state.sum);
      merged.sum = fma_rn(end.sum, ex2_approx(end.reference - merged.reference), merged.sum);
    }
    return merged;
  }
  /// By what a part's outputs are multiplied; negative where it keeps nothing, whatever its outputs hold.
  FLEXC_DEVICE float weight(u32 part, float reference) const {
    const flexc_row_state state = first[part * step];
    if (state.sum == 0.0f) return -1.0f;
    const NormalEnd end = normal_end(state.reference, state.sum);
    return ex2_approx(end.reference - reference) * end.scale;
  }
};

/// 16 rows of a tile, by four warps that share the columns.
template <Element kElement>
FLEXC_DEVICE void combine_rows(const flexc_combine_arguments& work, const Coordinates& at, u32 row_tile, u32 part_of_tile) {
  const flexc_hopper_arguments& arguments = work.forward;
  const u32 lane = lane_index(), warp = thread_index() / 32;
  const u32 quads = work.columns / 8;
  const i32 row = at.q_block * static_cast<i32>(work.tile_m) + static_cast<i32>(part_of_tile * kFlexcWarpRows + lane / 4);
  const u64 place = static_cast<u64>(row_tile) * arguments.splits * arguments.partial_warps + part_of_tile;
  RowParts parts[2];
  RowParts::Merged merged[2];
  float factor[2];
  FLEXC_UNROLL
  for (u32 i = 0; i < 2; ++i) {
    parts[i] = {arguments.partial_rows + place * kFlexcWarpRows + lane / 4 + 8 * i, static_cast<u64>(arguments.partial_warps) * kFlexcWarpRows, arguments.splits};
    merged[i] = parts[i].merge();
    RowEnd end{merged[i].reference, merged[i].sum, rcp_approx(merged[i].sum)};
    const bool has_sink = arguments.sink != nullptr;
    if (has_sink) end = with_sink(end, merged[i].empty, arguments.sink[at.head] * kSinkLog2E);
    factor[i] = end.factor;
    const i32 own = row + static_cast<i32>(8 * i);
    if (warp == 0 && (lane & 3) == 0 && own < arguments.q_len) {
      const float none = float_of(0xff800000u);  // -inf
      if (arguments.lse != nullptr)
        arguments.lse[at.batch * arguments.lse_batch_stride + at.head * arguments.lse_head_stride + own] =
            merged[i].empty && !has_sink ? none : fma_rn(end.reference, kLn2, lg2_approx(end.sum) * kLn2);
      if (arguments.max_scores != nullptr)
        arguments.max_scores[at.batch * arguments.max_batch_stride + at.head * arguments.max_head_stride + own] = merged[i].empty ? none : merged[i].largest * kLn2;
    }
  }

  u32 nonfinite = 0;
  FLEXC_NO_UNROLL
  for (u32 first = warp; first < quads; first += kCombineWarps * kQuadsAtOnce) {
    float output[kQuadsAtOnce][4] = {};
    const flexc_quad* from = arguments.partial_outputs + (place * quads + first) * kFlexcWarpLanes + lane;
    FLEXC_NO_UNROLL
    for (u32 part = 0; part < arguments.splits; ++part, from += static_cast<u64>(arguments.partial_warps) * quads * kFlexcWarpLanes) {
      const float weight[2] = {parts[0].weight(part, merged[0].reference), parts[1].weight(part, merged[1].reference)};
      FLEXC_UNROLL
      for (u32 k = 0; k < kQuadsAtOnce; ++k) {
        if (first + k * kCombineWarps >= quads) continue;
        const flexc_quad quad = from[k * kCombineWarps * kFlexcWarpLanes];
        FLEXC_UNROLL
        for (u32 e = 0; e < 4; ++e) output[k][e] = weight[e / 2] < 0.0f ? output[k][e] : fma_rn(weight[e / 2], quad.values[e], output[k][e]);
      }
    }
    FLEXC_UNROLL
    for (u32 k = 0; k < kQuadsAtOnce; ++k) {
      const u32 column = 8 * (first + k * kCombineWarps) + 2 * (lane & 3);
      FLEXC_UNROLL
      for (u32 i = 0; i < 2; ++i) {
        const i32 own = row + static_cast<i32>(8 * i);
        if (own >= arguments.q_len || column >= work.value_dim) continue;
        const u32 word = merged[i].empty ? 0u : pack_pair<kElement>(output[k][2 * i] * factor[i], output[k][2 * i + 1] * factor[i]);
        unsigned short* const to = static_cast<unsigned short*>(arguments.out) + at.batch * arguments.out_strides[2] + at.head * arguments.out_strides[1] + own * arguments.out_strides[0] + column;
        to[0] = static_cast<unsigned short>(word);
        // The last column of an odd number of them has a neighbour that is not stored; what it holds is a product with zeros.
        if (column + 1 < work.value_dim) to[1] = static_cast<unsigned short>(word >> 16);
        nonfinite = add_nonfinite<kElement>(nonfinite, word);
      }
    }
  }
  if (warp_any(SITE(combine_vote), nonfinite != 0) && lane == 0) {
    atomic_add(SITE(combine_count), arguments.workspace + kFlexcWorkNonFinite, 1);
    atomic_add(SITE(combine_mark), arguments.workspace + kFlexcWorkspaceHeader + row_tile, 1);
  }
}

FLEXC_DEVICE void combine(const flexc_combine_arguments& work) {
  const flexc_hopper_arguments& arguments = work.forward;
  const u64 groups = static_cast<u64>(work.row_tiles) * arguments.partial_warps;
  FLEXC_NO_UNROLL
  for (u64 group = block_index(); group < groups; group += block_count()) {
    const u32 row_tile = static_cast<u32>(group / arguments.partial_warps), part = static_cast<u32>(group - static_cast<u64>(row_tile) * arguments.partial_warps);
    const Coordinates at = coordinates_of(arguments, row_tile);
    if (at.q_block * static_cast<i32>(work.tile_m) + static_cast<i32>(part * kFlexcWarpRows) >= arguments.q_len) continue;
    if (work.is_f16 != 0) combine_rows<Element::kF16>(work, at, row_tile, part);
    else combine_rows<Element::kBf16>(work, at, row_tile, part);
  }
}

}  // namespace flexc::device

FLEXC_KERNEL(flexc::device::kCombineThreads) flexc_combine_splits(FLEXC_ARGUMENT flexc_combine_arguments arguments) { flexc::device::combine(arguments); }
