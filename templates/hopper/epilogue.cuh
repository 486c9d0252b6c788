// The end of an item: sums across lanes, division, lse, and the output through shared memory to TMA.
#pragma once
#include "templates/hopper/lazy.cuh"

namespace flexc::device {

/// Adds up a row's sum over the four lanes that share it.
FLEXC_DEVICE float row_sum(float own) {
  own += shuffle_xor(SITE(sum_first), own, 1);
  return own + shuffle_xor(SITE(sum_second), own, 2);
}

/// What a row's exponentials are taken against, their sum, and by what the output is multiplied.
struct RowEnd {
  float reference, sum, factor;
};

/// The sink joins a row as one more logit: where it is the largest, exponentials are taken against it.
FLEXC_DEVICE RowEnd with_sink(RowEnd end, bool empty, float sink) {
  if (empty) return {sink, 1.0f, 0.0f};
  const float reference = maximum(end.reference, sink);
  const float share = ex2_approx(end.reference - reference);
  const float sum = fma_rn(end.sum, share, ex2_approx(sink - reference));
  return {reference, sum, share * rcp_approx(sum)};
}

/// Finishes an item of one warpgroup. `group` is the warpgroup, `warp` the warp in it, `row` the thread's first row in the sequence.
template <class Config>
FLEXC_DEVICE void store_item(const flexc_hopper_arguments& arguments, Barriers barriers, const Item& item, u32 group, u32 warp, i32 row,
                             RowState& state, float (&output)[Config::kOutputs]) {
  // A row with nothing left has sum 0: output 0, whatever its accumulator holds.
  float test = 0.0f;
  FLEXC_UNROLL
  for (u32 i = 0; i < 2; ++i) {
    const float sum = row_sum(state.sum[i]);
    const bool empty = sum == 0.0f;
    LazyEnd from{state.reference[i], sum, 1.0f};
    if constexpr (Config::kOptions.lazy_maximum) from = lazy_end(from.reference, from.sum);
    RowEnd end{from.reference, from.sum, rcp_approx(from.sum)};
    if (arguments.sink != nullptr) end = with_sink(end, empty, arguments.sink[item.at.head] * kSinkLog2E);
    if constexpr (Config::kOptions.lazy_maximum) end.factor *= from.scale;
    FLEXC_UNROLL
    for (u32 j = 0; j < Config::kDV / 8; ++j) {
      FLEXC_UNROLL
      for (u32 e = 0; e < 2; ++e) {
        float& value = output[4 * j + 2 * i + e];
        value = empty ? 0.0f : value * end.factor;
        test = fma_rn(value, 0.0f, test);  // NaN where any value is not finite
      }
    }
    const i32 own = row + static_cast<i32>(8 * i);
    const bool stores = (lane_index() & 3) == 0 && own < arguments.q_len;
    const float none = float_of(0xff800000u);  // -inf
    if (arguments.lse != nullptr && stores) {
      const float lse = empty && arguments.sink == nullptr ? none : fma_rn(end.reference, kLn2, lg2_approx(end.sum) * kLn2);
      arguments.lse[item.at.batch * arguments.lse_batch_stride + item.at.head * arguments.lse_head_stride + own] = lse;
    }
    // With the lazy maximum the reference is none; the host refuses to ask for it.
    if (!Config::kOptions.lazy_maximum && arguments.max_scores != nullptr && stores) {
      arguments.max_scores[item.at.batch * arguments.max_batch_stride + item.at.head * arguments.max_head_stride + own] =
          empty ? none : state.reference[i] * kLn2;
    }
  }

  const u32 to = kSharedBase + Config::kOutOffset;
  const bool leader = warp == 0 && lane_index() == 0;
  // With bytes of its own the output of the item before may still be on its way; without, the warpgroup's other warps may still read Q.
  if (Config::kOutputHasRoom && leader) tma_store_wait_read(SITE(store_drained));
  named_barrier_sync(SITE(store_free), kStoreBarrier + group, kWarpgroupThreads);
  const u32 store_row = group * kWarpgroupRows + warp * 16 + (lane_index() & 15);
  FLEXC_UNROLL
  for (u32 j = 0; j < Config::kDV / 8; j += 2) {
    // Four 8x8 matrices: rows 0-7 and 8-15 of chunks j and j + 1; lanes 0-15 give the rows of chunk j, lanes 16-31 those of the next.
    const u32 chunk = j % 8 + (lane_index() >> 4);
    const u32 address = to + j / 8 * Config::kQPanelBytes + swizzled(SITE(swizzle_output), store_row, chunk);
    stmatrix(SITE(write_output), address, pack_pair<Config::kElement>(output[4 * j], output[4 * j + 1]),
             pack_pair<Config::kElement>(output[4 * j + 2], output[4 * j + 3]), pack_pair<Config::kElement>(output[4 * j + 4], output[4 * j + 5]),
             pack_pair<Config::kElement>(output[4 * j + 6], output[4 * j + 7]));
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
  if (warp_any(SITE(nonfinite_vote), test != test) && lane_index() == 0) {
    atomic_add(SITE(count_nonfinite), arguments.workspace + kFlexcWorkNonFinite, 1);
    atomic_add(SITE(mark_nonfinite), arguments.workspace + kFlexcWorkspaceHeader + item.number, 1);
  }
}

}  // namespace flexc::device
