// The first bytes of shared memory: the barriers between producer and consumers, and the work item that the producer hands over.
#pragma once
#include "templates/hopper/primitives.cuh"

namespace flexc::device {

/// Addresses of the barriers. *Full* barriers complete when data has arrived, *empty* ones when the consumers have let go of a buffer.
struct Barriers {
  u32 base;  // kSharedBase + kControlOffset, in a form that the compiler takes for unknown: then offsets fold into the barrier instructions

  FLEXC_DEVICE u32 q_full() const { return base; }       // Q and the item; arrivals: the producer
  FLEXC_DEVICE u32 q_empty() const { return base + 8; }  // kQReaders
  FLEXC_DEVICE u32 k_full(u32 stage) const { return base + 16 + stage * 8; }
  FLEXC_DEVICE u32 k_empty(u32 stage) const { return base + 32 + stage * 8; }  // arrivals: the consumer warps
  FLEXC_DEVICE u32 v_full(u32 stage) const { return base + 48 + stage * 8; }
  FLEXC_DEVICE u32 v_empty(u32 stage) const { return base + 64 + (stage ^ 1) * 8; }  // in turned order: a tile waits for buffers of one number and lets go of the other V
  FLEXC_DEVICE u32 table_full(u32 stage) const { return base + 80 + stage * 8; }  // arrivals: the warps that fill the table; emptied with V
  FLEXC_DEVICE u32 tile(u32 stage) const { return base + 96 + stage * 8; }  // which tile of keys K's buffer holds (TileWalk), a word of 8 bytes, for members that read block masks
  FLEXC_DEVICE u32 item(u32 word) const { return base + 128 + word * 4; }
};

// Named barriers: 1 to kConsumers hold a warpgroup until its turn to issue products, kStoreBarrier and up are each warpgroup's own.
inline constexpr u32 kTurnBarrier = 1;
inline constexpr u32 kStoreBarrier = 4;

inline constexpr u32 kFillWarps = 3;  // warps 1 to 3 of the producer's warpgroup fill the tables

/// Who has to let go of Q and of the item before the next ones come: one thread a warpgroup once the output has left Q's bytes, or each consumer warp
/// once its last product with Q is done; and the warps that fill tables.
template <class Config>
inline constexpr u32 kQReaders = (Config::kOutputHasRoom ? 4 * Config::kConsumers : Config::kConsumers) + (Config::kHasTable ? kFillWarps : 0);

template <class Config>
FLEXC_DEVICE void initialise_barriers(Barriers barriers) {
  constexpr u32 kConsumerWarps = 4 * Config::kConsumers;
  if (thread_index() == 0) {
    mbarrier_init(SITE(init_q_full), barriers.q_full(), 1);
    mbarrier_init(SITE(init_q_empty), barriers.q_empty(), kQReaders<Config>);
    for (u32 stage = 0; stage < kStages; ++stage) {
      mbarrier_init(SITE(init_k_full), barriers.k_full(stage), 1);
      mbarrier_init(SITE(init_k_empty), barriers.k_empty(stage), kConsumerWarps);
      mbarrier_init(SITE(init_v_full), barriers.v_full(stage), 1);
      mbarrier_init(SITE(init_v_empty), barriers.v_empty(stage), kConsumerWarps);
      if (Config::kHasTable) mbarrier_init(SITE(init_table_full), barriers.table_full(stage), kFillWarps);
    }
    mbarrier_init_fence(SITE(init_fence));
  }
  block_sync(SITE(init_sync));
}

}  // namespace flexc::device
