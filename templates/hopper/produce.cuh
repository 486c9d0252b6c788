// The producer's warpgroup: warp 0 takes items and brings Q, K and V by TMA; warps 1 to 3 fill the tables of columns and differences, where a variant has them.
#pragma once
#include "templates/hopper/schedule.cuh"

namespace flexc::device {

/// Waits until the buffer of use `it` is free, and starts the loads of one tile of K or V. `announce` is called by one lane between the two.
template <u32 kBytes, u32 kPanelBytes, class Announce>
FLEXC_DEVICE void load_tile(Site wait_site, Site expect_site, Site load_site, u32 full, u32 empty, u32 parity, u32 to, const void* map, i32 row,
                            i32 head, i32 batch, const Announce& announce) {
  mbarrier_wait(wait_site, empty, parity ^ 1);
  if (lane_index() == 0) {
    announce();
    mbarrier_arrive_expect_tx(expect_site, full, kBytes);
    FLEXC_NO_UNROLL
    for (u32 panel = 0; panel < kBytes / kPanelBytes; ++panel) {
      tma_load(load_site, to + panel * kPanelBytes, map, full, static_cast<i32>(panel * kPanelColumns), row, head, batch);
    }
  }
}

template <class Config, class Hooks>
FLEXC_DEVICE void produce(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, Barriers barriers) {
  u32 it = 0;     // tiles loaded so far: the use number of both rings
  u32 items = 0;  // items begun so far
  u32 number = block_index();
  while (number < arguments.items) {
    // The next item's number is asked for now: the answer takes as long as a few tiles, and is needed after them.
    u32 next = 0;
    if (lane_index() == 0) next = block_count() + atomic_add(SITE(take_item), arguments.workspace + kFlexcWorkNext, 1);

    u32 item = number;
    if constexpr (kReadsBlockMask<Hooks>) {
      if (arguments.mask_order != nullptr) item = arguments.mask_order[number];
    }
    const u32 rows = divide(item, arguments.divide_by_splits);
    const Coordinates at = coordinates_of(arguments, rows);
    const TileRanges ranges = tile_ranges<Config, Hooks>(arguments, params, at, item - rows * arguments.splits);
    const i32 kv_head = static_cast<i32>(divide(static_cast<u32>(at.head), arguments.divide_by_heads_per_kv));
    const i32 k_batch = arguments.k_batched ? at.batch : 0, v_batch = arguments.v_batched ? at.batch : 0;

    const auto load_k = [&](u32 use, i32 word) {
      const u32 stage = ring_stage(SITE(produce_k_stage), use + 1);  // K's ring begins with buffer 1: forward.cuh tells why
      load_tile<Config::kKBytes, Config::kKvPanelBytes>(
          SITE(wait_k_empty), SITE(expect_k), SITE(load_k), barriers.k_full(stage), barriers.k_empty(stage), ring_parity(SITE(produce_k_parity), use),
          kSharedBase + Config::kKOffset + stage * Config::kKBytes, &arguments.k_map, (word >> 1) * static_cast<i32>(Config::kN), kv_head, k_batch,
          [&] {
            if constexpr (kReadsBlockMask<Hooks>) shared_store(SITE(write_tile), barriers.tile(stage), static_cast<u32>(word));
          });
    };
    const auto load_v = [&](u32 use, i32 word) {
      const u32 stage = ring_stage(SITE(produce_v_stage), use);
      load_tile<Config::kVBytes, Config::kKvPanelBytes>(
          SITE(wait_v_empty), SITE(expect_v), SITE(load_v), barriers.v_full(stage), barriers.v_empty(stage), ring_parity(SITE(produce_v_parity), use),
          kSharedBase + Config::kVOffset + stage * Config::kVBytes, &arguments.v_map, (word >> 1) * static_cast<i32>(Config::kN), kv_head, v_batch, [] {});
    };

    const auto load_item = [&] {
      mbarrier_wait(SITE(wait_q_empty), barriers.q_empty(), (items & 1) ^ 1);
      if (lane_index() != 0) return;
      write_item(barriers, {item, at, ranges});
      mbarrier_arrive_expect_tx(SITE(expect_q), barriers.q_full(), Config::kQBytes);
      FLEXC_NO_UNROLL
      for (u32 panel = 0; panel < Config::kD / kPanelColumns; ++panel) {
        tma_load(SITE(load_q), kSharedBase + Config::kQOffset + panel * Config::kQPanelBytes, &arguments.q_map, barriers.q_full(),
                 static_cast<i32>(panel * kPanelColumns), at.q_block * static_cast<i32>(Config::kM), at.head, at.batch);
      }
    };

    // K's first tile goes ahead of Q, which may still be in use; then the order in which consumers wait: K of tile t, V of tile t - 1.
    TileWalk<Hooks> walk(arguments, ranges);
    i32 word = 0;
    FLEXC_NO_UNROLL
    for (u32 t = 0; static_cast<i32>(t) <= ranges.count; ++t) {
      const i32 before = word;
      if (static_cast<i32>(t) < ranges.count) load_k(it + t, word = walk.next(t));
      if (t == 0) {
        load_item();
      } else {
        load_v(it + t - 1, before);
      }
    }
    it += static_cast<u32>(ranges.count);
    ++items;
    number = shuffle_index(SITE(share_number), next, 0);
  }
  mbarrier_wait(SITE(wait_q_empty_last), barriers.q_empty(), (items & 1) ^ 1);
  if (lane_index() == 0) {
    write_item(barriers, {kNoMoreItems, {}, {}});  // whole: consumers read all of it, also where there was no item before
    mbarrier_arrive(SITE(arrive_end), barriers.q_full());
  }
}

/// The kv_side table of a tile in shared memory: 32-bit words as [word][column].
template <class Config>
struct SharedTable {
  u32 address;
  FLEXC_DEVICE u32 word(int word, int column) const {
    return shared_load(SITE(read_table), address + (static_cast<u32>(word) * Config::kN + static_cast<u32>(column)) * 4);
  }
  FLEXC_DEVICE void set(int word, int column, u32 bits) {
    shared_store(SITE(write_table), address + (static_cast<u32>(word) * Config::kN + static_cast<u32>(column)) * 4, bits);
  }
};

template <class Config>
FLEXC_DEVICE SharedTable<Config> table_of_stage(u32 stage) {
  return {kSharedBase + Config::kTableOffset + stage * Config::kTableBytes};
}

/// The table of the differences q - kv of a tile, behind the table of its columns: 32-bit words as [word][difference].
template <class Config>
struct SharedDifferences {
  u32 address;
  FLEXC_DEVICE void set(int word, int entry, u32 bits) {
    shared_store(SITE(write_difference), address + (static_cast<u32>(word) * (Config::kDifferences + 1) + static_cast<u32>(entry)) * 4, bits);
  }
};

/// What warps 1 to 3 do: for each tile that the producer loads, the tables of its columns and its differences. They share their ring with V, whose buffer
/// a consumer frees last.
template <class Config, class Hooks>
FLEXC_DEVICE void fill_tables(const flexc_hopper_arguments& arguments, const typename Hooks::Params& params, Barriers barriers, u32 fill_thread) {
  using Position = typename Hooks::Position;
  u32 it = 0;
  for (u32 items = 0;; ++items) {
    mbarrier_wait(SITE(fill_wait_item), barriers.q_full(), items & 1);
    const Item item = read_item(barriers);
    if (item.number == kNoMoreItems) return;
    mbarrier_arrive_if(SITE(fill_release_item), barriers.q_empty(), lane_index() == 0);
    const auto head = Hooks::head(params, item.at.batch, item.at.head);
    TileWalk<Hooks> walk(arguments, item.ranges);
    FLEXC_NO_UNROLL
    for (u32 t = 0; static_cast<i32>(t) < item.ranges.count; ++t, ++it) {
      const u32 stage = ring_stage(SITE(fill_stage), it);
      mbarrier_wait(SITE(fill_wait_empty), barriers.v_empty(stage), ring_parity(SITE(fill_parity), it) ^ 1);
      SharedTable<Config> table = table_of_stage<Config>(stage);
      const i32 base = (walk.next(t) >> 1) * static_cast<i32>(Config::kN);
      if constexpr (Config::kSlots > 0) {
        FLEXC_NO_UNROLL
        for (u32 column = fill_thread; column < Config::kN; column += kFillWarps * 32)
          Hooks::kv_side(params, head, static_cast<Position>(arguments.kv_offset + base + static_cast<i32>(column)), table, static_cast<int>(column));
      }
      if constexpr (Config::kRelativeWords > 0) {
        SharedDifferences<Config> differences{table.address + Config::kColumnBytes};
        // Unsigned: the offsets are any two numbers of 64 bits, and differences wrap.
        const i64 least = static_cast<i64>(static_cast<u64>(arguments.q_offset) - static_cast<u64>(arguments.kv_offset)) + item.at.q_block * static_cast<i64>(Config::kM) - base -
                          static_cast<i64>(Config::kN - 1);
        FLEXC_NO_UNROLL
        for (u32 entry = fill_thread; entry < Config::kDifferences; entry += kFillWarps * 32)
          Hooks::relative(params, head, static_cast<Position>(least + static_cast<i32>(entry)), differences, static_cast<int>(entry));
      }
      warp_sync(SITE(fill_done));
      mbarrier_arrive_if(SITE(fill_arrive), barriers.table_full(stage), lane_index() == 0);
    }
  }
}

}  // namespace flexc::device
