// What a worker computes in: scratch memory, allocated before the work starts, so that nothing can fail in its midst.
#pragma once

#include <cstdint>
#include <vector>

#include "templates/cpu/ahead.h"
#include "templates/cpu/bands.h"
#include "templates/cpu/scratch.h"

namespace flexc::cpu {

/// What a group's scores in a tile have become: weights over runs of columns, and what older outputs are multiplied by.
struct Weighted {
  BlockRuns runs[kBlocks];
  // Of rows; kPanel of them, since they are computed by whole vectors.
  alignas(64) float alpha[kPanel], tops[kPanel], row_terms[kPanel];  ///< tops: of the tile; row_terms: of affine scores, in tops and not in the scores
  alignas(64) float factors[kPanel], shifts[kPanel];                 ///< a weight is 2^(score * factor - shift)
  int rows = 0;  ///< that were computed
};

/// How far a group's outputs are: in O yet; written, by its last products; or those were not finite, and all of it has to be computed again.
enum class GroupEnd : std::uint8_t { Open, Written, NotFinite };

/// The state of a group of rows between tiles.
struct Group {
  GroupPlace place;
  float* q = nullptr;                                            ///< [row][head_dim in whole panels], times q_factor
  float* o = nullptr;                                            ///< [row][value_padded], not yet normalised; old once `end` is Written
  float* sums = nullptr;                                         ///< [row][16]: weights summed by column modulo 16, whatever the vectors' length
  float* s = nullptr;                                            ///< [row][s_stride]: scores, then weights, of the tile at hand; with the matrix unit then scores of the next one
  TileColumns* columns = nullptr;                                ///< what it needs of the tile at hand
  float* other_s = nullptr;                                      ///< the same for another tile, where the plan is direct
  TileColumns* other_columns = nullptr;
  Weighted weighted;                                             ///< of the tile at hand
  PanelSet seen[kBlocks] = {};                                   ///< panels of the tile, all kept, whose largest products were noted when they were computed …
  alignas(64) float seen_tops[kGroupRows * kPanel];              ///< … [row][16], by column modulo 16
  bool has_q = true;                                             ///< q is packed; by vectors it is at the first visit
  bool is_fresh = false;                                         ///< no product has touched the outputs: they count as 0, whatever lies in o
  std::int64_t last_tile = -1;                                   ///< of those that it may need; -1: it needs none
  bool writes_last = false;                                      ///< the products of that one are to be written as outputs
  GroupEnd end = GroupEnd::Open;
  GroupBand band;                                                ///< which columns the rows can keep; all, and no `rows`, where the mods have no band
  std::int64_t mask_keys[kGroupRows] = {};                       ///< of the rows, where the mods have a mask_key
  std::byte* head = nullptr;                                     ///< head level
  std::byte* q_side = nullptr;                                   ///< q_side level, [row][slot]
  alignas(64) float top[kPanel] = {};                            ///< a row's largest log2-domain logit so far
  bool saw_nan[kGroupRows] = {}, saw_infinity[kGroupRows] = {};  ///< kept scores; only the careful path looks
  bool out_of_reach[kGroupRows] = {};                            ///< of the matrix unit: q, or a column that the row keeps

  bool saw_some() const {
    bool some = false;
    for (int row = 0; row < kGroupRows; ++row) some |= saw_nan[row] | saw_infinity[row];
    return some;
  }
};

/// A row of a group, of whichever head, where a tile is computed for all rows together.
struct DirectRow {
  const float* q = nullptr;
  float *s = nullptr, *o = nullptr;
  float alpha = 1;
  const BlockRuns* runs = nullptr;
  int together = 1;  ///< rows from here on that go through P V together
};

/// Scratch memory for the matrix unit, of bf16 as 16-bit numbers. Groups' rows follow each other in it, and so do their S and o.
struct MatrixMemory {
  std::uint16_t* q = nullptr;        ///< [part][a task's rows][depth], times q_factor
  std::uint16_t* p = nullptr;        ///< weights, as matrix_values-inl.h wants them
  std::uint16_t* rows = nullptr;     ///< [16][depth]: rows of K that cannot be read where they lie: bf16, or f32 in place of two
  float* wide = nullptr;             ///< [2][max(depth, value_padded)]: rows of Q, K or V, widened
  float* o = nullptr;                ///< [kTileRows][value_padded]: a row's outputs, alone
  float* chunk = nullptr;            ///< V of kTileDepth columns, without what is removed
  Group* again = nullptr;            ///< for rows that are computed without the unit
  float* again_tile = nullptr;       ///< the vector plan's packed tile
};

/// What the block mask says of a tile to rows `first` to `end` - 1 of a head.
struct BlockRowKinds {
  std::int64_t b = 0, h = 0, tile = 0, first = 0, end = 0;
  PanelKinds kinds;
};

struct Workspace {
  bool allocate(const Plan& plan);

  std::vector<Group> groups;
  std::vector<DirectRow> direct_rows;  ///< room for a task's, of two tiles
  Scratch live;                        ///< [tile]: the groups that may need it, a GroupSet (live_tiles.h)
  BlockRowKinds block_kinds;           ///< found last
  Ahead ahead;
  std::byte* kv_side = nullptr;                                    ///< [slot][tile]
  std::int64_t kv_side_b = -1, kv_side_h = -1, kv_side_tile = -1;  ///< what it was filled for
  MatrixMemory matrix;
  float* pack_rows = nullptr;                                      ///< [16][max(head_dim in whole panels, value_padded)]: rows, widened

 private:
  bool allocate_matrix(const Plan& plan);

  Scratch s_memory_, group_memory_, level_memory_, pack_memory_, matrix_memory_;
  std::vector<TileColumns> columns_;  ///< one for all groups, or one each where several take a tile together, and two each where the plan is direct: as with S
};

/// A tile of K and V in the kernels' layout: K [panel][head_dim][16], zeros beyond the end; V [value panel][column][16], or where it lies (v_in_place).
/// For the matrix unit as matrix_parts-inl.h has them.
struct PackedTile {
  const float* k = nullptr;
  const float* v = nullptr;
  const OutOfReach* out_of_reach = nullptr;  ///< where the matrix unit has a reach
};

/// Slots are 8 bytes; each group of them starts a cache line.
inline std::int64_t slots_bytes(std::uint32_t slots) { return round_up(std::int64_t{slots} * 8, FLEXC_ROW_ALIGNMENT); }

}  // namespace flexc::cpu
