// What is fixed for a call before any tile is computed: tile sizes, paddings, the units and tasks of work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "templates/cpu/attention.h"

namespace flexc::cpu {

inline constexpr std::int64_t kPanel = 16;     ///< columns that are multiplied together: two AVX2 vectors, one of AVX-512
inline constexpr std::int64_t kBlockRows = 4;  ///< rows that are multiplied together: 4 x 16 needs eight AVX2 accumulators
inline constexpr std::int64_t kGroupRows = 8;  ///< rows that share a trip through a tile: two blocks, so K is read from L2 once for both
inline constexpr std::int64_t kBlocks = kGroupRows / kBlockRows;
inline constexpr std::int64_t kTaskGroups = 8;  ///< groups of a task: 64 rows share a tile in L2
/// The same where a tile comes from the last cache, which is hardly faster than 64 rows compute (with the matrix unit always, since a task's first scores are computed with nothing
/// beside them), if there are so many tasks a thread: the largest that leave so many.
inline constexpr std::int64_t kLargeTaskGroups = 16, kLargestTaskGroups = 32, kLargeTasksAThread = 16;
inline constexpr std::int64_t kMaxTile = 512;   ///< columns; eight rows of S then take half of a 32 KiB L1
inline constexpr std::int64_t kMinTile = 64;
/// Packed K and V of a tile: half of a 512 KiB L2; with the matrix unit, whose processors have 2 MiB, what leaves room there for the next one.
inline constexpr std::int64_t kTileBytes = 256 * 1024, kMatrixTileBytes = 384 * 1024;
/// Rows of a unit from which the matrix unit is worth its packing, and that go through it together.
inline constexpr std::int64_t kMatrixRows = 32;
inline constexpr std::int64_t kMatrixGroups = kMatrixRows / kGroupRows;
/// Chunks of columns whose weights are found together, while those of the chunks before are multiplied: exponentials and the unit work side by side.
inline constexpr std::int64_t kChunksTogether = 2;
/// K and V of a unit, as they are multiplied, up to which all of them stay in L2.
inline constexpr std::int64_t kNearBytes = 1024 * 1024;
inline constexpr std::int64_t kMaxPanels = kMaxTile / kPanel;
/// Rows a head up to which K and V are read where they lie: up to here that costs less than the products of eight rows …
inline constexpr std::int64_t kDirectRows = 4;
/// … and rows of all heads that share K and V up to which it costs less than packing: of f32, and of 16-bit numbers, which are widened anew for every four rows.
inline constexpr std::int64_t kDirectUnitRows = 16, kDirectHalfUnitRows = 8;
/// Few rows are cut along the keys into splits, so that there are about this many pieces of work, none of less than so many tiles; with the matrix unit, columns.
inline constexpr std::int64_t kSplitRows = 16, kSplitPieces = 64, kLeastSplitTiles = 8, kLeastSplitColumns = 2048;
inline constexpr double kLog2e = 1.4426950408889634074;
inline constexpr double kLn2 = 0.69314718055994530942;

constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }
constexpr std::int64_t divide_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step; }

/// Columns of a tile, of so many bytes each and at most `most` bytes. They decide when a row is rescaled and so the result's bits: they follow from the widths and the type alone.
constexpr std::int64_t tile_columns(std::int64_t column_bytes, std::int64_t most) {
  std::int64_t columns = kMaxTile;
  while (columns > kMinTile && columns * column_bytes > most) columns /= 2;
  return columns;
}

/// How products go through the matrix unit (matrix_parts-inl.h).
struct MatrixPlan {
  bool used = false;
  int parts = 0;           ///< bf16 that q, k and v are cut into: bf16 1, f16 2, f32 3
  std::int64_t depth = 0;  ///< head_dim, in whole tiles
  /// Rows that meet an input beyond the unit's reach are computed without it: in f32. 16-bit inputs all go through it, and products that leave f32's range are mended.
  bool has_reach() const { return parts == 3; }
  /// Products of parts that make up one of numbers, and whether weights are found between them (matrix_values-inl.h).
  constexpr std::size_t products() const { return parts == 3 ? 6 : parts == 2 ? 4 : 1; }
  constexpr bool weighs_ahead() const { return parts == 3; }
};
/// Parts of a weight, which is computed in f32: so the error of its being cut is 2^-16 of it, not bf16's 2^-9, and none where inputs are f32 too.
constexpr int weight_parts(int parts) { return parts == 3 ? 3 : 2; }
/// The widest head that goes through the unit in f32: with it no sum of products of inputs within reach leaves f32's range.
inline constexpr std::int64_t kWidestReach = 4096;

/// A unit is all that shares one K and V head: the query heads of a (b, kv head). Its rows are cut into groups of eight, none of
/// which spans two heads, and a task is a run of groups.
struct Plan {
  AttentionArguments call;
  flexc_row_module module = {};
  flexc_row_launch launch = {};
  std::int64_t tile = 0, tiles = 0;         ///< columns of a tile; tiles
  std::int64_t value_padded = 0;            ///< value_dim, in whole panels
  std::int64_t s_stride = 0;                ///< floats from a row of S to the next; not a power of two, so that rows fall into different sets of L1
  std::int64_t k_floats = 0, v_floats = 0;  ///< of a packed tile; no v_floats where V is multiplied where it lies
  std::int64_t note_floats = 0;             ///< behind them: the OutOfReach of the tile, where the matrix unit has a reach
  bool v_in_place = false;                  ///< V's rows of f32 follow each other and are whole panels: they need no packing
  std::int64_t v_step = 0, v_panel = 0;     ///< floats from a column's values to the next one's; from a panel of values to the next
  std::int64_t heads_per_unit = 0, units = 0;
  std::int64_t task_groups = kTaskGroups;  ///< groups of a task; more with the matrix unit and where tiles come from afar, by the number of threads, and no result depends on it
  std::int64_t groups_per_head = 0, groups_per_unit = 0, tasks_per_unit = 0;
  bool direct = false;                      ///< K and V are read where they lie: the products of direct-inl.h
  bool short_turns = false;                 ///< … and in turns of a KiB where rows are few: on machines with a matrix unit (reading_order)
  std::int64_t splits = 1, split_tiles = 0;  ///< pieces that the keys of a task are cut into, by position; tiles of each
  float q_factor = 1;  ///< multiplies q when it is packed
  float s_factor = 1;  ///< multiplies q . k: 1 unless the scale is too extreme to be folded into q, or 16-bit q go to the matrix unit
  MatrixPlan matrix;
  const Plan* by_vectors = nullptr;  ///< of a plan with the matrix unit: the same call without it, by the same tiles

  /// The call's block mask, where it can say more than the rows' bands: with nothing but bands they are the mask.
  const BlockMask* block_mask() const { return module.mask_row ? call.mask : nullptr; }
  /// Whether a row ends with nothing but its outputs' division by the sum of its weights.
  bool has_plain_ends() const { return !call.sink && !call.lse.data && !call.max_scores.data; }
  /// Whether outputs are as P V computes them, so that a group's last products can be written as outputs.
  bool writes_products() const { return call.dtype == DType::F32 && call.value_dim == value_padded; }
  std::int64_t tile_floats() const { return k_floats + v_floats + note_floats; }
  std::int64_t unit_floats() const { return tiles * tile_floats(); }
  /// Whether all of a unit's tiles stay in L2, with V where it lies in place.
  bool stays_near() const { return (unit_floats() + (v_in_place ? call.kv_len * call.value_dim : 0)) * static_cast<std::int64_t>(sizeof(float)) <= kNearBytes; }
  /// Rows of a task at most, and floats of the state of one (split-inl.h).
  std::int64_t task_rows() const { return std::min(task_groups, groups_per_unit) * std::min(kGroupRows, call.q_len); }
  std::int64_t state_floats() const { return value_padded + 2 * kPanel; }
  std::int64_t tile_count(std::int64_t index) const { return std::min(tile, call.kv_len - index * tile); }
};

/// Of arguments that have been checked; `matrix_unit`: the kernels have one; `threads`: that will compute.
Plan make_plan(const AttentionArguments& call, bool matrix_unit = false, std::int64_t threads = 1);

/// The same without the matrix unit, for what has to be computed again (visit_matrix-inl.h). Tiles and splits stay.
Plan without_matrix_unit(const Plan& plan);

/// Where a group's rows are.
struct GroupPlace {
  std::int64_t b = 0, h = 0, kv_h = 0;
  std::int64_t first = 0;  ///< row
  int rows = 0;            ///< 1 to kGroupRows
};

inline GroupPlace place_of(const Plan& plan, std::int64_t unit, std::int64_t group) {
  GroupPlace place;
  place.b = unit / plan.call.kv_heads;
  place.kv_h = unit % plan.call.kv_heads;
  place.h = place.kv_h * plan.heads_per_unit + group / plan.groups_per_head;
  place.first = group % plan.groups_per_head * kGroupRows;
  place.rows = static_cast<int>(std::min(kGroupRows, plan.call.q_len - place.first));
  return place;
}

/// The place of the group that comes next in the same unit. Without place_of's divisions.
inline GroupPlace place_after(const Plan& plan, GroupPlace place) {
  place.first += kGroupRows;
  if (place.first >= plan.call.q_len) place.first = 0, ++place.h;
  place.rows = static_cast<int>(std::min(kGroupRows, plan.call.q_len - place.first));
  return place;
}

inline std::size_t element_size(const Plan& plan) { return size_of(plan.call.dtype); }

/// Address of row `row` of head `h`, in bytes: offsets are 64-bit throughout.
inline const std::byte* row_address(const Plan& plan, const Input& tensor, std::int64_t b, std::int64_t h, std::int64_t row) {
  const std::int64_t offset = b * tensor.strides.batch + h * tensor.strides.head + row * tensor.strides.row;
  return static_cast<const std::byte*>(tensor.data) + offset * static_cast<std::int64_t>(element_size(plan));
}

/// The same of an output, for a row counted from `place`.
inline std::byte* output_address(const Plan& plan, const GroupPlace& place, std::int64_t row) {
  const Output& out = plan.call.out;
  const std::int64_t offset = place.b * out.strides.batch + place.h * out.strides.head + (place.first + row) * out.strides.row;
  return static_cast<std::byte*>(out.data) + offset * static_cast<std::int64_t>(element_size(plan));
}

}  // namespace flexc::cpu
