// The end of an item: sums across lanes, division, lse, and the output through shared memory to TMA; or, of a part of the keys, the state of its rows.
#pragma once
#include "templates/hopper/lazy.cuh"
#include "templates/hopper/row_end.cuh"

namespace flexc::device {

/// Writes lse and the largest score of the lane's row, `own` in the sequence; `empty`: nothing of it is kept.
template <class Config>
FLEXC_DEVICE void store_row_end(const flexc_hopper_arguments& arguments, const Coordinates& at, i32 own, const RowEnd& end, float largest, bool empty) {
  const float none = float_of(0xff800000u);  // -inf
  if (arguments.lse != nullptr) {
    const float lse = empty && arguments.sink == nullptr ? none : fma_rn(end.reference, kLn2, lg2_approx(end.sum) * kLn2);
    arguments.lse[at.batch * arguments.lse_batch_stride + at.head * arguments.lse_head_stride + own] = lse;
  }
  // With the lazy maximum the reference is none; the host refuses to ask for it.
  if (!Config::kOptions.lazy_maximum && arguments.max_scores != nullptr)
    arguments.max_scores[at.batch * arguments.max_batch_stride + at.head * arguments.max_head_stride + own] = empty ? none : largest * kLn2;
}

/// Leaves the state of the warp's rows for the combine kernel (launch.h has the layout). `sum` and `reference` are of the lane's row, as in store_item.
template <class Config>
FLEXC_DEVICE void store_partial(const flexc_hopper_arguments& arguments, const Item& item, u32 warp_of_item, float reference, float sum, const float (&output)[Config::kOutputs]) {
  if (warp_of_item >= arguments.partial_warps) return;
  const u64 place = static_cast<u64>(item.number) * arguments.partial_warps + warp_of_item;
  const u32 row = lane_index() / 4 + (lane_index() & 1) * 8;
  if ((lane_index() & 2) == 0) arguments.partial_rows[place * kFlexcWarpRows + row] = {reference, sum};
  static_assert(kWarpQuadBytes == kFlexcWarpLanes * sizeof(flexc_quad), "the layout of what parts leave");
  store_output<Config>(arguments.partial_outputs + place * (kFlexcWarpLanes * Config::kOutputs / 4) + lane_index(), output);
}

/// Finishes an item of one warpgroup. `group` is the warpgroup, `warp` the warp in it, `row` the thread's first row in the sequence.
template <class Config>
FLEXC_DEVICE void store_item(const flexc_hopper_arguments& arguments, Barriers barriers, const Item& item, u32 group, u32 warp, i32 row,
                             RowState& state, float (&output)[Config::kOutputs]) {
  // Four neighbouring lanes share two rows. What is done once a row, even lanes do for the first and odd lanes for the second: half of the code.
  const bool odd = (lane_index() & 1) != 0;
  float sum = odd ? state.sum[1] : state.sum[0];
  sum += shuffle_xor(SITE(sum_first), odd ? state.sum[0] : state.sum[1], 1);
  sum += shuffle_xor(SITE(sum_second), sum, 2);
  const float largest = odd ? state.reference[1] : state.reference[0];
  const bool leader = warp == 0 && lane_index() == 0;
  if (arguments.partial_outputs != nullptr) {
    store_partial<Config>(arguments, item, group * 4 + warp, largest, sum, output);
    if constexpr (!Config::kOutputHasRoom) {  // then one thread lets go of Q for its warpgroup
      named_barrier_sync(SITE(partial_stored), kStoreBarrier + group, kWarpgroupThreads);
      mbarrier_arrive_if(SITE(release_q_partial), barriers.q_empty(), leader);
    }
    return;
  }
  const bool empty = sum == 0.0f;
  NormalEnd from{largest, sum, 1.0f};
  if constexpr (Config::kOptions.lazy_maximum) from = normal_end(from.reference, from.sum);
  RowEnd end{from.reference, from.sum, rcp_approx(from.sum)};
  if (arguments.sink != nullptr) end = with_sink(end, empty, arguments.sink[item.at.head] * kSinkLog2E);
  if constexpr (Config::kOptions.lazy_maximum) end.factor *= from.scale;
  const i32 own = row + (odd ? 8 : 0);
  if ((lane_index() & 2) == 0 && own < arguments.q_len) store_row_end<Config>(arguments, item.at, own, end, largest, empty);

  // A row with nothing left has sum 0: output 0, whatever its accumulator holds. Factors are not negative, so a negative one can say so.
  const float own_factor = empty ? -1.0f : end.factor;
  const float other_factor = shuffle_xor(SITE(share_factor), own_factor, 1);
  const float factor[2] = {odd ? other_factor : own_factor, odd ? own_factor : other_factor};
  u32 words[Config::kOutputs / 2];
  pack_output<Config>(factor[0], factor[1], factor[0] < 0.0f ? 0u : ~0u, factor[1] < 0.0f ? 0u : ~0u, output, words);
  u32 nonfinite = 0;
  FLEXC_UNROLL
  for (const u32 word : words) nonfinite = add_nonfinite<Config::kElement>(nonfinite, word);

  const u32 to = kSharedBase + Config::kOutOffset;
  // With bytes of its own the output of the item before may still be on its way; without, the warpgroup's other warps may still read Q.
  if (Config::kOutputHasRoom && leader) tma_store_wait_read(SITE(store_drained));
  named_barrier_sync(SITE(store_free), kStoreBarrier + group, kWarpgroupThreads);
  const u32 store_row = group * kWarpgroupRows + warp * 16 + (lane_index() & 15);
  FLEXC_UNROLL
  for (u32 j = 0; j < Config::kDV / 8; j += 2) {
    // Four 8x8 matrices: rows 0-7 and 8-15 of chunks j and j + 1; lanes 0-15 give the rows of chunk j, lanes 16-31 those of the next.
    const u32 chunk = j % 8 + (lane_index() >> 4);
    const u32 address = to + j / 8 * Config::kQPanelBytes + swizzled(SITE(swizzle_output), store_row, chunk);
    stmatrix(SITE(write_output), address, words[2 * j], words[2 * j + 1], words[2 * j + 2], words[2 * j + 3]);
  }
  async_proxy_fence(SITE(output_fence));
  named_barrier_sync(SITE(output_written), kStoreBarrier + group, kWarpgroupThreads);
  if (leader) {
    FLEXC_NO_UNROLL
    for (u32 panel = 0; panel < Config::kDV / kPanelColumns; ++panel) {
      tma_store(SITE(store_output), &arguments.out_map, to + panel * Config::kQPanelBytes + group * kWarpgroupRows * kPanelRowBytes,
                static_cast<i32>(panel * kPanelColumns), item.at.q_block * static_cast<i32>(Config::kM) + static_cast<i32>(group * kWarpgroupRows),
                item.at.head, item.at.batch);
    }
    tma_store_commit(SITE(store_commit));
    if (!Config::kOutputHasRoom) {
      tma_store_wait_read(SITE(store_read));
      mbarrier_arrive(SITE(release_q_stored), barriers.q_empty());
    }
  }
  // Removed values that were not finite may have reached a product (0 * NaN): such items are marked, so that they can be computed again with care.
  if (warp_any(SITE(nonfinite_vote), nonfinite != 0) && lane_index() == 0) {
    atomic_add(SITE(count_nonfinite), arguments.workspace + kFlexcWorkNonFinite, 1);
    atomic_add(SITE(mark_nonfinite), arguments.workspace + kFlexcWorkspaceHeader + item.number, 1);  // not split, so an item is a tile of rows
  }
}

}  // namespace flexc::device
