// The Hopper forward kernel: out = softmax(score_mod(scale * Q K^T) under mask_mod) V, for sm_90a.
//
// A CTA is one producer warpgroup and two or three consumer warpgroups of 64 query rows each. It takes items (a tile of query rows of one head) until
// there are no more. The producer brings Q once an item and K and V tile by tile through rings of two buffers. A consumer warpgroup keeps the scores
// S and the output O in registers; while its softmax runs, its own product of the tile before and the other warpgroup's products keep the tensor
// cores busy. README.md tells why it is written the way it is.
#pragma once
#include "templates/hopper/epilogue.cuh"

namespace flexc::device {

/// Choices that change no result beyond its rounding; the emitter sets them, and a GPU decides which are best.
struct ForwardOptions {
  Pin pin = Pin::kStore;
  bool take_turns = true;  // warpgroups issue their products in turn (ping-pong), so that one's softmax meets the other's products
  bool lazy_maximum = false;  // lazy.cuh; it changes results within their accuracy, and has a pin of its own
};

/// With head dimensions above 128 the products outlast the softmax anyway, and turns would only cost.
template <class Config>
inline constexpr bool kTakesTurns = Config::kOptions.take_turns && Config::kD <= 128;

/// One consumer warpgroup's part of the kernel.
template <class Config, class Hooks>
struct Consumer {
  const flexc_hopper_arguments& arguments;
  const typename Hooks::Params& params;
  Barriers barriers;
  u32 group;  // the warpgroup, 0 to kConsumers - 1
  u32 warp;   // in the warpgroup
  u32 next_turn;  // the named barrier of the warpgroup whose turn comes next

  FLEXC_DEVICE bool first_lane() const { return lane_index() == 0; }

  FLEXC_DEVICE u64 q_descriptor() const {
    return make_descriptor(SITE(q_descriptor), kSharedBase + Config::kQOffset, Config::kQkLeadingBytes, Config::kStrideBytes) + group * (kWarpgroupRows * kPanelRowBytes / 16);
  }
  FLEXC_DEVICE u64 k_descriptor(u32 stage) const {
    return moved_descriptor(make_descriptor(SITE(k_descriptor), kSharedBase + Config::kKOffset, Config::kQkLeadingBytes, Config::kStrideBytes), stage, Config::kKBytes);
  }
  FLEXC_DEVICE u64 v_descriptor(u32 stage) const {
    return moved_descriptor(make_descriptor(SITE(v_descriptor), kSharedBase + Config::kVOffset, Config::kPvLeadingBytes, Config::kStrideBytes), stage, Config::kVBytes);
  }

  /// Waits for its turn to issue products, and passes it on.
  FLEXC_DEVICE void take_turn() const {
    if constexpr (kTakesTurns<Config>) named_barrier_sync(SITE(take_turn), kTurnBarrier + group, 2 * kWarpgroupThreads);
  }
  FLEXC_DEVICE void pass_turn() const {
    if constexpr (kTakesTurns<Config>) named_barrier_arrive(SITE(pass_turn), next_turn, 2 * kWarpgroupThreads);
  }

  /// The word of the tile in K's buffer `stage` (TileWalk), for members that read block masks. Before K is let go of.
  FLEXC_DEVICE u32 tile_word(u32 stage) const {
    if constexpr (!kReadsBlockMask<Hooks>) return 0;
    const u32 word = shared_load(SITE(read_tile), barriers.tile(stage));
    warp_sync(SITE(tile_read));  // one lane lets go of it for all, together with K
    return word;
  }

  /// S becomes exponentials: the score stage, the mask where the tile needs one, online softmax. `stage` and `parity` are V's, and the table's.
  FLEXC_DEVICE void scores_to_exponentials(const Item& item, const Rows<Config, Hooks>& rows, u32 stage, u32 parity, u32 t, u32 word, u32 zero, bool exact,
                                           RowState& state, float (&scores)[Config::kScores], float (&rescale)[2]) const {
    const i32 tile = kReadsBlockMask<Hooks> ? static_cast<i32>(word >> 1) : item.ranges.template own_tile<Hooks>(t);
    const SharedTable<Config> table = table_of_stage<Config>(stage);
    if constexpr (Config::kHasTable) mbarrier_wait(SITE(wait_table), barriers.table_full(stage), parity);
    const Logits logits = score_tile<Config, Hooks>(arguments, params, rows, tile, table, scores);
    const bool full = kReadsBlockMask<Hooks> ? (word & 1) != 0 : item.ranges.template full<Hooks>(t);
    if (!full) mask_tile<Config, Hooks>(arguments, params, rows, tile, table, scores);
    if constexpr (Config::kHasTable) warp_sync(SITE(table_read));  // one lane lets go of the table for all, together with V
    constexpr bool kRowTerm = Hooks::kScoreClass == ScoreClass::kAffine;
    if constexpr (Config::kOptions.lazy_maximum) {
      lazy_softmax_tile<Config, kRowTerm>(exact, logits, state, scores, rescale);
    } else {
      softmax_tile<Config, kRowTerm>(logits, zero, state, scores, rescale);
    }
  }

  /// All items of the CTA.
  FLEXC_DEVICE void run() const {
    declare_output<Config>();
    u32 it = 0;  // the tile in hand, counted over items: V of tile it and K of it + 1 lie in buffers of one number
    if (kTakesTurns<Config> && group + 1 == Config::kConsumers) pass_turn();  // the first turn is warpgroup 0's
    FLEXC_NO_UNROLL
    for (u32 items = 0;; ++items) {
      mbarrier_wait(SITE(wait_q), barriers.q_full(), items & 1);
      Item item = read_item(barriers);
      // In the threads' own registers: with all ranges in uniform ones, comparing with the second puts a uniform instruction too many into the loop.
      if constexpr (kTwoIntervals<Hooks> && Config::kD > 64) item.ranges.full1_begin += static_cast<i32>(lane_index() & arguments.zero);
      if (item.number == kNoMoreItems) break;
      const i32 row = item.at.q_block * static_cast<i32>(Config::kM) + static_cast<i32>(group * kWarpgroupRows + warp * 16 + lane_index() / 4);
      Rows<Config, Hooks> rows;
      const u32 row_of_item = group * kWarpgroupRows + warp * 16 + lane_index() / 4;
      rows.begin(arguments, params, item.at, row, row_of_item, item.ranges.first0 * static_cast<i32>(Config::kN));
      RowState state;
      float output[Config::kOutputs];
      clear_output<Config>(output);
      it = run_item(item, rows, it, state, output);
      store_item<Config>(arguments, barriers, item, group, warp, row, state, output);
    }
    // The turn that warpgroup 0 was passed last.
    if (kTakesTurns<Config> && group == 0) take_turn();
    if (first_lane() && warp == 0) tma_store_wait(SITE(store_done));
  }

  /// The main loop. QK of tile n + 1 and PV of tile n are issued together; then softmax of n + 1 runs under PV of n.
  FLEXC_DEVICE u32 run_item(const Item& item, const Rows<Config, Hooks>& rows, u32 it, RowState& state, float (&output)[Config::kOutputs]) const {
    float scores[Config::kScores];
    u32 packed[Config::kPacked];
    const u32 zero = same_in_warp(0);  // of which the compiler knows nothing

    const u32 first_stage = ring_stage(SITE(first_k_stage), it + 1);
    mbarrier_wait(SITE(wait_first_k), barriers.k_full(first_stage), ring_parity(SITE(first_k_parity), it));
    wgmma_fence(SITE(first_qk_fence));
    qk_gemm<Config>(SITE(first_qk), scores, q_descriptor(), k_descriptor(first_stage));
    wgmma_commit(SITE(first_qk_commit));
    wgmma_wait<0>(SITE(first_qk_wait), scores);
    u32 word = tile_word(first_stage);
    mbarrier_arrive_if(SITE(release_first_k), barriers.k_empty(first_stage), first_lane());

    // What a tile's products start from is carried from tile to tile and changed by one instruction each: computed from the buffer's number it takes three. A
    // descriptor moves to the other buffer by an exclusive or of its low word; V's lies a constant behind K's where their buffers have one size. Q's stays, but
    // the compiler must not know: it would share the steps with the product before the loop, and each would become two instructions. At head dim 256 all are
    // carried some steps early, so that the first product's are sums as well: registers of a sum need no moving into the places where a product wants them.
    constexpr u32 kBefore = Config::kD > 128 ? 2 : 0;
    constexpr bool kOneSize = Config::kKBytes == Config::kVBytes;
    constexpr u32 kFirstK = (kSharedBase + Config::kKOffset) / 16 - kBefore, kFirstV = (kSharedBase + Config::kVOffset) / 16;
    constexpr u64 kVFromK = kFirstV - kFirstK + ((static_cast<u64>(Config::kPvLeadingBytes) - Config::kQkLeadingBytes) << 12);
    u64 q = q_descriptor() - kBefore, k = k_descriptor(first_stage ^ 1) - kBefore, v = kOneSize ? 0 : v_descriptor(first_stage ^ 1);
    u32 t = 0, stage = ring_stage(SITE(stage), it), v_parity = ring_parity(SITE(v_parity), it);
    bool exact = true;  // whether this tile's maximum is looked for: always, but with the lazy maximum
    FLEXC_NO_UNROLL
    for (;;) {
      float rescale[2];
      const bool first = t == 0, rescales = exact;
      // K's next parity is V's of the next tile. Kept, or the compiler would compute it again in every block.
      const u32 k_parity = kept(v_parity ^ stage), other_stage = stage ^ 1;
      scores_to_exponentials(item, rows, stage, v_parity, t, word, zero, exact, state, scores, rescale);
      pin<Config::kOptions.pin>(SITE(pin), state.sum[0] + state.sum[1]);
      if constexpr (Config::kOptions.lazy_maximum) exact = exact_is_due(state);
      wgmma_wait_output<0>(SITE(pv_wait), output);
      mbarrier_arrive_if(SITE(release_v), barriers.v_empty(other_stage), first_lane() & !first);
      if (rescales) rescale_output<Config>(rescale, output);
      FLEXC_UNROLL
      for (u32 i = 0; i < Config::kPacked; ++i) packed[i] = pack_pair<Config::kElement>(scores[2 * i], scores[2 * i + 1]);
      ++t;
      if (static_cast<i32>(t) == item.ranges.count) break;

      mbarrier_wait(SITE(wait_k), barriers.k_full(stage), k_parity);
      take_turn();
      wgmma_fence(SITE(qk_fence));
      qk_gemm<Config>(SITE(qk), scores, q + kBefore, k + kBefore);
      wgmma_commit(SITE(qk_commit));
      mbarrier_wait(SITE(wait_v), barriers.v_full(stage), v_parity);
      wgmma_fence(SITE(pv_fence));
      pv_gemm<Config>(SITE(pv), output, packed, kOneSize ? k + kVFromK : v);
      wgmma_commit(SITE(pv_commit));
      pass_turn();
      wgmma_wait<1>(SITE(qk_wait), scores);
      word = tile_word(stage);
      mbarrier_arrive_if(SITE(release_k), barriers.k_empty(stage), first_lane());
      v_parity = k_parity, stage ^= 1;
      q ^= zero, k ^= kFirstK ^ (kFirstK + Config::kKBytes / 16);
      if constexpr (!kOneSize) v ^= kFirstV ^ (kFirstV + Config::kVBytes / 16);
    }
    if (Config::kOutputHasRoom) mbarrier_arrive_if(SITE(release_q), barriers.q_empty(), first_lane());

    it += item.ranges.count - 1;
    const u32 last_stage = ring_stage(SITE(last_v_stage), it);
    mbarrier_wait(SITE(wait_last_v), barriers.v_full(last_stage), ring_parity(SITE(last_v_parity), it));
    wgmma_fence(SITE(last_pv_fence));
    pv_gemm<Config>(SITE(last_pv), output, packed, v_descriptor(last_stage));
    wgmma_commit(SITE(last_pv_commit));
    wgmma_wait_output<0>(SITE(last_pv_wait), output);
    mbarrier_arrive_if(SITE(release_last_v), barriers.v_empty(last_stage), first_lane());
    return it + 1;
  }
};

/// The kernel's body. Config is a Tile<...> with `static constexpr ForwardOptions kOptions`; Hooks is what was emitted for the variant.
template <class Config, class Hooks>
FLEXC_DEVICE void forward(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params) {
  if (shared_base() != kSharedBase) unexpected_machine(SITE(shared_base));
  const Barriers barriers{kSharedBase + Config::kControlOffset + arguments.zero};
  initialise_barriers<Config>(barriers);
  const u32 warp = shuffle_index(SITE(share_warp), thread_index() / 32, 0);
  if (warp < 4) {
    lower_registers<Config::kProducerRegisters>(SITE(lower_registers));
    if (warp == 0) {
      tma_prefetch_map(SITE(prefetch_q), &arguments.q_map);
      tma_prefetch_map(SITE(prefetch_k), &arguments.k_map);
      tma_prefetch_map(SITE(prefetch_v), &arguments.v_map);
      produce<Config, Hooks>(arguments, params, barriers);
    } else if constexpr (Config::kHasTable) {
      fill_tables<Config, Hooks>(arguments, params, barriers, thread_index() - 32);
    }
  } else {
    raise_registers<Config::kConsumerRegisters>(SITE(raise_registers));
    const u32 group = warp / 4 - 1, next = group + 1 == Config::kConsumers ? 0 : group + 1;
    // Opaque, or it would be computed for each tile. With three consumers a thread's register is dearer: affine scores under a band would spill.
    const u32 next_turn = Config::kConsumers == 2 ? opaque(kTurnBarrier + next) : same_in_warp(kTurnBarrier + next);
    Consumer<Config, Hooks>{arguments, params, Barriers{same_in_warp(barriers.base)}, group, warp % 4, next_turn}.run();
  }
}

}  // namespace flexc::device
