// A tile for four groups on the matrix unit, and what is computed again there. Included once for each instruction set.
#if defined(FLEXC_CPU_VISIT_MATRIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FLEXC_CPU_VISIT_MATRIX_INL_H_
#undef FLEXC_CPU_VISIT_MATRIX_INL_H_
#else
#define FLEXC_CPU_VISIT_MATRIX_INL_H_
#endif

#include <functional>

#include "templates/cpu/columns-inl.h"
#include "templates/cpu/live_tiles.h"
#include "templates/cpu/matrix_values-inl.h"
#include "templates/cpu/visit-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flexc::cpu::HWY_NAMESPACE {

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
        const WeighedRows one{group.s + row * plan.s_stride, group.sums + row * kPanel, {active}, {group.weighted.factors[row]}, {group.weighted.shifts[row]}, 0};
        weigh_and_multiply_row<Tiles, kParts>(plan, one, memory.p, memory.chunk, chunk, memory.o);
      }
      std::copy_n(memory.o, plan.value_padded, o);
    }
  });
}

/// Columns that a row keeps and of which some element is beyond the unit's reach.
inline KeepWords kept_of(const KeepWords& columns, const Group& group, int row) {
  KeepWords result;
  for (std::size_t word = 0; word < kKeepWords; ++word) result[word] = columns[word] & group.columns->keep[row][word];
  return result;
}
inline bool is_empty(const KeepWords& columns) {
  return std::all_of(columns.begin(), columns.end(), [](std::uint64_t word) { return word == 0; });
}

/// Notes the rows that keep a column beyond the unit's reach, before their scores are finished. Where a score_mod may yet give such a pair -inf, which keeps nothing, its product is
/// computed without the unit, and note_finished_scores decides.
inline void note_out_of_reach(const Plan& plan, const MatrixMemory& memory, std::int64_t tile, const OutOfReach& columns, Group& group) {
  for (int row = 0; row < group.place.rows; ++row) {
    if (group.out_of_reach[row]) continue;
    const KeepWords k = kept_of(columns.k, group, row);
    if (plan.module.score_class != FLEXC_SCORE_GENERAL)
      group.out_of_reach[row] = !is_empty(k) || !is_empty(kept_of(columns.v, group, row));
    else if (!is_empty(k))
      compute_products(plan, memory, tile, group, row, k, plan.q_factor, 1.0f, [](float) { return true; });
  }
}
inline void note_finished_scores(const Plan& plan, const OutOfReach& columns, Group& group) {
  for (int row = 0; row < group.place.rows; ++row)
    for (const KeepWords& out : {kept_of(columns.k, group, row), kept_of(columns.v, group, row)})
      for (std::size_t word = 0; word < kKeepWords; ++word)
        for (std::uint64_t bits = out[word]; bits != 0 && !group.out_of_reach[row]; bits &= bits - 1)
          group.out_of_reach[row] = group.s[row * plan.s_stride + static_cast<std::int64_t>(word) * 64 + std::countr_zero(bits)] != kMinusInfinity;
}

/// A tile for 32 rows on the matrix unit.
struct MatrixVisit {
  std::int64_t tile = 0, first = 0;  ///< the rows are those of groups `first` to `first` + 3 of a task
  unsigned here = 0;                 ///< those groups that need the tile; bit i: `first` + i
  PanelSet panels[kMatrixRows / kTileRows] = {};
  PackedTile packed;

  template <class Use>
  void each(Workspace& workspace, const Use& use) const {
    for (unsigned rest = here; rest != 0; rest &= rest - 1) use(std::countr_zero(rest), workspace.groups[static_cast<std::size_t>(first + std::countr_zero(rest))]);
  }
  Group* groups(Workspace& workspace) const { return workspace.groups.data() + first; }
};

/// Finds what those groups that are in `live` need of the tile; returns whether that is anything.
inline bool find_visit(const Plan& plan, Workspace& workspace, std::int64_t tile, std::int64_t first, unsigned live, MatrixVisit& visit) {
  visit = {tile, first, 0, {}, {}};
  for (std::int64_t i = 0; i < kMatrixGroups; ++i) {
    const Group& group = visit.groups(workspace)[i];
    if ((live >> i & 1) == 0 || !find_columns(plan, workspace, group, tile)) continue;
    visit.here |= 1u << i;
    visit.panels[i * kGroupRows / kTileRows] |= group.columns->active[0] | group.columns->active[1];
  }
  return visit.here != 0;
}

inline ScoredRows scored_rows(const Plan& plan, Workspace& workspace, const MatrixVisit& visit) {
  return {workspace.matrix.q + visit.first * kGroupRows * plan.matrix.depth, visit.packed.k, visit.panels[0], visit.panels[1], visit.groups(workspace)->s};
}

/// Products → finished scores, and the tile's maxima.
inline void finish_visit_scores(const Plan& plan, Workspace& workspace, const MatrixVisit& visit, bool careful) {
  const OutOfReach* const columns = visit.packed.out_of_reach;
  const bool is_limited = columns && !(is_empty(columns->k) && is_empty(columns->v));
  visit.each(workspace, [&](int, Group& group) {
    if (is_limited) note_out_of_reach(plan, workspace.matrix, visit.tile, *columns, group);
    finish_group_scores(plan, workspace, visit.tile, group, careful);
    if (is_limited) note_finished_scores(plan, *columns, group);
  });
}

/// The rows' maxima so far, older outputs and sums times what that makes of them, and how weights follow. With FlushTiny.
inline void raise_visit(const Plan& plan, Workspace& workspace, const MatrixVisit& visit, WeighedHalves& halves) {
  constexpr int kHalfGroups = static_cast<int>(kTileRows / kGroupRows);
  visit.each(workspace, [&](int i, Group& group) {
    raise_group(group);
    const float* const alpha = group.weighted.alpha;
    // A group's first tile finds nothing to multiply. Row by row nobody can tell beforehand whether a maximum was raised.
    if (!std::all_of(alpha, alpha + kGroupRows, [](float factor) { return factor == 1.0f; }))
      for (std::int64_t row = 0; row < kGroupRows; ++row) {
        multiply_row(group.o + row * plan.value_padded, plan.value_padded, alpha[row]);
        multiply_row(group.sums + row * kPanel, kPanel, alpha[row]);
      }
    WeighedRows& rows = halves[static_cast<std::size_t>(i / kHalfGroups)];
    const std::int64_t first_row = i % kHalfGroups * kGroupRows;
    std::copy_n(group.weighted.factors, kGroupRows, rows.factors + first_row);
    std::copy_n(group.weighted.shifts, kGroupRows, rows.shifts + first_row);
  });
}

/// The columns that the rows' weights are of. What groups have found of the tile is not asked for again: it may become that of the next visit.
inline WeighedHalves weighed_halves(Workspace& workspace, const MatrixVisit& visit) {
  constexpr int kHalfGroups = static_cast<int>(kTileRows / kGroupRows);
  WeighedHalves halves;
  for (std::size_t half = 0; half < halves.size(); ++half) {
    const Group& first = visit.groups(workspace)[static_cast<int>(half) * kHalfGroups];
    halves[half].s = first.s;
    halves[half].sums = first.sums;
  }
  visit.each(workspace, [&](int i, const Group& group) {
    WeighedRows& rows = halves[static_cast<std::size_t>(i / kHalfGroups)];
    for (int block = 0; block < kBlocks; ++block) {
      rows.active[i % kHalfGroups * kBlocks + block] = group.columns->active[block];
      rows.chunks |= chunks_of(group.columns->active[block]);
    }
  });
  return halves;
}

/// A tile for 32 rows, where nothing of a removed pair can reach the result; clean rows come out as they do otherwise.
template <class Tiles>
inline void visit_tile_by_matrix_carefully(const Plan& plan, Workspace& workspace, const TileSource& source, std::int64_t tile, std::int64_t first, unsigned live) {
  MatrixVisit visit;
  if (!find_visit(plan, workspace, tile, first, live, visit)) return;
  visit.packed = packed_tile(plan, workspace, source, visit.groups(workspace)->place, tile);
  with_parts(plan, [&]<int kParts>() { compute_scores<Tiles, kParts>(plan, scored_rows(plan, workspace, visit), workspace.ahead); });
  finish_visit_scores(plan, workspace, visit, true);
  const FlushTiny flush;
  WeighedHalves halves = weighed_halves(workspace, visit);
  raise_visit(plan, workspace, visit, halves);
  visit.each(workspace, [&](int, const Group& group) {
    multiply_pv_by_matrix_carefully<Tiles>(plan, workspace.matrix, group, chunks_of(visit.panels[0] | visit.panels[1]), visit.packed.v);
  });
}

/// All tiles that `groups` groups need, on the matrix unit. While a visit's weights are found and multiplied, in f32, or right after that, the next one's scores are computed.
template <class Tiles>
inline void visit_tiles_by_matrix(const Plan& plan, Workspace& workspace, const TileSource& source, const LiveTiles& tiles, std::int64_t groups) {
  std::int64_t tile = tiles.all.first, first = 0;
  const auto find_next = [&](MatrixVisit& visit) {
    for (; tile < tiles.all.end; ++tile, first = 0)
      while (first < groups && tiles.live[tile] >> first != 0) {
        const unsigned live = tiles.live[tile] >> first;
        first += kMatrixGroups;
        if (find_visit(plan, workspace, tile, first - kMatrixGroups, live, visit)) return true;
      }
    return false;
  };
  const auto compute_its_scores = [&](const MatrixVisit& visit) {
    with_parts(plan, [&]<int kParts>() { compute_scores<Tiles, kParts>(plan, scored_rows(plan, workspace, visit), workspace.ahead); });
  };

  MatrixVisit now, next;
  std::int64_t followed = -1;
  bool has_scores = false;
  for (bool has_now = find_next(now); has_now;) {
    if (now.tile != followed) follow_next_tile(plan, workspace, source, tiles, followed = now.tile, groups);
    if (!has_scores) {
      now.packed = packed_tile(plan, workspace, source, now.groups(workspace)->place, now.tile);
      compute_its_scores(now);
    }
    finish_visit_scores(plan, workspace, now, false);
    WeighedHalves halves = weighed_halves(workspace, now);
    const bool has_next = find_next(next);
    has_scores = has_next && can_hold_both(source, now.tile, next.tile);
    if (has_scores) next.packed = packed_tile(plan, workspace, source, next.groups(workspace)->place, next.tile);
    const FlushTiny flush;
    raise_visit(plan, workspace, now, halves);
    with_parts(plan, [&]<int kParts>() {
      weigh_and_multiply<Tiles, kParts>(plan, halves, workspace.matrix.p, now.packed.v, now.groups(workspace)->o, has_scores ? scored_rows(plan, workspace, next) : ScoredRows{},
                                        workspace.ahead);
    });
    now = next, has_now = has_next;
  }
}

/// Whether a row's result on the unit is not to be used.
inline bool is_refused(const Plan& plan, const Group& group, int row) { return group.out_of_reach[row] || needs_care(plan, group, row); }
inline bool is_refused(const Plan& plan, const Group& group) {
  return std::any_of(group.out_of_reach, group.out_of_reach + group.place.rows, std::identity()) || needs_care(plan, group);
}
inline bool is_within_reach_but_not_finite(const Plan& plan, const Group& group) {
  for (int row = 0; row < group.place.rows; ++row)
    if (!group.out_of_reach[row] && needs_care(plan, group, row)) return true;
  return false;
}

/// A group of which some row is not finite, on the matrix unit once more: first without what is removed. Rows that are still not finite hold a NaN or an
/// infinity: those, and rows out of the unit's reach, are computed by vectors, where infinities keep their meaning.
template <class Tiles>
inline void compute_again_by_matrix(const Plan& plan, std::int64_t index, const LiveTiles& tiles, Workspace& workspace, const TileSource& source) {
  Group& group = workspace.groups[static_cast<std::size_t>(index)];
  if (is_within_reach_but_not_finite(plan, group)) {
    clear_group(plan, group);
    const std::int64_t first = index / kMatrixGroups * kMatrixGroups;
    tiles.visit(index, [&](std::int64_t tile) { visit_tile_by_matrix_carefully<Tiles>(plan, workspace, source, tile, first, 1u << (index - first)); });
    forget_scores(group);
    if (!is_refused(plan, group)) return;
  }

  const Plan& by_vectors = *plan.by_vectors;
  Group& again = *workspace.matrix.again;
  again.place = group.place;
  pack_q(by_vectors, again, kGroupRows);
  enter_group(by_vectors, again);
  clear_group(by_vectors, again);
  std::int64_t held = -1;
  const TileSource own{nullptr, nullptr, workspace.matrix.again_tile, 1, &held};
  tiles.visit(index, [&](std::int64_t tile) { visit_tile(by_vectors, workspace, own, tile, again, true); });
  for (int row = 0; row < group.place.rows; ++row) {
    if (!is_refused(plan, group, row)) continue;
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

}  // namespace flexc::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
