// The algorithm: a group of rows goes through the tiles of its keys, with an online softmax. Included once for each instruction set.
#if defined(FLEXC_CPU_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_GROUP_INL_H_
#undef FLEXC_CPU_GROUP_INL_H_
#else
#define FLEXC_CPU_GROUP_INL_H_
#endif

#include <cmath>
#include <type_traits>

#include "templates/cpu/finish.h"
#include "templates/cpu/flush_tiny.h"
#include "templates/cpu/kernels.h"
#include "templates/cpu/mods.h"
#include "templates/cpu/direct-inl.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/matrix-inl.h"
#include "templates/cpu/split-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

inline void pack_tile(const Plan& plan, const Workspace& workspace, std::int64_t unit, std::int64_t tile, float* target) {
  const std::int64_t b = unit / plan.call.kv_heads, h = unit % plan.call.kv_heads, first = tile * plan.tile, count = plan.tile_count(tile);
  if (plan.matrix.used) {
    with_parts(plan, [&]<int kParts>() {
      split_k<kParts>(plan, b, h, first, count, workspace.matrix, target);
      split_v<kParts>(plan, b, h, first, count, workspace.matrix, target + plan.k_floats);
    });
    return;
  }
  pack_k(plan, b, h, first, count, workspace.pack_rows, target);
  if (!plan.v_in_place) pack_v(plan, b, h, first, count, workspace.pack_rows, target + plan.k_floats);
}

/// The group `in_task` of a task, the group `index` of its unit.
inline void start_group(const Plan& plan, Workspace& workspace, std::int64_t unit, std::int64_t index, std::int64_t in_task, Group& group) {
  group.place = place_of(plan, unit, index);
  if (plan.matrix.used)
    with_parts(plan, [&]<int kParts>() { split_q<kParts>(plan, group, in_task, workspace.matrix); });
  else
    plan.direct ? copy_q(plan, group) : pack_q(plan, group, workspace.pack_rows);
  enter_group(plan, group);
}

inline void clear_group(const Plan& plan, Group& group) {
  std::fill(group.o, group.o + kGroupRows * plan.value_padded, 0.0f);
  std::fill(group.sums, group.sums + kGroupRows * kPanel, 0.0f);
  std::fill(group.top, group.top + kGroupRows, kMinusInfinity);
}

/// Sees to it that a tile that all workers share is packed. Where another one is at it, this one packs the next of the unit's tiles meanwhile: it
/// will mostly need it too.
inline void pack_shared(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile) {
  const auto pack = [&](std::int64_t at) {
    TileState expected = TileState::Unpacked;
    if (!source.states[at].compare_exchange_strong(expected, TileState::Taken, std::memory_order_relaxed)) return false;
    pack_tile(plan, workspace, unit, at, source.shared + at * (plan.k_floats + plan.v_floats));
    source.states[at].store(TileState::Packed, std::memory_order_release);
    source.states[at].notify_all();
    return true;
  };
  if (source.states[tile].load(std::memory_order_acquire) == TileState::Packed || pack(tile)) return;
  if (tile + 1 < plan.tiles) pack(tile + 1);
  source.states[tile].wait(TileState::Taken, std::memory_order_acquire);
}

inline PackedTile packed_tile(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile) {
  const std::int64_t floats = plan.k_floats + plan.v_floats;
  const auto with_values = [&](const float* k) -> PackedTile {
    if (!plan.v_in_place) return {k, k + plan.k_floats};
    return {k, reinterpret_cast<const float*>(row_address(plan, plan.call.v, unit / plan.call.kv_heads, unit % plan.call.kv_heads, tile * plan.tile))};
  };
  if (source.shared) {
    pack_shared(plan, workspace, source, unit, tile);
    return with_values(source.shared + tile * floats);
  }
  const std::int64_t slot = tile % source.slots;
  float* memory = source.own + slot * floats;
  if (source.held[slot] != tile) {
    pack_tile(plan, workspace, unit, tile, memory);
    source.held[slot] = tile;
  }
  return with_values(memory);
}

/// S = Q K for the active panels. Both blocks of rows take a panel while it is in L1. What lies in S elsewhere is never looked at.
inline void products_qk(const Plan& plan, const Group& group, const TileColumns& columns, const float* k, float* s, Ahead& ahead) {
  const auto width = static_cast<std::size_t>(plan.call.head_dim), stride = static_cast<std::size_t>(plan.s_stride);
  const auto s_block = static_cast<std::size_t>(kBlockRows) * stride, q_block = static_cast<std::size_t>(kBlockRows) * width;
  const auto k_at = [&](int panel) { return k + static_cast<std::size_t>(panel * kPanel) * width; };
  for (PanelSet rest = columns.active[0] | columns.active[1]; rest != 0;) {
    const int first = std::countr_zero(rest);
    rest &= rest - 1;
    ahead.step(plan);
    if constexpr (kBothBlocks) {  // two panels of one vector each
      PanelSet taken = PanelSet{1} << first;
      int second = first;
      if (rest != 0) {
        second = std::countr_zero(rest);
        rest &= rest - 1;
        taken |= PanelSet{1} << second;
      }
      const PanelSet mine[kBlocks] = {columns.active[0] & taken, columns.active[1] & taken};
      // Next to a diagonal a block may need one of the two alone.
      const auto multiply = [&]<int kRows>(PanelSet panels, std::size_t block) {
        const float* const q = group.q + block * q_block;
        float* const s_row = s + block * s_block;
        const int only = (panels >> first & 1) != 0 ? first : second;
        if (second != first && panels == taken)
          multiply_qk_chunks<kRows, 2>(q, q_block, k_at(first), k_at(second), width, s_row + first * kPanel, s_row + second * kPanel, stride);
        else
          multiply_qk_chunks<kRows, 1>(q, q_block, k_at(only), k_at(only), width, s_row + only * kPanel, s_row + only * kPanel, stride);
      };
      if (mine[0] == mine[1]) {
        multiply.template operator()<kGroupRows>(taken, 0);
        continue;
      }
      for (std::size_t block = 0; block < static_cast<std::size_t>(kBlocks); ++block)
        if (mine[block] != 0) multiply.template operator()<kBlockRows>(mine[block], block);
    } else {
      for (std::size_t block = 0; block < static_cast<std::size_t>(kBlocks); ++block) {
        if ((columns.active[block] >> first & 1) == 0) continue;
        float* const s_row = s + block * s_block + first * kPanel;
        for (std::size_t lane = 0; lane < static_cast<std::size_t>(kPanel); lane += 2 * kLanes)
          multiply_qk_chunks<kBlockRows, 2>(group.q + block * q_block, q_block, k_at(first) + lane, k_at(first) + lane + kLanes, width, s_row + lane,
                                            s_row + lane + kLanes, stride);
      }
    }
  }
}

/// O = O alpha + P V for kRows rows over runs of columns.
template <int kRows>
inline void multiply_values(const Plan& plan, const float* p, const float* v, const Run* runs, int run_count, const float* alpha, float* o) {
  const auto stride = static_cast<std::size_t>(plan.s_stride), width = static_cast<std::size_t>(plan.value_padded);
  const auto v_panel = static_cast<std::size_t>(plan.v_panel), v_step = static_cast<std::size_t>(plan.v_step);
  constexpr std::size_t kStep = 2 * kLanes;
  const auto v_at = [&](std::size_t column) { return v + column / kPanel * v_panel + column % kPanel; };
  std::size_t column = 0;
  for (; column + kStep <= width; column += kStep)
    multiply_pv<kRows, 2>(p, stride, v_at(column), v_at(column + kLanes), v_step, runs, run_count, alpha, o + column, o + column + kLanes, width);
  for (; column < width; column += kLanes)
    multiply_pv<kRows, 1>(p, stride, v_at(column), v_at(column), v_step, runs, run_count, alpha, o + column, o + column, width);
}

/// O = O alpha + P V for a group, each block over its own runs of columns; a block without runs is left alone. What both need they do together.
inline void products_pv(const Plan& plan, const float* p, const float* v, const BlockRuns (&runs)[kBlocks], const float* alpha, float* o) {
  const auto one_block = [&](int block, const Run* its_runs, int count, const float* its_alpha) {
    multiply_values<kBlockRows>(plan, p + block * kBlockRows * plan.s_stride, v, its_runs, count, its_alpha, o + block * kBlockRows * plan.value_padded);
  };
  if constexpr (kBothBlocks) {
    PhaseList phases;
    if (phases.find(runs[0], runs[1])) {
      // A block's old outputs are scaled in its first phase.
      alignas(64) static constexpr float kOnes[kGroupRows] = {1, 1, 1, 1, 1, 1, 1, 1};
      unsigned scaled = 0;
      for (int i = 0; i < phases.count; ++i) {
        const Phase& phase = phases.phases[static_cast<std::size_t>(i)];
        const Run* const its_runs = phases.runs.data() + phase.first;
        if (phase.blocks != 3) {
          const int block = phase.blocks == 1 ? 0 : 1;
          one_block(block, its_runs, phase.count, (scaled & phase.blocks) != 0 ? kOnes : alpha + block * kBlockRows);
        } else {
          alignas(64) float factors[kGroupRows];
          for (int row = 0; row < kGroupRows; ++row) factors[row] = (scaled >> (row / kBlockRows) & 1) != 0 ? 1.0f : alpha[row];
          multiply_values<kGroupRows>(plan, p, v, its_runs, phase.count, factors, o);
        }
        scaled |= phase.blocks;
      }
      return;
    }
  }
  for (int block = 0; block < kBlocks; ++block)
    if (runs[block].count != 0) one_block(block, runs[block].runs.data(), runs[block].count, alpha + block * kBlockRows);
}

/// The careful path's look at a row of finished scores: notes NaN and +inf, and takes scores of -inf out of `keep`.
inline void inspect_scores(const float* s, Group& group, int row, KeepWords& keep) {
  for (std::size_t word = 0; word < kKeepWords; ++word)
    for (std::uint64_t bits = keep[word]; bits != 0; bits &= bits - 1) {
      const float score = s[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
      if (score != score)
        group.saw_nan[row] = true;
      else if (score == -kMinusInfinity)
        group.saw_infinity[row] = true;
      else if (score == kMinusInfinity)
        keep[word] &= ~(bits & -bits);
    }
}

/// The panels of a block of rows, as finishing its scores takes them.
inline RowPanels row_panels(const TileColumns& columns, int block) {
  RowPanels panels;
  panels.full_run_count = runs_of(columns.active[block] & columns.full[block], panels.full_runs);
  panels.masked = columns.active[block] & ~columns.full[block];
  return panels;
}

/// Replaces the kept products of a row that are not finite by what they are without the matrix unit: of q times q_factor, and times s_factor. On the unit a product may leave
/// f32's range that the scale would have kept in it, and in parts an infinity times 0 is a NaN.
inline void mend_products(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const Group& group, int row, float q_factor, float s_factor) {
  const GroupPlace& place = group.place;
  const std::int64_t width = plan.call.head_dim;
  float *const scores = group.s + row * plan.s_stride, *const q = memory.wide, *const k = memory.wide + width;
  bool has_q = false;
  for (std::size_t word = 0; word < kKeepWords; ++word)
    for (std::uint64_t bits = group.columns->keep[row][word]; bits != 0; bits &= bits - 1) {
      const std::int64_t column = static_cast<std::int64_t>(word) * 64 + std::countr_zero(bits);
      if (std::isfinite(scores[column])) continue;
      if (!has_q) widen_row(plan.call.dtype, row_address(plan, plan.call.q, place.b, place.h, place.first + std::min(row, place.rows - 1)), width, q);
      has_q = true;
      widen_row(plan.call.dtype, row_address(plan, plan.call.k, place.b, place.kv_h, tile * plan.tile + column), width, k);
      float product = 0;
      for (std::int64_t i = 0; i < width; ++i) product = std::fma(q[i] * q_factor, k[i], product);
      scores[column] = product * s_factor;
    }
}

/// Up to here a factor may come with the exponential.
inline constexpr float kLargestLateScore = 0x1p24f;

/// Products → finished scores, the rows' maxima, and how their weights follow.
inline void finish_group_scores(const Plan& plan, Workspace& workspace, std::int64_t tile, Group& group, bool careful) {
  Weighted& result = group.weighted;
  TileColumns& columns = *group.columns;
  float* const s = group.s;
  BlockRuns(&runs)[kBlocks] = result.runs;
  const int rows_computed = result.rows = plan.direct ? group.place.rows : static_cast<int>(kGroupRows);
  const bool is_affine = plan.module.score_class == FLEXC_SCORE_AFFINE;
  const bool on_unit = plan.matrix.used;
  // Where nobody looks at the scores the factor comes with the exponential, as long as it keeps their order.
  const bool is_late = on_unit && plan.module.score_class == FLEXC_SCORE_IDENTITY && plan.s_factor > 0;
  for (int block = 0; block < kBlocks; ++block) {
    runs[block].count = runs_of(columns.active[block], runs[block].runs);
    if (plan.s_factor == 1.0f || is_late) continue;
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, rows_computed); ++row)
      multiply_scores(s + row * plan.s_stride, runs[block].runs.data(), runs[block].count, plan.s_factor);
  }
  if (plan.module.score_class == FLEXC_SCORE_GENERAL) {
    // Before a mod can see them: it need not let a NaN be seen.
    for (int block = 0; block < kBlocks && on_unit; ++block) {
      if (columns.active[block] == 0) continue;
      const RowPanels panels = row_panels(columns, block);
      for (int row = block * kBlockRows; row < (block + 1) * kBlockRows; ++row)
        if (some_not_finite(s + row * plan.s_stride, panels, columns.keep[row])) mend_products(plan, workspace.matrix, tile, group, row, plan.by_vectors->q_factor, plan.by_vectors->s_factor);
    }
    rewrite_scores(plan, workspace, group, tile);
  }

  // All maxima first, then all factors, then all exponentials: none waits for another's end.
  alignas(64) float tops[kPanel], row_terms[kGroupRows] = {}, bases[kPanel];
  float(&factors)[kGroupRows] = result.factors;
  std::fill(factors, factors + kGroupRows, is_late ? plan.s_factor : 1.0f);
  float(&alpha)[kPanel] = result.alpha;
  std::fill(tops, tops + kPanel, kMinusInfinity);
  for (int block = 0; block < kBlocks; ++block) {
    if (columns.active[block] == 0) continue;
    const RowPanels panels = row_panels(columns, block);
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, rows_computed); ++row) {
      float* const scores = s + row * plan.s_stride;
      if (is_affine) {
        // Rows beyond the last one have no position: they take the last one's numbers, and are thrown away.
        // Counted from the row's first kept column, no term is much larger than the largest kept score: from the tile's first one,
        // a window far into the tile would be the small difference of two large numbers.
        const int origin = first_kept(columns.keep[row]);
        const flexc_row_affine affine = affine_of(plan, workspace, group, tile, std::min(row, group.place.rows - 1), origin);
        if (is_usable(affine, plan.tile) || !plan.module.score_row) {
          tops[row] = finish_scores<true>(scores, panels, columns.keep[row], {affine.factor, affine.slope, static_cast<float>(origin)}) + affine.row;
          row_terms[row] = affine.row;
        } else {
          multiply_scores(scores, runs[block].runs.data(), runs[block].count, plan.launch.scale);
          if (on_unit && some_not_finite(scores, panels, columns.keep[row])) mend_products(plan, workspace.matrix, tile, group, row, 1.0f, plan.launch.scale);
          if (row < group.place.rows) rewrite_row(plan, workspace, group, tile, row);
          tops[row] = finish_scores<false>(scores, panels, columns.keep[row], {});
        }
      } else {
        // The product of a kept pair that is -inf would only weigh nothing, and not be noticed.
        bool lost = false;
        const bool looks = on_unit && plan.module.score_class == FLEXC_SCORE_IDENTITY;
        tops[row] = factors[row] * (looks ? finish_scores<false, true>(scores, panels, columns.keep[row], {}, &lost) : finish_scores<false>(scores, panels, columns.keep[row], {}));
        // Late, the largest score's exponent is not 0 but what the product's rounding left, which must be small beside 2^7. Larger scores, and inf - inf, are to be
        // as they are without the unit.
        if (lost || (is_late && !(std::abs(tops[row]) < kLargestLateScore) && tops[row] != kMinusInfinity)) {
          multiply_scores(scores, runs[block].runs.data(), runs[block].count, factors[row]);
          if (lost) mend_products(plan, workspace.matrix, tile, group, row, plan.by_vectors->q_factor, plan.by_vectors->s_factor);
          factors[row] = 1.0f;
          tops[row] = finish_scores<false>(scores, panels, columns.keep[row], {});
        }
      }
      if (careful) inspect_scores(scores, group, row, columns.keep[row]);
    }
  }
  const FlushTiny flush;
  raise_tops(tops, group.top, bases, alpha);
  for (int row = 0; row < kGroupRows; ++row) result.shifts[row] = bases[row] - row_terms[row];
}

/// Products → weights, and the rows' maxima and sums.
inline void weigh_scores(const Plan& plan, Workspace& workspace, std::int64_t tile, Group& group, bool careful) {
  finish_group_scores(plan, workspace, tile, group, careful);
  const FlushTiny flush;
  const Weighted& result = group.weighted;
  for (int block = 0; block < kBlocks; ++block) {
    if (group.columns->active[block] == 0) continue;
    for (int row = block * kBlockRows; row < std::min<int>((block + 1) * kBlockRows, result.rows); ++row)
      exponentials(group.s + row * plan.s_stride, result.runs[block].runs.data(), result.runs[block].count, result.factors[row], result.shifts[row], result.alpha[row],
                   group.sums + row * kPanel);
  }
}

/// One group, one tile. With `careful`, nothing of a removed pair can reach the result; clean rows come out the same either way.
inline void visit_tile(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile, Group& group,
                       bool careful) {
  if (!find_columns(plan, workspace, group, tile)) return;
  const TileColumns& columns = *group.columns;
  const PackedTile packed = packed_tile(plan, workspace, source, unit, tile);
  if (plan.direct) {  // the careful product of P and V is the packed one alone; the direct one adds in the same order
    DirectRow* const rows = workspace.direct_rows.data();
    for (int row = 0; row < group.place.rows; ++row) rows[row] = direct_row(plan, group, row);
    with_element(plan.call.dtype, [&](auto element) {
      direct_qk<decltype(element)>(plan, workspace.pack_rows, group.place, rows, group.place.rows, columns.active[0] | columns.active[1], tile, {});
    });
  } else {
    products_qk(plan, group, columns, packed.k, group.s, workspace.ahead);
  }
  weigh_scores(plan, workspace, tile, group, careful);
  const FlushTiny flush;
  Weighted& weighted = group.weighted;
  BlockRuns(&runs)[kBlocks] = weighted.runs;
  if (careful) {
    for (int row = 0; row < weighted.rows; ++row)
      if (columns.active[row / kBlockRows] != 0)
        multiply_pv_carefully(group.s + row * plan.s_stride, packed.v, static_cast<std::size_t>(plan.v_panel), static_cast<std::size_t>(plan.v_step), columns.keep[row], weighted.alpha[row],
                              group.o + row * plan.value_padded, static_cast<std::size_t>(plan.value_padded));
    return;
  }
  for (int block = 0; block < kBlocks; ++block) trim_runs(columns.any[block], runs[block].runs, runs[block].count);
  products_pv(plan, group.s, packed.v, runs, weighted.alpha, group.o);
}

/// Rows of the next K that are asked for before the softmax of a tile: what memory brings meanwhile.
inline constexpr std::int64_t kRowsBeforeSoftmax = 8;

/// A tile for all of a task's groups in `live`, where K and V are read where they lie: each row of them once, for the rows of all heads. While one
/// product computes, the other's operand comes from memory: V's rows of this tile, then K's of `next_tile`, or none if that is not greater.
inline void visit_tile_directly(const Plan& plan, Workspace& workspace, std::int64_t tile, std::int64_t next_tile, unsigned live, std::int64_t group_count) {
  Group* groups[kTaskGroups];
  int count = 0, row_count = 0;
  DirectRow* const rows = workspace.direct_rows.data();
  PanelSet active = 0;
  for (std::int64_t i = 0; i < group_count; ++i) {
    Group& group = workspace.groups[static_cast<std::size_t>(i)];
    if ((live >> i & 1) == 0 || !find_columns(plan, workspace, group, tile)) continue;
    groups[count++] = &group;
    active |= group.columns->active[0] | group.columns->active[1];
    for (int row = 0; row < group.place.rows; ++row) rows[row_count++] = direct_row(plan, group, row);
  }
  if (count == 0) return;
  const GroupPlace& place = groups[0]->place;
  with_element(plan.call.dtype, [&](auto element) {
    direct_qk<decltype(element)>(plan, workspace.pack_rows, place, rows, row_count, active, tile,
                                 NextRows(plan, plan.call.v, place, tile * plan.tile, plan.call.value_dim));
  });
  NextRows next;
  // Only where all of the next tile's rows exist: the columns of this one stand for them.
  if (next_tile > tile && plan.tile_count(next_tile) == plan.tile) next = NextRows(plan, plan.call.k, place, next_tile * plan.tile, plan.call.head_dim);
  // The first of them now: memory would else wait for the softmax.
  for (std::int64_t column = 0; column < kRowsBeforeSoftmax; ++column) next.bring(column);
  DirectRow* row = rows;
  for (int i = 0; i < count; ++i) {
    Group& group = *groups[i];
    weigh_scores(plan, workspace, tile, group, false);
    for (int block = 0; block < kBlocks; ++block) trim_runs(group.columns->any[block], group.weighted.runs[block].runs, group.weighted.runs[block].count);
    for (int own = 0; own < group.place.rows; ++own, ++row) {
      row->runs = &group.weighted.runs[own / kBlockRows];
      row->alpha = row->runs->count != 0 ? group.weighted.alpha[own] : 1.0f;
    }
  }
  const FlushTiny flush;
  with_element(plan.call.dtype, [&](auto element) { direct_pv<decltype(element)>(plan, place, rows, row_count, tile, next); });
}

/// Whether a row's sums or outputs are not finite. In a product 0 * NaN is NaN, so what was removed may have leaked.
inline bool needs_care(const Plan& plan, const Group& group, int row) {
  return !all_finite(group.o + row * plan.value_padded, plan.value_padded) || !all_finite(group.sums + row * kPanel, kPanel);
}
inline bool needs_care(const Plan& plan, const Group& group) {
  return !all_finite(group.o, group.place.rows * plan.value_padded) || !all_finite(group.sums, group.place.rows * kPanel);
}

/// What the careful path noted is forgotten.
inline void forget_scores(Group& group) {
  std::fill(group.saw_nan, group.saw_nan + kGroupRows, false);
  std::fill(group.saw_infinity, group.saw_infinity + kGroupRows, false);
}

/// A tile of one group on the matrix unit, row by row and without removed columns.
template <class Tiles>
inline void multiply_pv_by_matrix_carefully(const Plan& plan, const MatrixMemory& memory, const Group& group, std::uint32_t chunks, const float* v) {
  with_parts(plan, [&]<int kParts>() {
    for (int row = 0; row < group.place.rows; ++row) {
      float* const o = group.o + row * plan.value_padded;
      std::copy_n(o, plan.value_padded, memory.o);
      for (std::uint32_t rest = chunks; rest != 0; rest &= rest - 1) {
        const int chunk = std::countr_zero(rest);
        const PanelSet active = group.columns->active[row / kBlockRows];
        const auto keep = static_cast<std::uint32_t>(group.columns->keep[row][static_cast<std::size_t>(chunk / 2)] >> (chunk % 2 * kTileDepth));
        keep_columns(plan, v + chunk * v_chunk_floats(plan), keep, memory.chunk);
        WeighedRows one{group.s + row * plan.s_stride, group.sums + row * kPanel, {active}, {group.weighted.factors[row]}, {group.weighted.shifts[row]}};
        weigh_and_multiply_row<Tiles, kParts>(plan, one, memory.p, memory.chunk, chunk, memory.o);
      }
      std::copy_n(memory.o, plan.value_padded, o);
    }
  });
}

/// A tile for those of the groups `first` to `first` + 3 of a task that are in `live`, on the matrix unit. With `careful`, nothing of a removed pair can
/// reach the result; clean rows come out the same either way.
template <class Tiles>
inline void visit_tile_by_matrix(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t unit, std::int64_t tile, std::int64_t first, unsigned live,
                                 bool careful) {
  Group* const groups = workspace.groups.data() + first;
  const MatrixMemory& memory = workspace.matrix;
  unsigned here = 0;
  std::uint32_t chunks = 0;
  for (std::int64_t i = 0; i < kMatrixGroups; ++i) {
    if ((live >> i & 1) == 0 || !find_columns(plan, workspace, groups[i], tile)) continue;
    here |= 1u << i;
    chunks |= chunks_of(groups[i].columns->active[0] | groups[i].columns->active[1]);
  }
  if (here == 0) return;
  const PackedTile packed = packed_tile(plan, workspace, source, unit, tile);
  with_parts(plan, [&]<int kParts>() {
    matrix_qk<Tiles, kParts>(plan, memory.q + first * kGroupRows * plan.matrix.depth, packed.k, chunks, groups->s, workspace.ahead);
  });
  for (std::int64_t i = 0; i < kMatrixGroups; ++i) {
    if ((here >> i & 1) == 0) continue;
    finish_group_scores(plan, workspace, tile, groups[i], careful);
    const FlushTiny flush;
    for (std::int64_t row = 0; row < kGroupRows; ++row) {
      const float alpha = groups[i].weighted.alpha[row];
      multiply_row(groups[i].o + row * plan.value_padded, plan.value_padded, alpha);
      multiply_row(groups[i].sums + row * kPanel, kPanel, alpha);
    }
  }
  const FlushTiny flush;
  constexpr std::int64_t kHalfGroups = kTileRows / kGroupRows;
  for (std::int64_t half = 0; half < kMatrixGroups; half += kHalfGroups) {
    if ((here >> half & 3) == 0) continue;
    WeighedRows rows;
    rows.s = groups[half].s;
    rows.sums = groups[half].sums;
    std::uint32_t its_chunks = 0;
    for (std::int64_t i = 0; i < kHalfGroups; ++i) {
      if ((here >> (half + i) & 1) == 0) continue;
      const Group& group = groups[half + i];
      for (int block = 0; block < kBlocks; ++block) {
        rows.active[i * kBlocks + block] = group.columns->active[block];
        its_chunks |= chunks_of(group.columns->active[block]);
      }
      std::copy_n(group.weighted.factors, kGroupRows, rows.factors + i * kGroupRows);
      std::copy_n(group.weighted.shifts, kGroupRows, rows.shifts + i * kGroupRows);
      if (careful) multiply_pv_by_matrix_carefully<Tiles>(plan, memory, group, chunks, packed.v);
    }
    if (careful) continue;
    with_parts(plan, [&]<int kParts>() { weigh_and_multiply<Tiles, kParts>(plan, rows, memory.p, packed.v, v_chunk_floats(plan), its_chunks, groups[half].o); });
  }
}

/// A group's tiles: its tiles are those of `all` that have its bit in `live`.
struct LiveTiles {
  TileRange all;
  const std::uint8_t* live;
  template <class Visit>
  void visit(std::int64_t group, const Visit& use) const {
    for (std::int64_t tile = all.first; tile < all.end; ++tile)
      if ((live[tile] >> group & 1) != 0) use(tile);
  }
};

/// A group of which some row is not finite, on the matrix unit once more: first without what is removed. Rows that are still not finite hold a NaN or an
/// infinity: those alone are computed by vectors, where infinities keep their meaning.
template <class Tiles>
inline void compute_again_by_matrix(const Plan& plan, std::int64_t unit, std::int64_t index, const LiveTiles& tiles, Workspace& workspace, const TileSource& source) {
  Group& group = workspace.groups[static_cast<std::size_t>(index)];
  clear_group(plan, group);
  const std::int64_t first = index / kMatrixGroups * kMatrixGroups;
  tiles.visit(index, [&](std::int64_t tile) { visit_tile_by_matrix<Tiles>(plan, workspace, source, unit, tile, first, 1u << (index - first), true); });
  forget_scores(group);
  if (!needs_care(plan, group)) return;

  const Plan& by_vectors = *plan.by_vectors;
  Group& again = *workspace.matrix.again;
  again.place = group.place;
  pack_q(by_vectors, again, workspace.pack_rows);
  enter_group(by_vectors, again);
  clear_group(by_vectors, again);
  forget_scores(again);
  std::int64_t held = -1;
  const TileSource own{nullptr, nullptr, workspace.matrix.again_tile, 1, &held};
  tiles.visit(index, [&](std::int64_t tile) { visit_tile(by_vectors, workspace, own, unit, tile, again, true); });
  for (int row = 0; row < group.place.rows; ++row) {
    if (!needs_care(plan, group, row)) continue;
    std::copy_n(again.o + row * plan.value_padded, plan.value_padded, group.o + row * plan.value_padded);
    std::copy_n(again.sums + row * kPanel, kPanel, group.sums + row * kPanel);
    group.top[row] = again.top[row];
    group.saw_nan[row] = again.saw_nan[row];
    group.saw_infinity[row] = again.saw_infinity[row];
  }
}

/// Kernels without a matrix unit.
struct NoTiles {
  static void start() {}
  static void stop() {}
};

/// The matrix unit's registers belong to the thread that computes, as long as it does.
template <class Tiles>
class TileSession {
 public:
  explicit TileSession(const Plan& plan) : used_(plan.matrix.used) {
    if (used_) Tiles::start();
  }
  ~TileSession() {
    if (used_) Tiles::stop();
  }
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;

 private:
  bool used_;
};

/// The groups of a task, up to their state after `tiles`; returns how many they are.
template <class Tiles>
inline std::int64_t compute_groups(const Plan& plan, std::int64_t unit, std::int64_t task, const TileRange& range, Workspace& workspace,
                                   const TileSource& source) {
  constexpr bool kMatrix = !std::is_same_v<Tiles, NoTiles>;
  const TileSession<Tiles> session(plan);
  const std::int64_t first = task * kTaskGroups, count = std::min(kTaskGroups, plan.groups_per_unit - first);
  Group* const groups = workspace.groups.data();
  for (std::int64_t i = 0; i < count; ++i) {
    start_group(plan, workspace, unit, first + i, i, groups[i]);
    clear_group(plan, groups[i]);
  }
  const TileRange all = find_live_tiles(plan, workspace, count, range);
  const LiveTiles tiles{all, workspace.live.as<std::uint8_t>()};
  const auto next_live = [&](std::int64_t tile) {
    return std::find_if(tiles.live + tile, tiles.live + all.end, [](std::uint8_t groups_there) { return groups_there != 0; }) - tiles.live;
  };
  for (std::int64_t tile = all.end > all.first ? next_live(all.first) : all.end, next; tile < all.end; tile = next) {
    next = next_live(tile + 1);
    const unsigned live = tiles.live[tile];
    if (plan.direct) {
      visit_tile_directly(plan, workspace, tile, next < all.end ? next : tile, live, count);
      continue;
    }
    if constexpr (kMatrix)
      if (plan.matrix.used) {
        for (std::int64_t i = 0; i < count; i += kMatrixGroups) visit_tile_by_matrix<Tiles>(plan, workspace, source, unit, tile, i, live >> i, false);
        continue;
      }
    for (std::int64_t i = 0; i < count; ++i)
      if ((live >> i & 1) != 0) visit_tile(plan, workspace, source, unit, tile, groups[i], false);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    Group& group = groups[i];
    forget_scores(group);
    if (!needs_care(plan, group)) continue;
    if constexpr (kMatrix)
      if (plan.matrix.used) {
        compute_again_by_matrix<Tiles>(plan, unit, i, tiles, workspace, source);
        continue;
      }
    clear_group(plan, group);
    tiles.visit(i, [&](std::int64_t tile) { visit_tile(plan, workspace, source, unit, tile, group, true); });
  }
  return count;
}

template <class Tiles>
inline void run_task(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, const TileSource& source) {
  const std::int64_t count = compute_groups<Tiles>(plan, unit, task, {0, plan.tiles}, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) finish_group(plan, workspace.groups[static_cast<std::size_t>(i)], store_row);
}

template <class Tiles>
inline void run_split(const Plan& plan, std::int64_t unit, std::int64_t task, std::int64_t split, Workspace& workspace, const TileSource& source,
                      float* states) {
  const TileRange tiles{split * plan.split_tiles, std::min((split + 1) * plan.split_tiles, plan.tiles)};
  const std::int64_t count = compute_groups<Tiles>(plan, unit, task, tiles, workspace, source);
  for (std::int64_t i = 0; i < count; ++i) {
    const Group& group = workspace.groups[static_cast<std::size_t>(i)];
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats()) store_state(plan, group, row, states);
  }
}

inline void merge_splits(const Plan& plan, std::int64_t unit, std::int64_t task, Workspace& workspace, float* states) {
  const std::int64_t first = task * kTaskGroups, count = std::min(kTaskGroups, plan.groups_per_unit - first);
  Group& group = workspace.groups.front();
  for (std::int64_t i = 0; i < count; ++i) {
    group.place = place_of(plan, unit, first + i);
    clear_group(plan, group);
    forget_scores(group);
    for (int row = 0; row < group.place.rows; ++row, states += plan.state_floats())
      for (std::int64_t split = 0; split < plan.splits; ++split)
        merge_state(plan, states + split * plan.task_rows() * plan.state_floats(), row, group);
    finish_group(plan, group, store_row);
  }
}

/// The kernels with a matrix unit, or with NoTiles.
template <class Tiles>
inline KernelTable kernels_named(const char* name) {
  return {name, !std::is_same_v<Tiles, NoTiles>, run_task<Tiles>, run_split<Tiles>, merge_splits};
}

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
