// Where a group's q and a tile's packed K and V come from. Included once for each instruction set.
#if defined(FLEXC_CPU_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_TILES_INL_H_
#undef FLEXC_CPU_TILES_INL_H_
#else
#define FLEXC_CPU_TILES_INL_H_
#endif

#include "templates/cpu/direct-inl.h"
#include "templates/cpu/kernels.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/matrix-inl.h"
#include "templates/cpu/mods.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

/// A tile of the K and V that a group at `place` attends to.
inline void pack_tile(const Plan& plan, const Workspace& workspace, const GroupPlace& place, std::int64_t tile, float* target) {
  const std::int64_t b = place.b, h = place.kv_h, first = tile * plan.tile, count = plan.tile_count(tile);
  if (plan.matrix.used) {
    OutOfReach out_of_reach;
    with_parts(plan, [&]<int kParts>() {
      split_k<kParts>(plan, b, h, first, count, workspace.matrix, target, out_of_reach.k);
      split_v<kParts>(plan, b, h, first, count, workspace.matrix, target + plan.k_floats, out_of_reach.v);
    });
    if (plan.note_floats != 0) std::memcpy(target + plan.k_floats + plan.v_floats, &out_of_reach, sizeof out_of_reach);
    return;
  }
  pack_k(plan, b, h, first, count, workspace.pack_rows, target);
  if (!plan.v_in_place) pack_v(plan, b, h, first, count, workspace.pack_rows, target + plan.k_floats);
}

/// The group `in_task` of a task. By vectors its q is packed at its first visit, right before it is used.
inline void start_group(const Plan& plan, Workspace& workspace, const GroupPlace& place, std::int64_t in_task, Group& group) {
  group.place = place;
  if (plan.matrix.used)
    with_parts(plan, [&]<int kParts>() { split_q<kParts>(plan, group, in_task, workspace.matrix); });
  else if (plan.direct)
    pack_q(plan, group, group.place.rows);
  group.has_q = plan.matrix.used || plan.direct;
  enter_group(plan, group);
}

/// Sees to it that a tile that all workers share is packed. Where another one is at it, this one packs the next of the unit's tiles meanwhile: it
/// will mostly need it too.
inline void pack_shared(const Plan& plan, Workspace& workspace, const TileSource& source, const GroupPlace& place, std::int64_t tile) {
  const auto pack = [&](std::int64_t at) {
    TileState expected = TileState::Unpacked;
    if (!source.states[at].compare_exchange_strong(expected, TileState::Taken, std::memory_order_relaxed)) return false;
    pack_tile(plan, workspace, place, at, source.shared + at * plan.tile_floats());
    source.states[at].store(TileState::Packed, std::memory_order_release);
    source.states[at].notify_all();
    return true;
  };
  if (source.states[tile].load(std::memory_order_acquire) == TileState::Packed || pack(tile)) return;
  if (tile + 1 < plan.tiles) pack(tile + 1);
  source.states[tile].wait(TileState::Taken, std::memory_order_acquire);
}

/// Where a tile of a unit lies packed, or will; null where tiles take turns in the same memory.
inline const float* place_of_tile(const Plan& plan, const TileSource& source, std::int64_t tile) {
  if (source.shared) return source.shared + tile * plan.tile_floats();
  return source.slots == plan.tiles ? source.own + tile * plan.tile_floats() : nullptr;
}

/// Whether packing `next` leaves `tile` where it is.
inline bool can_hold_both(const TileSource& source, std::int64_t tile, std::int64_t next) { return source.shared || tile == next || source.slot_of(tile) != source.slot_of(next); }

/// A tile of the K and V that a group at `place` attends to, packed where it is not yet. Nothing is divided: it is asked for at each visit.
inline PackedTile packed_tile(const Plan& plan, Workspace& workspace, const TileSource& source, const GroupPlace& place, std::int64_t tile) {
  const std::int64_t floats = plan.tile_floats();
  const auto with_values = [&](const float* k) -> PackedTile {
    if (!plan.v_in_place) return {k, k + plan.k_floats, plan.note_floats != 0 ? reinterpret_cast<const OutOfReach*>(k + plan.k_floats + plan.v_floats) : nullptr};
    return {k, reinterpret_cast<const float*>(row_address(plan, plan.call.v, place.b, place.kv_h, tile * plan.tile))};
  };
  if (source.shared) {
    pack_shared(plan, workspace, source, place, tile);
    return with_values(source.shared + tile * floats);
  }
  const std::int64_t slot = source.slot_of(tile);
  float* memory = source.own + slot * floats;
  if (source.held[slot] != tile) {
    pack_tile(plan, workspace, place, tile, memory);
    source.held[slot] = tile;
  }
  return with_values(memory);
}

/// Has the tile that comes after `tile` brought near while that one is computed, where a unit's tiles do not stay near anyway. After the last one the first: tasks follow each
/// other that mostly need the same tiles.
inline void follow_next_tile(const Plan& plan, Workspace& workspace, const TileSource& source, const LiveTiles& tiles, std::int64_t tile, std::int64_t groups) {
  constexpr std::int64_t kFloat = sizeof(float);
  workspace.ahead.follow_no_tile();
  if (plan.stays_near()) return;
  do ++tile;
  while (tile < tiles.all.end && tiles.live[tile] == 0);
  if (tile == tiles.all.end) tile = tiles.all.first;
  const float* const packed = place_of_tile(plan, source, tile);
  if (!packed) return;
  const std::byte* values = nullptr;
  std::int64_t value_bytes = 0;
  if (plan.v_in_place) {
    const GroupPlace& place = workspace.groups.front().place;
    values = row_address(plan, plan.call.v, place.b, place.kv_h, tile * plan.tile);
    value_bytes = plan.tile_count(tile) * plan.call.value_dim * kFloat;
  }
  const auto* const bytes = reinterpret_cast<const std::byte*>(packed);
  if (plan.matrix.used)
    workspace.ahead.follow_tile(bytes, plan.tile_floats() * kFloat, groups * steps_a_tile(plan));
  else
    workspace.ahead.stream_tile(bytes, plan.tile_floats() * kFloat, values, value_bytes, groups * iterations_a_tile(plan));
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
